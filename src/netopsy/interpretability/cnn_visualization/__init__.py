"""What units prefer and what layers remember, made visible.

Qin, Yu, Liu and Chen, How convolutional neural network see the world: A survey of convolutional neural network
visualization methods, Mathematical Foundations of Computing 1(2), 2018, arXiv:1804.11191.

`maximise_activation` draws the image that a unit or class prefers, with regularisers that compose;
`invert_representation` and `train_upconv_inverter` rebuild an image from what a layer puts out for it; `deconvnet`
sends one activation back down to the pixels; `dissect` matches units with concepts of which there are masks.

What is marked unconfirmed here and in the docstrings was not checked against the paper's own text.
"""

from netopsy.interpretability.cnn_visualization.deconvolution import crop_to_field, deconvnet
from netopsy.interpretability.cnn_visualization.dissection import dissect, dissect_maps, unit_pixels
from netopsy.interpretability.cnn_visualization.dissection_report import DissectionReport
from netopsy.interpretability.cnn_visualization.inversion import Inversion, balanced_weights, invert_representation
from netopsy.interpretability.cnn_visualization.maximisation import (
    IMAGE_PRIORS,
    GeneratorPrior,
    Preferred,
    maximise_activation,
)
from netopsy.interpretability.cnn_visualization.objectives import LayerUnits
from netopsy.interpretability.cnn_visualization.penalties import (
    AlphaPenalty,
    L2Penalty,
    Penalty,
    TotalVariation,
    alpha_norm,
    total_variation,
)
from netopsy.interpretability.cnn_visualization.regularisers import (
    ClipSmallContribution,
    ClipSmallNorm,
    Correction,
    GaussianBlur,
    Jitter,
    L2Decay,
    Step,
)
from netopsy.interpretability.cnn_visualization.rotation import part_of, random_rotation
from netopsy.interpretability.cnn_visualization.upconv import UpconvNet, reconstruct, train_upconv_inverter
from netopsy.interpretability.dissection.enlarging import Enlarging

__all__ = [
    "IMAGE_PRIORS",
    "AlphaPenalty",
    "ClipSmallContribution",
    "ClipSmallNorm",
    "Correction",
    "DissectionReport",
    "Enlarging",
    "GaussianBlur",
    "GeneratorPrior",
    "Inversion",
    "Jitter",
    "L2Decay",
    "L2Penalty",
    "LayerUnits",
    "Penalty",
    "Preferred",
    "Step",
    "TotalVariation",
    "UpconvNet",
    "alpha_norm",
    "balanced_weights",
    "crop_to_field",
    "deconvnet",
    "dissect",
    "dissect_maps",
    "invert_representation",
    "maximise_activation",
    "part_of",
    "random_rotation",
    "reconstruct",
    "total_variation",
    "train_upconv_inverter",
    "unit_pixels",
]
