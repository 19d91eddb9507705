"""Saliency from one forward and one backward pass, and what can be built on it.

Rebuffi, Fong, Ji and Vedaldi, There and Back Again: Revisiting Backpropagation Saliency Methods, CVPR 2020,
    arXiv:2004.02866.

A saliency map is made in two phases. Phase 1 imagines a layer that changes nothing behind an activation x, and asks
what each location contributes to the gradient of that layer's weight; with g the target's gradient at x, the
contribution of a location is g (a bias), x g (a scaling), or g x^T (a 1x1 convolution). Phase 2 reduces it to one
number. Known methods are cells of this grid, and NormGrad, the norm of g x^T, is the cell that was empty.

What is marked unconfirmed here and in the docstrings was not checked against the paper's own text.
"""

from netopsy.interpretability.layer_maps import TokenGrid, token_grid
from netopsy.interpretability.norm_grad.combination import combine_layers
from netopsy.interpretability.norm_grad.contributions import spatial_contributions
from netopsy.interpretability.norm_grad.meta import meta_saliency
from netopsy.interpretability.norm_grad.pointing import pointing_accuracy, pointing_game
from netopsy.interpretability.norm_grad.saliency import (
    backprop_saliency,
    grad_cam,
    gradient_saliency,
    linear_approx,
    norm_grad,
    selective_norm_grad,
)
from netopsy.interpretability.norm_grad.sensitivity import class_sensitivity, rank_correlation

__all__ = [
    "TokenGrid",
    "backprop_saliency",
    "class_sensitivity",
    "combine_layers",
    "grad_cam",
    "gradient_saliency",
    "linear_approx",
    "meta_saliency",
    "norm_grad",
    "pointing_accuracy",
    "pointing_game",
    "rank_correlation",
    "selective_norm_grad",
    "spatial_contributions",
    "token_grid",
]
