"""Dissection of 64 units on 500 labelled images against a loop over units and concepts, and its growth."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from benchmarks.timing import Comparison, Growth
from netopsy.data.concept_images import ConceptImages, concept_images
from netopsy.interpretability.cnn_visualization.dissection import dissect_maps
from netopsy.interpretability.dissection.enlarging import Enlarging

QUANTILE, IMAGES, UNITS, GRID = 0.005, 500, 64, 12


def benchmarks() -> Iterator[Comparison | Growth]:
    """From activations to intersection over union of all pairs; then more units, and larger images."""
    concepts = concept_images(IMAGES)
    maps = smooth_maps(IMAGES, UNITS, GRID)
    masks = masks_of(concepts)
    check(concepts[:100], maps[:100, :4])
    yield Comparison(
        "dissection",
        partial(dissect_maps, maps, concepts, quantile=QUANTILE),
        partial(loop_over_units, maps, masks),
        target=0.05,
        peer_name="loop over units",
        rounds=3,
    )
    yield Growth(
        "dissection_units",
        {units: partial(dissect_maps, maps[:, :units], concepts) for units in (8, 16, 32, 64)},
        size_name="units",
        rounds=3,
    )
    yield Growth(
        "dissection_image_side",
        {
            side: partial(dissect_maps, smooth_maps(200, 32, side // 4), concept_images(200, size=side))
            for side in (32, 64, 128, 224)
        },
        size_name="side",
        rounds=3,
    )


def loop_over_units(maps: Tensor, masks: dict[str, Tensor]) -> Tensor:
    """Unit by unit and concept by concept: enlarge, compare with the threshold, and, or, count."""
    rows = []
    for unit in range(maps.shape[1]):
        own = maps[:, unit]
        most = int(QUANTILE * own.numel())
        threshold = own.flatten().topk(most + 1).values[-1]
        above = torch.nn.functional.interpolate(
            own[:, None] - threshold, size=next(iter(masks.values())).shape[-2:], mode="bilinear", align_corners=False
        )
        above = (above > 0)[:, 0]
        row = []
        for category in masks.values():
            for mask in category:
                both = (above & mask).sum()
                row.append(both / (above.sum() + mask.sum() - both).clamp(min=1))
        rows.append(torch.stack(row))
    return torch.stack(rows).double()


def masks_of(concepts: ConceptImages) -> dict[str, Tensor]:
    """A mask a concept, by category: every image is annotated in every category."""
    return {
        category: torch.stack([labels == number for number in range(len(concepts.names[category]))])
        for category, labels in concepts.labels.items()
    }


def check(concepts: ConceptImages, maps: Tensor) -> None:
    """The two sides compute the same."""
    even = Enlarging.evenly((48, 48), (GRID, GRID))
    ours = dissect_maps(maps, concepts, quantile=QUANTILE, enlarge=even).iou
    error = (ours - loop_over_units(maps, masks_of(concepts))).abs().max()
    assert error < 1e-4, f"intersections over unions differ by {error:.1e}"


def smooth_maps(images: int, units: int, side: int) -> Tensor:
    """Maps behind a ReLU whose neighbouring places are alike."""
    noise = torch.randn(images, units, side, side, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.avg_pool2d(noise, 3, stride=1, padding=1).relu()
