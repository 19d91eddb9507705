"""How the pattern-net study's four claims are answered. The unit is a run: one network, its classes or images
averaged."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise, product
from typing import Any

import numpy as np
import pandas as pd

from netopsy.lab import Part, Tables, above, exact, gain, mean_interval, open_part, paired_difference
from netopsy.studies.interpretability.pattern_net.plan import AT, EARLIER, PATTERNS, RANDOM, TRIPLES, Config

LEAST_LIFT = 1e-3
"""Lifts of 0 count as the smallest there can be."""
LEAST_SUPPORT, FASTER = 0.4, 10.0
NO_PATTERN = "no class has a pattern"


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Combinations, descriptions, boxes and speed."""
    table = tables.rows("class", layer=AT)
    found = table[table["found"] > 0]
    if found.empty:
        yield "pattern-net-1", open_part("log lift ratio", why=NO_PATTERN)
    else:
        counts = [f"{name} {where}" for name in ("pattern", "filter") for where in ("inside", "outside")]
        beside: dict[str, Any] = {
            f"firings, {name}": int(found[name].sum()) for name in (*counts, "equal filter outside")
        }
        lifts = found[["pattern lift", "filter lift", "equal filter lift"]].median()
        beside |= {f"median lift, {name.removesuffix(' lift')}": value for name, value in lifts.items()}
        beside |= {"classes without a pattern": len(table) - len(found)}
        for name, words in (("filter", "best filter"), ("equal filter", "best filter of equal support")):
            ratio = mean_interval(log_lift_ratio(found, name).groupby(found["seed"]).median())
            yield "pattern-net-1", gain(f"log lift ratio to the {words}", ratio, math.log(2), beside=beside)
            beside = {}
        support = float(found["pattern support"].median())
        short, beside = max(0.0, LEAST_SUPPORT - support), {"support": support}
        yield "pattern-net-1", exact(f"median support short of {LEAST_SUPPORT:g} by", short, beside=beside)

    accuracy = tables.wide("answer", layer=AT)
    name = "accuracy, patterns less random triples"
    if {PATTERNS, TRIPLES} <= set(accuracy):
        more = paired_difference(accuracy[PATTERNS], accuracy[TRIPLES])
        yield "pattern-net-2", gain(name, more, 0.01, beside=accuracy.mean().to_dict())
    else:
        yield "pattern-net-2", open_part(name, why=NO_PATTERN)

    recall, before = (tables.wide("box", layer=layer) for layer in (AT, EARLIER))
    beside = recall.mean().add_prefix("recall, ").to_dict()
    beside |= before.mean().add_prefix("recall at the layer before, ").to_dict()
    beside |= {"best overlap": tables.rows("box", layer=AT, method=PATTERNS)["overlap"].mean()}
    beside |= {"pattern peaks inside the box": tables.rows("peak", layer=AT)["value"].mean()}
    if "pattern" in tables:
        beside |= {"height of boxes, pixels": tables.rows("pattern", layer=AT)["height"].mean()}
    more = paired_difference(recall[PATTERNS], recall[RANDOM])
    yield "pattern-net-3", gain("recall, patterns' boxes less random ones", more, 0.2, beside=beside)

    table = time_ratios(tables)
    ratios, bare = (table.pivot(index="round", columns="side", values=own) for own in ("value", "networks alone"))
    beside = {f"networks alone, {size} pixels": value for size, value in bare.median().items()}
    beside |= {f"ratio, {size} pixels": value for size, value in ratios.mean().items()}
    least, first = ratios.columns[0], mean_interval(ratios.iloc[:, 0])
    yield "pattern-net-4", above(f"time ratio at {least} pixels", first, FASTER, unit="rounds", beside=beside)
    for (small, large), (own, words) in product(pairwise(ratios), ((ratios, ""), (bare, ", networks alone"))):
        grown = mean_interval(np.log(own[large]) - np.log(own[small]))
        yield "pattern-net-4", above(f"log growth from {small} to {large} pixels{words}", grown, unit="rounds")
    yield (
        "pattern-net-4",
        "The mining, as long in both ways, makes the ratio grow by itself: both are asked.",
    )
    share = float(tables["agreement"]["value"].min())
    yield "pattern-net-4", exact("share of firings on which both disagree", 1 - share, 0.05)


def log_lift_ratio(found: pd.DataFrame, other: str = "filter") -> Any:
    """Log of the pattern's lift over that of a filter, held out, a value a class and run."""
    return np.log(found["pattern lift"].clip(lower=LEAST_LIFT) / found[f"{other} lift"].clip(lower=LEAST_LIFT))


def time_ratios(tables: Tables) -> pd.DataFrame:
    """A row a size and round: the time of patches over that of one pass, and without the mining."""
    table = tables["speed"]
    alone = table["patches alone"] / table["one pass alone"]
    ratios = {"value": table["patches"] / table["one pass"], "networks alone": alone}
    return table[["side", "round"]].astype(int).assign(**ratios)
