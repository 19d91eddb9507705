"""How telling patterns are and whether they lie on the object, with the controls that they are held against."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from netopsy.core.shapes import Images, Labels
from netopsy.interpretability.eigen_cam import energy_map
from netopsy.interpretability.pattern_net.firing import Peaks
from netopsy.interpretability.pattern_net.miner import PatternMiner
from netopsy.interpretability.pattern_net.mining import SMOOTHING, Itemset, mine_itemsets


def equal_support(values: Tensor, own: Tensor, support: float) -> tuple[int, float]:
    """The single filter that is best by lift when its threshold is raised until it fires as often in the class.

    The control of equal support: a higher threshold alone makes a filter rarer elsewhere.

    >>> values = torch.tensor([[0.1, 0.9], [0.2, 0.8], [0.3, 0.1], [0.4, 0.2]])
    >>> equal_support(values, torch.tensor([True, True, False, False]), 0.5)[0]
    1
    """
    levels = values[own].quantile(1 - support, dim=0)
    background = (values[~own] > levels).double().mean(0)
    lift = (values[own] > levels).double().mean(0) / (background + SMOOTHING)
    best = int(lift.argmax())
    return best, float(levels[best])


def peaks_inside(miner: PatternMiner, images: Images, labels: Labels, boxes: Tensor) -> dict[int, int]:
    """For each image of a class that has a pattern: whether the pattern's peak lies in the object's box."""
    found: dict[int, int] = {}
    for cls, pattern in best_of_class(miner).items():
        for own in (labels == cls).nonzero()[:, 0].split(256):
            if not len(own):
                continue
            maps = miner.heatmap(images[own.to(images.device)], pattern, resize=False)
            place = maps.flatten(1).argmax(1)
            middle = miner.field_.centre(place // maps.shape[2], place % maps.shape[2])
            box = boxes[own]
            within = ((middle >= box[:, :2]) & (middle < box[:, 2:])).all(1)
            found |= zip(own.tolist(), within.int().tolist(), strict=True)
    return found


def best_of_class(miner: PatternMiner) -> dict[int, int]:
    """Each class that has a pattern, and the number of its best one."""
    found: dict[int, int] = {}
    for number, one in enumerate(miner.patterns_):
        found.setdefault(one.cls, number)
    return found


def moved_boxes(boxes: Tensor, height: int, width: int, random: torch.Generator) -> Tensor:
    """Boxes of the same sizes at random places inside the image.

    >>> moved = moved_boxes(torch.tensor([[0.0, 0.0, 2.0, 3.0]]), 8, 8, torch.Generator().manual_seed(0))
    >>> (moved[:, 2:] - moved[:, :2]).round().tolist()
    [[2.0, 3.0]]
    """
    sizes = boxes[:, 2:] - boxes[:, :2]
    corners = torch.rand(len(boxes), 2, generator=random) * (torch.tensor([height, width]) - sizes).clamp(min=0)
    return torch.cat([corners, corners + sizes], 1)


def mined(maps_of: Callable[[], Tensor], labels: Tensor) -> list[Itemset]:
    """The patterns in the peaks of some maps, found as `PatternMiner` finds them."""
    maps = maps_of().cpu()
    values, cells = maps.flatten(2).max(2)
    peaks = Peaks(values, cells // maps.shape[3], cells % maps.shape[3])
    return mine_itemsets(values > values.quantile(0.8, dim=0), labels, peaks=peaks)


def energy_maps(miner: PatternMiner, images: Tensor) -> Tensor:
    """The norm over filters at each place of the layer, ``[batch, 1, rows, columns]``."""
    maps = energy_map(miner.backbone, images, miner.layer_, resize=False, normalise=False)
    assert isinstance(maps, Tensor)
    return maps.cpu()[:, None]
