"""What a step of synthesis costs, by the images' side and by how many are made at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import torch

from netopsy.interpretability.cnn_visualization import (
    IMAGE_PRIORS,
    LayerUnits,
    invert_representation,
    maximise_activation,
)
from netopsy.lab import Rows
from netopsy.lab.costs import milliseconds
from netopsy.models import small_conv_net

_STEPS, _TOGETHER, _SIDE = 4, 8, 32
_LAYER = "features.norm3"


def measure_cost(parameters: Mapping[str, Any]) -> Rows:
    """Milliseconds for a step of one image, the faster of two runs after one that warms up."""
    model = small_conv_net(seed=0).eval()
    rows: Rows = []

    def timed(by: str, size: int, side: int, count: int) -> None:
        images = torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(0))
        ways: dict[str, Callable[[], object]] = {
            "maximisation": partial(
                maximise_activation,
                model,
                LayerUnits(_LAYER, [number % 24 for number in range(count)]),
                (1, side, side),
                steps=_STEPS,
                regularisers=IMAGE_PRIORS,
            ),
            "inversion": partial(
                invert_representation, model, _LAYER, images, steps=_STEPS, lambda_alpha=1e-3, lambda_tv=1e-3
            ),
        }
        for method, way in ways.items():
            value = milliseconds(way, rounds=2) / (_STEPS * count)
            rows.append({"measure": "synthesis cost", "by": by, "size": size, "method": method, "value": value})

    for side in parameters["sides"]:
        timed("side", side, side, _TOGETHER)
    for count in parameters["counts"]:
        timed("images", count, _SIDE, count)
    return rows
