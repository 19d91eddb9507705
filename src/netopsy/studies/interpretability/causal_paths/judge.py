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
from netopsy.studies.interpretability.causal_paths.plan import BASELINES, CAUSAL, LARGEST, RANGE, RUN, SHUFFLED, Config

MARGIN, ALIKE, OF_FOUR = 0.2, 0.7, 3
AUROC = ("whole", "AUROC whole", "AUROC restricted")


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Enough, needed, steady, alike."""
    table = tables["class"].groupby(RUN).mean(numeric_only=True)
    means = table.mean()
    for claim, name, ours, theirs, others in (
        (1, "graph's edges alone less random ones", "restricted", "restricted random", AUROC),
        (1, "graph's edges on the class less on other classes", "restricted", "restricted on others", ()),
        (2, "random edges cut less causal ones cut", "ablated random", "ablated", ("whole",)),
    ):
        more = paired_difference(table[ours], table[theirs])
        beside = means[[ours, theirs, *others]].to_dict()
        yield f"causal-paths-{claim}", above(name, more, MARGIN, beside=beside)

    beside = {f"{name}, maps from 0 to 1": log_ratio(tables, name, RANGE) for name in BASELINES}
    if "irof" in tables:
        beside |= tables["irof"][[CAUSAL, *BASELINES]].mean().add_prefix("IROF area, ").to_dict()
    parts = [below(name, log_ratio(tables, name)) for name in BASELINES]
    yield "causal-paths-3", most("median log ratio to a baseline", parts, OF_FOUR, beside=beside)
    shuffled = log_ratio(tables, SHUFFLED)
    yield "causal-paths-3", below("median log ratio to the same map of a shuffled graph", shuffled)

    halves = bootstrap_median(by_run(tables, "halves"))
    soft = tables["beta"].groupby("beta")["value"].median()
    beside = {f"overwritten by {beta:g}": value for beta, value in soft.items()}
    beside |= {"by chance, for as many causes": by_chance(tables)}
    yield "causal-paths-4", between("median Jaccard similarity of two halves", halves, ALIKE, 1.0, beside=beside)


def log_ratio(tables: Tables, name: str, scale: str = LARGEST) -> Estimate:
    """The mean over runs of `log_ratios`."""
    return mean_interval(log_ratios(tables, name, scale))


def log_ratios(tables: Tables, name: str, scale: str) -> Any:
    """A value a run: the median over images of log(causal / other)."""
    table = tables.rows("lipschitz", scale=scale).set_index(RUN)
    return np.log(table[CAUSAL] / table[name]).groupby(RUN).median()


def by_run(tables: Tables, measure: str) -> pd.Series:
    """One value a run: the mean over classes and repeats."""
    return tables.mean(measure, RUN)


def by_chance(tables: Tables) -> float:
    """The mean similarity of random graphs with as many causes in each layer, but for the input's channels.

    Of ``c`` causes among ``n`` nodes a second draw of as many is expected to share ``c^2 / n``.
    """
    table = tables["layer"][tables["layer"]["rule"] != "input"]
    table = table.assign(shared=table["causes"] ** 2 / table["nodes"])
    sums = table.groupby([*RUN, "class"])[["causes", "shared"]].sum()
    return float((sums["shared"] / (2 * sums["causes"] - sums["shared"])).mean())
