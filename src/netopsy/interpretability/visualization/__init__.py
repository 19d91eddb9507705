"""What units prefer and what layers remember, made visible.

Qin, Yu, Liu and Chen, How convolutional neural network see the world: A survey of convolutional neural network
visualization methods, Mathematical Foundations of Computing 1(2), 2018, arXiv:1804.11191.

`maximise_activation` draws the image that a unit or class prefers, with regularisers that compose;
`invert_representation` and `train_upconv_inverter` rebuild an image from what a layer puts out for it.

What is marked unconfirmed here and in the docstrings was not checked against the paper's own text.
"""

from netopsy.interpretability.visualization.inversion import Inversion, balanced_weights, invert_representation
from netopsy.interpretability.visualization.maximisation import (
    IMAGE_PRIORS,
    GeneratorPrior,
    Preferred,
    maximise_activation,
)
from netopsy.interpretability.visualization.objectives import LayerUnits
from netopsy.interpretability.visualization.penalties import (
    AlphaPenalty,
    L2Penalty,
    Penalty,
    TotalVariation,
    alpha_norm,
    total_variation,
)
from netopsy.interpretability.visualization.regularisers import (
    ClipSmallContribution,
    ClipSmallNorm,
    Correction,
    GaussianBlur,
    Jitter,
    L2Decay,
    Step,
)
from netopsy.interpretability.visualization.upconv import UpconvNet, reconstruct, train_upconv_inverter

__all__ = [
    "IMAGE_PRIORS",
    "AlphaPenalty",
    "ClipSmallContribution",
    "ClipSmallNorm",
    "Correction",
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
    "invert_representation",
    "maximise_activation",
    "reconstruct",
    "total_variation",
    "train_upconv_inverter",
]
