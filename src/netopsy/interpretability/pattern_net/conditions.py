"""What a set of filters must fulfil to be a pattern, sets that were learned held against it, and what came closest."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netopsy.core.errors import require
from netopsy.interpretability.pattern_net.firing import Peaks, within
from netopsy.interpretability.pattern_net.mining import Itemset, frequent_itemsets
from netopsy.interpretability.pattern_net.network import PatternLayers, filters_of, train_pattern_layers


@dataclass(frozen=True)
class Conditions:
    """The options of `PatternMiner` of these names."""

    min_size: int
    max_size: int
    min_support: float
    min_lift: float
    radius: int | None
    per_class: int


def learned_layers(
    peaks: Peaks,
    labels: Int[Tensor, "images"],
    thresholds: Float[Tensor, "filters"],
    alive: Bool[Tensor, "filters"],
    per_class: int,
    seed: int,
) -> PatternLayers:
    """Pattern layers over the filters that ever fire, trained on the peaks."""
    classes = labels.unique()
    require(len(classes) > 1, f"labels must hold at least two classes, got {classes.tolist()}")
    widths = (0.1 * peaks.values.std(0)).clamp(min=1e-6)
    layers = PatternLayers(
        thresholds[alive],
        widths[alive],
        patterns=per_class * len(classes),
        classes=int(labels.max()) + 1,
        seed=seed,
    )
    train_pattern_layers(layers, peaks.values[:, alive].float(), labels)
    return layers


def learned_sets(
    layers: PatternLayers,
    fired: Bool[Tensor, "images filters"],
    peaks: Peaks,
    labels: Int[Tensor, "images"],
    numbers: Int[Tensor, "alive"],
    conditions: Conditions,
) -> list[Itemset]:
    """The sets of learned layers that fulfil the conditions on the firings.

    Args:
        numbers: of the filters that the layers know.
    """
    classes, found = labels.unique(), {}
    for cls, members in filters_of(layers, conditions.max_size):
        items = tuple(numbers[list(members)].tolist())
        if len(items) < conditions.min_size or cls not in classes:
            continue
        fires = fired[:, items].all(1) & within(peaks, torch.tensor(items), conditions.radius)
        own = labels == cls
        inside, outside = int(fires[own].sum()), int(fires[~own].sum())
        here, others = int(own.sum()), int((~own).sum())
        one = Itemset(cls, items, inside, outside, inside / here, outside / others)
        if one.support >= conditions.min_support and one.lift >= conditions.min_lift:
            found[cls, items] = one
    return sorted(found.values(), key=lambda one: (one.cls, -one.lift, one.items))


def warn_of_none(
    fired: Bool[Tensor, "images filters"], peaks: Peaks, labels: Int[Tensor, "images"], conditions: Conditions
) -> None:
    """Say what came closest, since nothing fulfils the conditions."""
    size = conditions.min_size
    seen = [
        one
        for cls in labels.unique().tolist()
        for one in frequent_itemsets(
            fired, labels, cls, peaks=peaks, radius=conditions.radius, max_size=size, min_support=0.05
        )
        if len(one.items) == size
    ]
    best = max((one.support for one in seen), default=0.0)
    lift = max((one.lift for one in seen), default=0.0)
    warnings.warn(
        f"no pattern of {size} to {conditions.max_size} filters has support {conditions.min_support} and lift "
        f"{conditions.min_lift}: the largest support seen is {best:.3f}, the largest lift {lift:.3f}",
        stacklevel=3,
    )
