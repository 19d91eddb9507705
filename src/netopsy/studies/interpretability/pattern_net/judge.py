"""How the pattern-net study's four claims are answered. The unit is a run: one network, its classes or images
averaged."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from netopsy.lab import Part, Tables, above, exact, gain, mean_interval, open_part, paired_difference
from netopsy.studies.interpretability.pattern_net.plan import AT, EARLIER, ENERGY, PATTERNS, RANDOM, TRIPLES, Config

LEAST_LIFT = 1e-3
"""Lifts of 0 count as the smallest there can be."""


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Combinations, descriptions, boxes and speed."""
    table = tables.rows("class", layer=AT)
    found = table[table["found"] > 0]
    if found.empty:
        yield "pattern-net-1", open_part("log lift ratio", why="no class has a pattern")
    else:
        counts = ("pattern inside", "pattern outside", "filter inside", "filter outside", "equal filter outside")
        beside: dict[str, Any] = {f"firings, {name}": int(found[name].sum()) for name in counts}
        beside |= {
            f"median lift, {name}": found[f"{name} lift"].median() for name in ("pattern", "filter", "equal filter")
        }
        beside |= {"classes without a pattern": len(table) - len(found)}
        for name, words in (("filter", "best filter"), ("equal filter", "best filter of equal support")):
            ratio = mean_interval(log_lift_ratio(found, name).groupby(found["seed"]).median())
            yield "pattern-net-1", gain(f"log lift ratio to the {words}", ratio, math.log(2), beside=beside)
            beside = {}
        support = float(found["pattern support"].median())
        yield (
            "pattern-net-1",
            exact("median support short of 0.4 by", max(0.0, 0.4 - support), beside={"support": support}),
        )

    accuracy = tables.wide("answer", layer=AT)
    if {PATTERNS, TRIPLES} <= set(accuracy):
        more = paired_difference(accuracy[PATTERNS], accuracy[TRIPLES])
        beside = accuracy.mean().to_dict()
        yield "pattern-net-2", gain("accuracy, patterns less random triples", more, 0.01, beside=beside)
    else:
        yield "pattern-net-2", open_part("accuracy, patterns less random triples", why="no class has a pattern")

    recall = tables.wide("box", layer=AT)
    beside = {f"recall, {name}": recall[name].mean() for name in (PATTERNS, ENERGY, RANDOM)}
    beside |= {
        f"recall at the layer before, {name}": value for name, value in tables.wide("box", layer=EARLIER).mean().items()
    }
    beside |= {"best overlap": tables.rows("box", layer=AT, method=PATTERNS)["overlap"].mean()}
    beside |= {"pattern peaks inside the box": tables.rows("peak", layer=AT)["value"].mean()}
    if "pattern" in tables:
        beside |= {"height of boxes, pixels": tables.rows("pattern", layer=AT)["height"].mean()}
    more = paired_difference(recall[PATTERNS], recall[RANDOM])
    yield "pattern-net-3", gain("recall, patterns' boxes less random ones", more, 0.2, beside=beside)

    ratios = time_ratios(tables)
    sizes = sorted(ratios)
    bare = ratios_without_mining(tables)
    beside = {f"networks alone, {size} pixels": bare[size] for size in sizes}
    beside |= {f"ratio, {size} pixels": ratios[size].mean() for size in sizes}
    part = above(
        f"time ratio at {sizes[0]} pixels", mean_interval(ratios[sizes[0]]), 10.0, unit="rounds", beside=beside
    )
    yield "pattern-net-4", part
    for small, large in pairwise(sizes):
        grown = mean_interval(np.log(ratios[large]) - np.log(ratios[small]))
        yield "pattern-net-4", above(f"log growth from {small} to {large} pixels", grown, unit="rounds")
    share = float(tables["agreement"]["value"].min())
    yield "pattern-net-4", exact("share of firings on which both disagree", 1 - share, 0.05)


def log_lift_ratio(found: pd.DataFrame, other: str = "filter") -> Any:
    """Log of the pattern's lift over that of a filter, held out, a value a class and run."""
    return np.log(found["pattern lift"].clip(lower=LEAST_LIFT) / found[f"{other} lift"].clip(lower=LEAST_LIFT))


def time_ratios(tables: Tables) -> dict[int, Any]:
    """Size to the time of patches over that of one pass, round by round."""
    return {int(size): (own["patches"] / own["one pass"]).to_numpy() for size, own in tables["speed"].groupby("side")}  # type: ignore[call-overload]


def ratios_without_mining(tables: Tables) -> dict[int, float]:
    """The median time ratio at each size, once the mining is taken off both sides."""
    table = tables["speed"]
    networks = table[["patches", "one pass"]].sub(table["mining"], axis=0).clip(lower=1e-3)
    ratios = (networks["patches"] / networks["one pass"]).groupby(table["side"]).median()
    return {int(size): float(ratio) for size, ratio in ratios.items()}
