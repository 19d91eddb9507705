"""The answers to the claims."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from netopsy.lab import Estimate, Part, Tables, above, below, between, mean_interval, paired_difference
from netopsy.studies.sparsity.random_pruning.plan import (
    ACCURACY,
    ATTACKED,
    AUROC_FOREIGN,
    AUROC_UNSEEN,
    CALIBRATION,
    DENSE,
    ERK,
    RATIOS,
    SHUFFLED,
    SNIP,
    UNIFORM,
    Beyond,
    Config,
)


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Gaps to the parent by width, leads over uniform densities, positions against numbers, other measures."""
    points = tables.wide("networks", columns=["width", "method", "share"], depth=config.depth)
    at, large = config.density, max(config.compared)
    gaps = pd.DataFrame({width: points[width, DENSE, 1.0] - points[width, ERK, at] for width in config.widths})
    slopes = np.polyfit(np.log2(config.widths), gaps.to_numpy().T, 1)[0]
    beside = {f"gap at width {width}": mean_interval(gaps[width]) for width in config.widths}
    beside |= _gaps_by_depth(tables, config)
    yield "random-pruning-1", below("slope of the gap on log2 of the width", mean_interval(slopes), beside=beside)
    other = {
        f"at density {share:.0%}": mean_interval(points[large, DENSE, 1.0] - points[large, ERK, share])
        for share in config.densities
        if share != at
    }
    yield "random-pruning-1", below(f"gap at width {large}, points", mean_interval(gaps[large]), 1.5, beside=other)

    leads = {width: points[width, ERK, at] - points[width, UNIFORM, at] for width in config.compared}
    small = min(config.compared)
    for name, lead, threshold, width in (
        (f"{ERK} less {UNIFORM}, width {small}, points", leads[small], 2.0, small),
        (f"the same less that at width {large}", leads[small] - leads[large], 0.0, large),
    ):
        means = {f"{method}, width {width}": points[width, method, at].mean() for method in RATIOS}
        yield "random-pruning-2", above(name, mean_interval(lead), threshold, beside=means)

    same = paired_difference(points[large, SNIP, at], points[large, SHUFFLED, at], confidence=0.9)
    means = {method: points[large, method, at].mean() for method in (SNIP, SHUFFLED)} | {
        DENSE: points[large, DENSE, 1.0].mean()
    }
    yield "random-pruning-3", between(f"{SNIP} less shuffled, points", same, -1.5, 1.5, beside=means)
    yield from _judge_beyond(tables, config.beyond)


def _gaps_by_depth(tables: Tables, config: Config) -> dict[str, Estimate]:
    if not config.depths:
        return {}
    at: dict[str, Any] = {"width": config.width_of_depths, "depth": config.depths}
    points = tables.wide("networks", columns=["depth", "method", "share"], **at)
    return {
        f"gap at depth {depth}, width {config.width_of_depths}": mean_interval(
            points[depth, DENSE, 1.0] - points[depth, ERK, share]
        )
        for depth in config.depths
        for share in config.densities_of_depths
        if share == config.density
    }


def _judge_beyond(tables: Tables, own: Beyond) -> Iterator[tuple[str, Part | str]]:
    def of(metric: str) -> tuple[Any, Any, Any]:
        found = tables.wide("beyond", columns=["width", "share"], metric=metric)
        return found[own.width, own.density], found[own.width, 1.0], found[own.matched, 1.0]

    sparse, dense, little = of(ACCURACY)
    accuracy = {
        "accuracy, sparse less dense, points": paired_difference(sparse, dense),
        "accuracy, sparse less the small dense one, points": paired_difference(sparse, little),
    }
    for metric in (AUROC_FOREIGN, AUROC_UNSEEN, CALIBRATION, ATTACKED):
        sparse, dense, little = of(metric)
        better = -1 if metric == CALIBRATION else 1
        gained = paired_difference(better * sparse, better * dense)
        beside = {
            DENSE: dense.mean(),
            "sparse": sparse.mean(),
            f"dense, width {own.matched}": little.mean(),
            "gain over the small dense one": paired_difference(better * sparse, better * little),
        }
        if metric == AUROC_FOREIGN:
            beside |= accuracy
        yield "random-pruning-4", above(f"{metric}: gain of the sparse network", gained, beside=beside)
