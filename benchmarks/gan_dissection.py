"""Dissecting 64 units over 500 images against the loop over units, classes and levels, and the growth of the cost."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.timing import Comparison, Growth
from netopsy.data import scenes
from netopsy.interpretability.gan_dissection import Observed, dissect_observed
from netopsy.interpretability.maps import bilinear

_FRACTIONS = np.logspace(-3, 0, 100)


def benchmarks() -> Iterator[Comparison | Growth]:
    """The same sample on both sides; then more pixels, and more units."""
    chooses, measured = observed(500, 64, 16, seed=0), observed(500, 64, 16, seed=1)
    check(*(one.part(slice(60)) for one in (chooses, measured)))
    yield Comparison(
        "gan_dissection_of_a_layer",
        partial(dissect_observed, measured, chooses),
        partial(loop_over_units, chooses, measured),
        target=0.1,
        peer_name="loop over units",
        rounds=3,
    )
    by_side = {side: observed(20, 64, side, seed=0) for side in (32, 64, 128, 224)}
    yield Growth(
        "gan_dissection_image_side",
        {side: partial(dissect_observed, one, one) for side, one in by_side.items()},
        size_name="side",
        rounds=3,
    )
    by_units = {count: observed(20, count, 64, seed=0) for count in (64, 128, 256, 512)}
    yield Growth(
        "gan_dissection_units",
        {count: partial(dissect_observed, one, one) for count, one in by_units.items()},
        size_name="units",
        rounds=3,
    )


def loop_over_units(chooses: Observed, measured: Observed) -> NDArray[np.float64]:
    """The manner of the reference code, re-created: unit by unit a quantile a level, class by class the counts at each.

    The maps are brought to the size of the images once for all units, as they are there.
    """
    first, second = flat(chooses), flat(measured)
    there, truth = (one.masks.transpose(0, 1).flatten(1).numpy() for one in (chooses, measured))
    found = np.zeros((len(first), len(there)))
    for unit, (values, fresh) in enumerate(zip(first, second, strict=True)):
        levels = np.quantile(values, 1 - _FRACTIONS)
        above = [values > level for level in levels]
        for number, (own, wanted) in enumerate(zip(there, truth, strict=True)):
            best, chosen = -1.0, np.inf
            for level, high in zip(levels, above, strict=True):
                if level <= 0 or own.mean() < 1e-3 or (high == own).mean() <= 0.8:
                    continue
                ratio = quality(high, own)
                if ratio > best:
                    best, chosen = ratio, level
            high = fresh > chosen
            union = (high | wanted).sum()
            found[unit, number] = (high & wanted).sum() / union if union and best >= 0 else 0
    return found


def quality(high: NDArray[np.bool_], there: NDArray[np.bool_]) -> float:
    """Mutual information over joint entropy of two masks."""
    both, first, second = (high & there).mean(), high.mean(), there.mean()
    joint = entropy(both, first - both, second - both, 1 - first - second + both)
    return (entropy(first, 1 - first) + entropy(second, 1 - second) - joint) / joint if joint > 0 else 0.0


def entropy(*shares: float) -> float:
    """In nats."""
    return -sum(share * np.log(share) for share in shares if share > 0)


def check(chooses: Observed, measured: Observed) -> None:
    """Both sides agree: a level of ours is the lower edge of a bin, a thousandth of it wide, and not the quantile."""
    ours, theirs = dissect_observed(measured, chooses).iou.numpy(), loop_over_units(chooses, measured)
    apart = np.abs(ours - theirs)
    assert apart.mean() < 2e-3, f"the IoUs differ by {apart.mean():.1e} on average"
    assert (ours.argmax(1) == theirs.argmax(1)).mean() > 0.95, "the labels differ"


def observed(images: int, units: int, side: int, *, seed: int) -> Observed:
    """Maps behind a ReLU, each of which follows one class in part."""
    masks = scenes(images, side=side, seed=seed).masks
    follows = torch.nn.functional.adaptive_avg_pool2d(masks.float(), 8)[:, torch.arange(units) % masks.shape[1]]
    noise = torch.randn(follows.shape, generator=torch.Generator().manual_seed(seed))
    return Observed((2 * follows + noise - 0.5).relu(), masks)


def flat(one: Observed) -> NDArray[np.float32]:
    """All pixels of each unit in a row."""
    size = one.masks.shape[2], one.masks.shape[3]
    return bilinear(one.maps, size).transpose(0, 1).flatten(1).numpy()
