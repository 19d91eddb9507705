"""Preferred images of a layer's units as one batch against one unit at a time, and the growth with size and number."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import nn

from benchmarks.timing import Comparison, Growth
from netopsy.interpretability.cnn_visualization import (
    IMAGE_PRIORS,
    LayerUnits,
    Preferred,
    invert_representation,
    maximise_activation,
)
from netopsy.models import small_conv_net

UNITS, STEPS = 48, 10
LAYER = "features.conv4"


def benchmarks() -> Iterator[Comparison | Growth]:
    """The network that is examined by default, on its 8 pixels a side, and the small network of the zoo on 32."""
    examined, model = small_conv_net(strides=(1, 1, 2, 1)).eval(), small_conv_net().eval()
    for network, side in ((examined, 8), (model, 32)):
        check(network, side)
        yield Comparison(
            f"activation_maximization_side_{side}",
            partial(make, network, None, side),
            partial(one_at_a_time, network, side),
            target=0.25,
            peer_name="one unit at a time",
            rounds=5,
        )
    yield Growth(
        "activation_maximization_units",
        {count: partial(make, model, range(count), 32) for count in (1, 4, 16, 48)},
        size_name="units",
    )
    sides = (32, 64, 128, 224)
    yield Growth(
        "activation_maximization_image_side",
        {side: partial(make, model, range(8), side) for side in sides},
        size_name="side",
    )
    images = {side: torch.rand(8, 1, side, side) for side in sides}
    yield Growth(
        "inversion_image_side",
        {
            side: partial(invert_representation, model, LAYER, images[side], lambda_tv=1e-3, steps=STEPS)
            for side in sides
        },
        size_name="side",
    )


def make(model: nn.Module, units: range | None, side: int, start: torch.Tensor | None = None) -> Preferred:
    """Preferred images of the units, all with the same priors."""
    target = LayerUnits(LAYER, units)
    return maximise_activation(model, target, (1, side, side), steps=STEPS, regularisers=IMAGE_PRIORS, init=start)


def one_at_a_time(model: nn.Module, side: int, start: torch.Tensor | None = None) -> list[Preferred]:
    """The same in a loop over units."""
    return [make(model, range(unit, unit + 1), side, start) for unit in range(UNITS)]


def check(model: nn.Module, side: int) -> None:
    """From the same start both sides make the same images, up to rounding that grows from step to step."""
    start = torch.rand(1, 1, side, side, generator=torch.Generator().manual_seed(0))
    together = make(model, None, side, start).images
    alone = torch.cat([each.images for each in one_at_a_time(model, side, start)])
    error = (together - alone).abs().mean()
    assert error < 1e-3, f"the images differ by {error:.1e} on average"
