"""How the causal-paths study's four claims are answered. The unit is a run: one network, all its classes averaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from netopsy.lab import (
    Estimate,
    Part,
    Tables,
    above,
    below,
    between,
    bootstrap_median,
    mean_interval,
    most,
    paired_difference,
)
from netopsy.studies.interpretability.causal_paths.plan import BASELINES, CAUSAL, LARGEST, RANGE, SHUFFLED, Config

MARGIN, ALIKE, OF_FOUR = 0.2, 0.7, 3
UNIT = ["network", "seed"]


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Enough, needed, steady, alike."""
    table = tables["class"].groupby(UNIT).mean(numeric_only=True)
    means = table.mean()
    enough = paired_difference(table["restricted"], table["restricted random"])
    names = ("whole", "restricted", "restricted random", "AUROC whole", "AUROC restricted")
    beside = {name: means[name] for name in names}
    yield "causal-paths-1", above("graph's edges alone less random ones", enough, MARGIN, beside=beside)
    specific = paired_difference(table["restricted"], table["restricted on others"])
    beside = {name: means[name] for name in ("restricted", "restricted on others")}
    yield "causal-paths-1", above("graph's edges on the class less on other classes", specific, MARGIN, beside=beside)

    needed = paired_difference(table["ablated random"], table["ablated"])
    beside = {name: means[name] for name in ("whole", "ablated random", "ablated")}
    yield "causal-paths-2", above("random edges cut less causal ones cut", needed, MARGIN, beside=beside)

    ratios = {name: log_ratio(tables, name) for name in (*BASELINES, SHUFFLED)}
    beside = {f"{name}, maps from 0 to 1": log_ratio(tables, name, RANGE) for name in BASELINES}
    if "irof" in tables:
        beside |= {f"IROF area, {name}": value for name, value in tables["irof"][[CAUSAL, *BASELINES]].mean().items()}
    parts = [below(name, ratios[name]) for name in BASELINES]
    yield "causal-paths-3", most("median log ratio to a baseline", parts, OF_FOUR, beside=beside)
    yield "causal-paths-3", below("median log ratio to the same map of a shuffled graph", ratios[SHUFFLED])

    halves = bootstrap_median(by_run(tables, "halves"))
    soft = {
        f"overwritten by {beta:g}": value for beta, value in tables["beta"].groupby("beta")["value"].median().items()
    }
    soft |= {"by chance, for as many causes": by_chance(tables)}
    yield "causal-paths-4", between("median Jaccard similarity of two halves", halves, ALIKE, 1.0, beside=soft)


def log_ratio(tables: Tables, name: str, scale: str = LARGEST) -> Estimate:
    """The mean over runs of the median over images of log(causal / other)."""
    table = tables.rows("lipschitz", scale=scale)
    ratio: Any = np.log(table[CAUSAL] / table[name]).groupby([table[key] for key in UNIT]).median()
    return mean_interval(ratio)


def by_run(tables: Tables, measure: str) -> pd.Series:
    """One value a run: the mean over classes and repeats."""
    return tables[measure].groupby(UNIT)["value"].mean()


def by_chance(tables: Tables) -> float:
    """The mean similarity of random graphs with as many causes in each layer, but for the input's channels.

    Of ``c`` causes among ``n`` nodes a second draw of as many is expected to share ``c^2 / n``.
    """
    table = tables["layer"][tables["layer"]["rule"] != "input"]
    table = table.assign(shared=table["causes"] ** 2 / table["nodes"])
    sums = table.groupby([*UNIT, "class"])[["causes", "shared"]].sum()
    return float((sums["shared"] / (2 * sums["causes"] - sums["shared"])).mean())
