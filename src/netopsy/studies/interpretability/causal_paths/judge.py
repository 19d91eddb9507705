"""How the causal-paths study's four claims are answered. The unit is a run: one network, all its classes averaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from netopsy.lab import Estimate, Part, Tables, bootstrap_median, mean_interval, paired_difference
from netopsy.lab.judging import above, below, between, most
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

    for name, measure, beside in (
        ("median Jaccard similarity of two halves", "halves", {"by chance, for as many causes": by_chance(tables)}),
        ("median similarity of soft interventions to weights set to 0", "beta", _by_value(tables)),
    ):
        alike = bootstrap_median(by_run(tables, measure))
        yield "causal-paths-4", between(name, alike, ALIKE, 1.0, beside=beside)
    yield "causal-paths-4", "Halves of the images are our question; soft interventions are the paper's."


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


def _by_value(tables: Tables) -> dict[str, float]:
    """The median similarity for each value that weights are overwritten by."""
    medians = tables["beta"].groupby("beta")["value"].median()
    return {f"overwritten by {beta:g}": value for beta, value in medians.items()}


def by_chance(tables: Tables) -> float:
    """The mean similarity of random graphs with as many causes in each layer, but for the input's channels.

    Of ``c`` causes among ``n`` nodes a second draw of as many is expected to share ``c^2 / n``.
    """
    table = tables["layer"][tables["layer"]["rule"] != "input"]
    table = table.assign(shared=table["causes"] ** 2 / table["nodes"])
    sums = table.groupby([*RUN, "class"])[["causes", "shared"]].sum()
    return float((sums["shared"] / (2 * sums["causes"] - sums["shared"])).mean())
