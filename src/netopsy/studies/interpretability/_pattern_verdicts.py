"""What the measurements of the pattern-net study say about its four claims. The criteria are the catalogue's."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from netopsy.catalogue import claim
from netopsy.lab import Verdict, bootstrap_mean, bootstrap_median, mean_interval
from netopsy.lab.verdicts import Answer
from netopsy.studies.interpretability._pattern_measures import (
    ENERGY,
    FIRINGS,
    HEAD,
    MEANS,
    PATTERNS,
    RANDOM,
    TRIPLES,
)

PAPER = "pattern-net"
AT = "last"
"""The layer that the claims speak of: the last one, as in the paper."""


def judge(rows: pd.DataFrame, config: Any) -> list[Verdict]:
    """One verdict a claim."""
    return [combinations(rows), classification(rows), boxes(rows), faster(rows)]


def combinations(rows: pd.DataFrame) -> Verdict:
    """pattern-net-1: the best pattern of each class against its best filter, held out."""
    table = of(rows, "class")
    found = table[table["found"] > 0]
    about = claim(PAPER, "pattern-net-1")
    if found.empty:
        return Verdict.undecided(about, "no class has a pattern")
    ratio = bootstrap_median(log_lift_ratio(found))
    support = float(found["pattern support"].median())
    counts = found[["pattern inside", "pattern outside", "filter inside", "filter outside"]].sum().astype(int)
    answer: Answer = "holds" if ratio.value > math.log(2) and ratio.low > 0 and support >= 0.4 else "undecided"
    if ratio.high <= math.log(2) or support < 0.4:
        answer = "does not hold"
    detail = (
        f"median lift held out: pattern {found['pattern lift'].median():.0f}, filter "
        f"{found['filter lift'].median():.1f}; support {support:.2f} and {found['filter support'].median():.2f}; "
        f"firings in the class and elsewhere, summed: patterns {counts.iloc[0]} and {counts.iloc[1]}, filters "
        f"{counts.iloc[2]} and {counts.iloc[3]}; "
        f"{len(table) - len(found)} of {len(table)} classes without a pattern"
    )
    return Verdict.of(about, answer, ratio, detail)


def classification(rows: pd.DataFrame) -> Verdict:
    """pattern-net-2: accuracy on patterns less that on as many random triples, over images."""
    table = of(rows, "answer")
    gain = bootstrap_mean(table[PATTERNS], table[TRIPLES], resamples=1999)
    words = ", ".join(
        f"{name} {table[name].mean():.3f}" for name in (PATTERNS, TRIPLES, MEANS, FIRINGS, HEAD) if name in table
    )
    return Verdict.exceeds(claim(PAPER, "pattern-net-2"), gain, 0.01, f"accuracy: {words}")


def boxes(rows: pd.DataFrame) -> Verdict:
    """pattern-net-3: recall of the patterns' boxes less that of random ones, over images."""
    table = of(rows, "box")
    gain = bootstrap_mean(table[PATTERNS], table[RANDOM], resamples=1999)
    patterns = of(rows, "pattern")
    earlier = of(rows, "box", "earlier")
    details = [f"recall: {recalls(table)}; mean best overlap {table[f'{PATTERNS} overlap'].mean():.2f}"]
    if len(patterns):
        details.append(f"boxes {patterns['height'].mean():.1f} pixels high on average")
        inside = table["peak inside"].astype(float).mean()
        details.append(f"the class's best pattern peaks inside the box in {inside:.2f}")
    if len(earlier):
        details.append(f"at the layer before: {recalls(earlier)}")
    detail = "; ".join(details)
    return Verdict.exceeds(claim(PAPER, "pattern-net-3"), gain, 0.2, detail)


def recalls(table: pd.DataFrame) -> str:
    """Recall by kind of box."""
    return ", ".join(f"{name} {table[name].mean():.3f}" for name in (PATTERNS, ENERGY, RANDOM))


def faster(rows: pd.DataFrame) -> Verdict:
    """pattern-net-4: time of patches over time of one pass at the smallest size, and how it grows; with how far both agree."""
    ratios = {size: mean_interval(own) for size, own in time_ratios(rows).items()}
    sizes = sorted(ratios)
    logs = time_ratios(rows)
    growths = [mean_interval(np.log(logs[large]) - np.log(logs[small])) for small, large in pairwise(sizes)]
    first = ratios[sizes[0]]
    about = claim(PAPER, "pattern-net-4")
    shares = rows[rows["measure"] == "agreement"].set_index("side")["value"]
    words = ", ".join(f"{size} pixels {ratios[size]:.1f}" for size in sizes)
    bare = ", ".join(f"{value:.1f}" for value in ratios_without_mining(rows))
    grown = ", ".join(f"{growth:.2f}" for growth in growths)
    parts = [
        Verdict.above(about, first, 10.0, f"time ratio: {words} (of the networks alone: {bare})"),
        Verdict.above(about, min(growths, key=lambda one: one.low), 0.0, f"log growth from size to size: {grown}"),
    ]
    alike = Verdict.of(
        about,
        "holds" if shares.min() >= 0.95 else "does not hold",
        None,
        f"agreement on firing away from borders: {shares.min():.3f}",
    )
    return Verdict.all_of(about, [*parts, alike])


def log_lift_ratio(found: pd.DataFrame) -> Any:
    """Log of the pattern's lift over the filter's, held out; lifts of 0 count as the smallest there can be."""
    least = 1e-3
    return np.log(found["pattern lift"].clip(lower=least) / found["filter lift"].clip(lower=least))


def time_ratios(rows: pd.DataFrame) -> dict[int, Any]:
    """Size to the time of patches over that of one pass, round by round."""
    table = rows[rows["measure"] == "speed"]
    return {int(float(str(size))): (own["patches"] / own["one pass"]).to_numpy() for size, own in table.groupby("side")}


def ratios_without_mining(rows: pd.DataFrame) -> list[float]:
    """The median time ratio at each size, once the mining is taken off both sides."""
    table = rows[rows["measure"] == "speed"]
    networks = table[["patches", "one pass"]].sub(table["mining"], axis=0).clip(lower=1e-3)
    return (networks["patches"] / networks["one pass"]).groupby(table["side"]).median().tolist()


def of(rows: pd.DataFrame, measure: str, layer: str = AT) -> pd.DataFrame:
    """The rows of one measure at one of the two layers."""
    return rows[(rows["measure"] == measure) & (rows["layer"] == layer)]
