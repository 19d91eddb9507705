"""How the neural-common-neighbor study's claims are answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from netopsy.graphs.neural_common_neighbor import RULES
from netopsy.graphs.neural_common_neighbor.published import RECIPES
from netopsy.lab import Part, Tables, above, below, gain, mean_interval, paired_difference
from netopsy.lab.subjects.networks import DIGITS
from netopsy.studies.graphs.neural_common_neighbor.plan import BARE, COUNT, GAE, NCN, NCNC, SEEN, TUNED, Config

Row = dict[str, Any]
SHOWN = (RULES[0], GAE, COUNT, NCN, NCNC, TUNED)
OVER_PLAIN, OVER_NCN, BY_REMOVAL, TIMES = 0.03, 0.02, 0.01, 3.0


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Over runs: a split with features and first weights of its own; over graphs for the time."""
    first = f"Hits@{max(config.training.ks)}"
    hits = by_seed(tables, first)
    both = hits[[*SHOWN]].dropna()
    beside: Row = dict(both.mean()) | {f"{NCN} less {COUNT}": paired_difference(both[NCN], both[COUNT])}
    leads = {metric: _leads(by_seed(tables, metric)) for metric in (*(f"Hits@{k}" for k in config.training.ks), "AP")}
    margins = {f"{NCN} less the better of {GAE} and count": OVER_PLAIN, f"{NCNC} less {NCN}": OVER_NCN}
    for number, (name, margin) in enumerate(margins.items()):
        more = {metric: lead[number] for metric, lead in leads.items()}
        beside |= {f"the same in {metric}": lead for metric, lead in more.items() if metric not in (first, "AP")}
        yield "neural-common-neighbor-1", gain(f"{first}, {name}", more[first], margin, beside=beside)
        yield "neural-common-neighbor-1", above(f"average precision, {name}", more["AP"])
        beside = {}
    yield "neural-common-neighbor-1", f"{first} looks at one rank, average precision at all of them: so both are asked."
    yield from (("neural-common-neighbor-1", item) for item in real_networks(tables, config))

    pairs = hits[[NCN, SEEN]].dropna()
    counts = tables["counts"].groupby("which", sort=False)[["mean", "distance"]].mean()
    beside = dict(pairs.mean()) | {f"neighbours in common, {which}": value for which, value in counts["mean"].items()}
    beside |= {f"Kolmogorov distance, {which}": value for which, value in counts["distance"].items() if value}
    name, removed = f"{first}, targets removed less seen", paired_difference(pairs[NCN], pairs[SEEN])
    yield "neural-common-neighbor-2", gain(name, removed, BY_REMOVAL, beside=beside)

    found = lead(tables, first)
    centred = np.array(found.columns, dtype=float) - np.mean(found.columns)
    slopes = mean_interval(found.to_numpy(dtype=float) @ centred / (centred**2).sum())
    beside = {f"lead, {drop:.0%} thrown away": found[drop].mean() for drop in found}
    yield "neural-common-neighbor-3", above(f"slope of {NCNC}'s lead in {first}", slopes, beside=beside)

    for times, words in zip(timings(tables), ("", BARE), strict=True):
        ratio = (times[NCN] / times[GAE]).unstack("nodes")
        beside = {f"ratio, {nodes:,} nodes": ratio[nodes].mean() for nodes in ratio}
        completed = (times[NCNC] / times[GAE]).dropna()
        if len(completed):
            beside |= {f"{NCNC} over {GAE}, {completed.index[-1][1]:,} nodes": completed.iloc[-1]}
        name, largest = f"{NCN}'s time over {GAE}'s, largest over the sizes{words}", mean_interval(ratio.max(axis=1))
        yield "neural-common-neighbor-4", below(name, largest, TIMES, unit="graphs", beside=beside)
    yield (
        "neural-common-neighbor-4",
        "The encoder's pass is the same in both: the scores are asked alone, too.",
    )


def _leads(hits: pd.DataFrame) -> tuple[Any, Any]:
    """NCN less the better of GAE and count; NCNC less NCN."""
    both = hits[[*SHOWN]].dropna()
    plain = both[[GAE, RULES[0]]].max(axis=1)
    return paired_difference(both[NCN], plain), paired_difference(both[NCNC], both[NCN])


def real_networks(tables: Tables, config: Config) -> Iterator[Part | str]:
    """Citation networks by the paper's recipes are judged; others are told in a sentence each."""
    for name in tables["held out"]["network"].unique():
        if config.recipes and name in RECIPES:
            hits, reported = by_seed(tables, "Hits@100", network=name), RECIPES[name].reported
            beside = {NCN: hits[NCN].mean(), NCNC: hits[NCNC].mean()}
            beside |= {f"the paper's {model}": value for model, value in reported.items()}
            yield above(f"{name}: {NCN} less {GAE}", paired_difference(hits[NCN], hits[GAE]), beside=beside)
            yield above(f"{name}: {NCNC} less {NCN}", paired_difference(hits[NCNC], hits[NCN]))
        elif name != DIGITS:
            means = by_seed(tables, "AP", network=name).mean()
            words = ", ".join(f"{model} {means[model]:.3f}" for model in (RULES[0], GAE, NCN, NCNC))
            yield f"On {name}, average precision: {words}."


def by_seed(tables: Tables, metric: str, drop: float = 0.0, network: str = DIGITS) -> pd.DataFrame:
    """One row a seed, one column a model."""
    return tables.wide("held out", columns="model", values=metric, network=network, drop=drop)


def lead(tables: Tables, metric: str) -> pd.DataFrame:
    """NCNC minus NCN: one row a seed, one column for each share thrown away."""
    wide = tables.wide("held out", columns=["model", "drop"], values=metric, network=DIGITS)
    return (wide[NCNC] - wide[NCN]).dropna().sort_index(axis=1)


def timings(tables: Tables) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Milliseconds, a row a graph and a column a model; and those of the scores alone, without the encoder's pass."""
    times = tables.wide("cost", index=["repeat", "nodes"], columns="model")
    alone = [name for name in times if name.endswith(BARE)]
    return times.drop(columns=alone), times[alone].rename(columns=lambda name: name.removesuffix(BARE))
