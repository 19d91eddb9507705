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

QUANTILE = 0.8
"""A filter fires above this quantile of its peaks; unconfirmed, as all constants."""


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


def quantile_for(labels: Int[Tensor, "images"], min_support: float) -> float:
    """The quantile above which filters fire: 0.8 wherever one that fires in one class alone can have the support.

    Of all images a share of 0.2 is above that, which is at most 0.4 of each of two equal classes. Where no class can
    have the support, the quantile is one less the share of the smallest class: a filter may fire in all of it.

    >>> quantile_for(torch.arange(30) % 3, 0.5), quantile_for(torch.arange(30) % 2, 0.5)
    (0.8, 0.5)
    """
    smallest = int(labels.unique(return_counts=True)[1].min()) / len(labels)
    return QUANTILE if most_support(QUANTILE, smallest) >= min_support else 1 - smallest


def most_support(quantile: float, share: float) -> float:
    """In how much of a class, of this share of the images, a filter can fire at most."""
    return min(1.0, (1 - quantile) / share)


def warn_of_none(
    fired: Bool[Tensor, "images filters"],
    peaks: Peaks,
    labels: Int[Tensor, "images"],
    conditions: Conditions,
    quantile: float | None,
) -> None:
    """Say why nothing was found, and what came closest.

    Args:
        quantile: of the firings, where it fixes how often a filter fires.
    """
    size, seen, alone = conditions.min_size, [], []
    for cls in labels.unique().tolist():
        for one in frequent_itemsets(
            fired, labels, cls, peaks=peaks, radius=conditions.radius, max_size=size, min_support=0.05
        ):
            enough = one.support >= conditions.min_support and one.lift >= conditions.min_lift
            if len(one.items) == size:
                seen.append((one, enough))
            elif enough:
                alone.append(one)
    best = max((one.support for one, _ in seen), default=0.0)
    lift = max((one.lift for one, _ in seen), default=0.0)
    text = f"no pattern of {size} to {conditions.max_size} filters"
    share = int(labels.unique(return_counts=True)[1].min()) / len(labels)
    if quantile is not None and most_support(quantile, share) < conditions.min_support:
        text += (
            f" is possible: above quantile={quantile} a filter fires in {1 - quantile:.3g} of all images, at most "
            f"{most_support(quantile, share):.3g} of a class that is {share:.3g} of them, and min_support is "
            f"{conditions.min_support}; set quantile to {1 - conditions.min_support * share:.3g} or less, or leave it "
            "out"
        )
    elif any(enough for _, enough in seen):
        by = min(alone, key=lambda one: (-one.lift, one.items), default=None)
        part = "smaller sets explain" if by is None else f"filter {by.items[0]} of class {by.cls} explains"
        text += (
            f" is left: some have support {conditions.min_support} and lift {conditions.min_lift} (up to {best:.3f} "
            f"and {lift:.3f}), but a part of each is as telling by itself ({part} them); set min_size=1 to have single "
            "filters too"
        )
    else:
        text += (
            f" has support {conditions.min_support} and lift {conditions.min_lift}: the largest support seen is "
            f"{best:.3f}, the largest lift {lift:.3f}"
        )
    warnings.warn(text, stacklevel=3)
