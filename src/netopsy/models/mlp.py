"""Multilayer perceptrons."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from netopsy.core.errors import require
from netopsy.models.blocks import activation_layer, linear, named, require_counts
from netopsy.models.initialisation import initialise


def mlp(
    sizes: Sequence[int],
    *,
    activation: str = "relu",
    bias: bool = True,
    initialisation: str = "glorot_normal",
    seed: int = 0,
) -> nn.Sequential:
    """A perceptron with layers of the given ``sizes``, inputs first, logits last.

    It takes inputs of any shape and flattens them. Its layers are called ``flatten``, ``fc1``, ``act1``, ``fc2``, ...,
    ``output``.

    >>> import torch
    >>> mlp([4, 3, 2])(torch.zeros(5, 1, 2, 2)).shape
    torch.Size([5, 2])
    """
    require_counts("sizes", sizes)
    require(len(sizes) > 1, f"sizes must name at least inputs and outputs, got {tuple(sizes)}")
    activation_layer(activation)  # complains, also where no layer comes between inputs and outputs
    layers: list[tuple[str, nn.Module]] = [("flatten", nn.Flatten())]
    for number, (inputs, outputs) in enumerate(pairwise(sizes[:-1]), start=1):
        layers += [
            (f"fc{number}", linear(inputs, outputs, bias)),
            (f"act{number}", activation_layer(activation)),
        ]
    layers.append(("output", linear(sizes[-2], sizes[-1], bias)))
    return initialise(named(layers), initialisation, seed=seed)


def lenet_300_100(inputs: int = 784, classes: int = 10, *, seed: int = 0) -> nn.Sequential:
    """The fully connected LeNet-300-100 of LeCun et al. 1998, with Gaussian Glorot weights.

    As in Frankle and Carbin 2019, Fig. 2: 266,200 weights for MNIST's 784 inputs, beside 410 biases.

    >>> sum(weight.numel() for name, weight in lenet_300_100().named_parameters() if name.endswith("weight"))
    266200
    """
    return mlp((inputs, 300, 100, classes), seed=seed)
