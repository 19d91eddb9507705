"""Preferred images of 64 units in batches of 32 against one unit at a time, and the growth with size and number."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch

from benchmarks.timing import Comparison, Growth
from netopsy.interpretability.visualization import (
    IMAGE_PRIORS,
    LayerUnits,
    Preferred,
    invert_representation,
    maximise_activation,
)
from netopsy.models import small_conv_net

UNITS, STEPS, SIDE = 64, 10, 32
TOGETHER = 32
"""Images at once: as many as a CPU's cache likes."""
LAYER = "features.conv3"


def benchmarks() -> Iterator[Comparison | Growth]:
    """Both sides make the same images with the same priors."""
    model = small_conv_net((12, 24, UNITS, 48), seed=0).eval()
    check(model)
    yield Comparison(
        "activation_maximization_batched",
        partial(make, model, None),
        partial(one_at_a_time, model),
        target=0.25,
        peer_name="one unit at a time",
        rounds=5,
    )
    yield Growth(
        "activation_maximization_units",
        {count: partial(make, model, range(count)) for count in (1, 4, 16, 64)},
        size_name="units",
    )
    yield Growth(
        "activation_maximization_image_side",
        {side: partial(make, model, range(8), side) for side in (32, 64, 128, 224)},
        size_name="side",
    )
    images = {side: torch.rand(8, 1, side, side) for side in (32, 64, 128, 224)}
    yield Growth(
        "inversion_image_side",
        {
            side: partial(invert_representation, model, LAYER, images[side], lambda_tv=1e-3, steps=STEPS)
            for side in images
        },
        size_name="side",
    )


def make(model: torch.nn.Module, units: range | None, side: int = SIDE, start: torch.Tensor | None = None) -> Preferred:
    """Preferred images of the units."""
    target = LayerUnits(LAYER, units)
    return maximise_activation(
        model, target, (1, side, side), steps=STEPS, regularisers=IMAGE_PRIORS, init=start, batch_size=TOGETHER
    )


def one_at_a_time(model: torch.nn.Module, start: torch.Tensor | None = None) -> list[Preferred]:
    """The same in a loop over units."""
    return [make(model, range(unit, unit + 1), start=start) for unit in range(UNITS)]


def check(model: torch.nn.Module) -> None:
    """From the same start both sides make the same images, up to rounding that grows from step to step."""
    start = torch.rand(1, 1, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    together = make(model, None, start=start).images
    alone = torch.cat([each.images for each in one_at_a_time(model, start)])
    error = (together - alone).abs().mean()
    assert error < 1e-3, f"the images differ by {error:.1e} on average"
