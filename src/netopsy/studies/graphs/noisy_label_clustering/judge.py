"""How the noisy-label-clustering study's claims are answered.

The unit is a random graph for block models, a class for a real graph (of which there is one), a cluster for the cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from netopsy.lab import Estimate, Part, Tables, above, below, exact, gain, mean_interval, open_part, paired_difference
from netopsy.lab.costs import exponent
from netopsy.studies.graphs.noisy_label_clustering.plan import (
    ATTRIBUTES,
    DIGITS,
    FD,
    LABELS,
    LFD,
    PAGERANK,
    SETTLED,
    Config,
)

MARGIN, REAL_MARGIN = 0.03, 0.04
GOOD = 0.7
"""Labels from which on a gain is asked."""
JUDGED = (0.01, 0.1)
"""Weights of edges between different labels that claim 5 speaks of."""


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Five claims: block models, digits, networks of citations, the work, and the weights."""
    for (inside, outside), own in tables["accuracy"].groupby(["inside", "outside"]):
        table = own.groupby("seed")[[LFD, FD, LABELS, PAGERANK]].mean()
        name = f"labels correct for {inside:g} inside, {outside:g} outside"
        if min(inside, outside) >= GOOD:
            better = max((FD, LABELS), key=lambda way: table[way].mean())
            more = paired_difference(table[LFD], table[better])
            yield "noisy-label-clustering-1", gain(name, more, MARGIN, unit="graphs", beside=table.mean().to_dict())
        elif max(inside, outside) <= 0.5:
            less = paired_difference(table[LFD], table[FD])
            yield "noisy-label-clustering-1", below(name, less, unit="graphs", beside=table.mean().to_dict())

    table = by_class(tables, DIGITS)
    yield from (
        ("noisy-label-clustering-2", gain(*part, REAL_MARGIN, unit="classes", **more)) for part, more in _gains(table)
    )
    behind = int((table[LFD] < table[FD]).sum())
    yield (
        "noisy-label-clustering-2",
        exact("classes in which labels fall behind the graph alone", behind, 0.4 * len(table)),
    )

    missing = [name for name in config.real if name != DIGITS and by_class(tables, name).empty]
    for name in config.real:
        if name != DIGITS and name not in missing:
            for (what, more), beside in _gains(by_class(tables, name)):
                yield "noisy-label-clustering-3", above(f"{name}: {what}", more, unit="classes", **beside)
    if missing or set(config.real) <= {DIGITS}:
        why = f"not on this machine: {', '.join(missing)}" if missing else "no network of citations was asked for"
        yield "noisy-label-clustering-3", open_part("other networks", why=why)

    times = tables.wide("size", columns="nodes")
    ratios = mean_interval(times.max(axis=1) / times.min(axis=1))
    beside = {f"ms at {nodes} nodes": value for nodes, value in times.mean().items()}
    yield "noisy-label-clustering-4", below("slowest size over fastest", ratios, 2.0, unit="clusters", beside=beside)
    touched = tables.wide("size", columns="nodes", values="touched")
    sizes = [float(nodes) for nodes in touched.columns]
    slopes = [exponent(sizes, own.tolist()) for own in touched.to_numpy()]
    yield "noisy-label-clustering-4", below("slope of entries read", mean_interval(slopes), 0.1, unit="clusters")
    share = float(tables["size"]["share of bound"].max())
    yield "noisy-label-clustering-4", exact("entries read, largest share of the bound", share, 1.0)

    found = tables.wide("eps", columns="eps")
    judged = found[[weight for weight in found if JUDGED[0] <= weight <= JUDGED[1]]]
    means = judged.mean()
    spread = paired_difference(judged[means.idxmax()], judged[means.idxmin()])
    beside = {f"F1 at weight {weight:g}": value for weight, value in found.mean().items()}
    name = "best less worst mean F1 over the weights"
    yield "noisy-label-clustering-5", below(name, spread, MARGIN, unit="graphs", beside=beside)


def _gains(table: pd.DataFrame) -> Iterator[tuple[tuple[str, Estimate], dict[str, Any]]]:
    """The gains over the graph and over the labels, each with what it is beside once the spreading has settled."""
    means = {way: float(table[way].mean()) for way in (LFD, FD, LABELS, PAGERANK, ATTRIBUTES)}
    for other, settled in ((FD, FD + SETTLED), (LABELS, LABELS)):
        later = paired_difference(table[LFD + SETTLED], table[settled])
        shown = means | {"labels correct inside": table["correct inside"].mean()} if other == FD else {}
        beside = shown | {f"the same{SETTLED}": later}
        yield (f"gain over {other}", paired_difference(table[LFD], table[other])), {"beside": beside}


def by_class(tables: Tables, graph: str) -> pd.DataFrame:
    """Means over the draws, a row a class of one real graph."""
    table = tables["real"]
    return table[table["graph"] == graph].groupby("class").mean(numeric_only=True)
