"""How the four claims on neural common neighbours are answered. The unit is a run: a split with features and first
weights of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from netopsy.graphs.neural_common_neighbor import RULES
from netopsy.lab import Part, Tables, above, below, gain, mean_interval, paired_difference
from netopsy.studies.graphs.neural_common_neighbor.plan import (
    COUNT,
    DIGITS,
    GAE,
    NCN,
    NCNC,
    RECIPES,
    SEEN,
    TUNED,
    Config,
)

OVER_PLAIN, OVER_NCN, BY_REMOVAL, TIMES = 0.03, 0.02, 0.01, 3.0
SHOWN = (RULES[0], GAE, COUNT, NCN, NCNC, TUNED)


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """The order of the predictors, target links, incomplete graphs, and the time."""
    deepest = max(config.training.ks)
    hits = by_seed(tables, f"Hits@{deepest}")
    both = hits[[*SHOWN]].dropna()
    plain = both[[GAE, RULES[0]]].max(axis=1)
    beside: dict[str, Any] = {name: both[name].mean() for name in SHOWN}
    beside |= {f"{NCN} less {COUNT}": paired_difference(both[NCN], both[COUNT])}
    name = f"Hits@{deepest}, {NCN} less the better of {GAE} and count"
    yield "neural-common-neighbor-1", gain(name, paired_difference(both[NCN], plain), OVER_PLAIN, beside=beside)
    others = {}
    for metric in (*(f"Hits@{k}" for k in config.training.ks if k != deepest), "AP"):
        own = by_seed(tables, metric)[[NCN, NCNC]].dropna()
        others[f"the same in {metric}"] = paired_difference(own[NCNC], own[NCN])
    more = paired_difference(both[NCNC], both[NCN])
    yield "neural-common-neighbor-1", gain(f"Hits@{deepest}, {NCNC} less {NCN}", more, OVER_NCN, beside=others)
    yield from (("neural-common-neighbor-1", item) for item in real_networks(tables, config))

    pairs = hits[[NCN, SEEN]].dropna()
    counts = tables["counts"].groupby("which", sort=False)[["mean", "distance"]].mean()
    beside = {NCN: pairs[NCN].mean(), SEEN: pairs[SEEN].mean()}
    beside |= {f"neighbours in common, {which}": row["mean"] for which, row in counts.iterrows()}
    beside |= {f"Kolmogorov distance, {which}": row["distance"] for which, row in counts.iterrows() if row["distance"]}
    removed = paired_difference(pairs[NCN], pairs[SEEN])
    name = f"Hits@{deepest}, targets removed less seen"
    yield "neural-common-neighbor-2", gain(name, removed, BY_REMOVAL, beside=beside)

    leads = lead(tables, f"Hits@{deepest}")
    centred = np.array(leads.columns, dtype=float) - np.mean(leads.columns)
    slopes = mean_interval(leads.to_numpy(dtype=float) @ centred / (centred**2).sum())
    beside = {f"lead, {drop:.0%} thrown away": leads[drop].mean() for drop in leads}
    yield "neural-common-neighbor-3", above(f"slope of {NCNC}'s lead in Hits@{deepest}", slopes, beside=beside)

    times = tables.wide("cost", index=["repeat", "nodes"], columns="model")
    ratio = (times[NCN] / times[GAE]).unstack("nodes")
    bare = ((times[NCN] - times["encoder alone"]) / (times[GAE] - times["encoder alone"])).unstack("nodes")
    beside = {f"ratio, {nodes:,} nodes": ratio[nodes].mean() for nodes in ratio}
    beside |= {f"without the encoder, {nodes:,} nodes": bare[nodes].median() for nodes in ratio}
    completed = (times[NCNC] / times[GAE]).dropna()
    if len(completed):
        beside |= {f"{NCNC} over {GAE}, {completed.index[-1][1]:,} nodes": completed.iloc[-1]}
    name = f"{NCN}'s time over {GAE}'s, largest over the sizes"
    yield "neural-common-neighbor-4", below(name, mean_interval(ratio.max(axis=1)), TIMES, unit="graphs", beside=beside)


def real_networks(tables: Tables, config: Config) -> Iterator[Part | str]:
    """Citation networks by the paper's recipes are judged; others are told in a sentence each."""
    for name in tables["held out"]["network"].unique():
        if name == DIGITS:
            continue
        if config.recipes and name in RECIPES:
            hits, told = by_seed(tables, "Hits@100", network=name), RECIPES[name]
            beside = {NCN: hits[NCN].mean(), NCNC: hits[NCNC].mean(), "the paper's NCN": told.ncn, "NCNC": told.ncnc}
            yield above(f"{name}: {NCN} less {GAE}", paired_difference(hits[NCN], hits[GAE]), beside=beside)
            yield above(f"{name}: {NCNC} less {NCN}", paired_difference(hits[NCNC], hits[NCN]))
        else:
            means = by_seed(tables, "AP", network=name).mean()
            words = ", ".join(f"{model} {means[model]:.3f}" for model in (RULES[0], GAE, NCN, NCNC))
            yield f"On {name}, average precision: {words}."


def by_seed(tables: Tables, metric: str, drop: float = 0.0, network: str = DIGITS) -> pd.DataFrame:
    """One row a seed, one column a model."""
    return tables.wide("held out", columns="model", values=metric, network=network, drop=drop)


def lead(tables: Tables, metric: str) -> pd.DataFrame:
    """NCNC minus NCN: one row a seed, one column for each share thrown away."""
    drops = sorted(tables.rows("held out", network=DIGITS)["drop"].unique())
    found = {drop: by_seed(tables, metric, drop)[[NCN, NCNC]].dropna() for drop in drops}
    return pd.DataFrame({drop: hits[NCNC] - hits[NCN] for drop, hits in found.items()})
