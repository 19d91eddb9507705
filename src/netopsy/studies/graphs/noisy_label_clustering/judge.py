"""How the noisy-label-clustering study's claims are answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from netopsy.lab import Estimate, Part, Tables, above, below, exact, gain, mean_interval, open_part, paired_difference
from netopsy.lab.costs import exponent
from netopsy.lab.subjects.clusters import DIGITS
from netopsy.studies.graphs.noisy_label_clustering.plan import FD, JUDGED, LABELS, LFD, PAGERANK, SETTLED, WAYS, Config

Row = dict[str, Any]
MARGIN, REAL_MARGIN = 0.03, 0.04
UNSETTLED = "Flows that have not settled are another method than the paper's: both are asked."
GOOD, CHANCE = 0.7, 0.5
"""Labels from which on a gain is asked, and up to which a loss is."""


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Over random graphs for block models, over the classes of a real graph (of which there is one), over clusters."""
    for (inside, outside), own in tables["accuracy"].groupby(["inside", "outside"]):
        table = own.groupby("seed")[[LFD, FD, LABELS, PAGERANK]].mean()
        name, beside = f"labels correct for {inside:g} inside, {outside:g} outside", table.mean().to_dict()
        if min(inside, outside) >= GOOD:
            better = max((FD, LABELS), key=lambda way: table[way].mean())
            more = paired_difference(table[LFD], table[better])
            yield "noisy-label-clustering-1", gain(name, more, MARGIN, unit="graphs", beside=beside)
        elif max(inside, outside) <= CHANCE:
            less = paired_difference(table[LFD], table[FD])
            yield "noisy-label-clustering-1", below(name, less, unit="graphs", beside=beside)

    table = by_class(tables, DIGITS)
    for name, more, settled, beside in _gains(table):
        yield "noisy-label-clustering-2", gain(name, more, REAL_MARGIN, unit="classes", beside=beside)
        yield "noisy-label-clustering-2", above(name + SETTLED, settled, unit="classes")
    yield "noisy-label-clustering-2", UNSETTLED
    behind = int((table[LFD] < table[FD]).sum())
    name = "classes in which labels fall behind the graph alone"
    yield "noisy-label-clustering-2", exact(name, behind, 0.4 * len(table))

    others = {graph: by_class(tables, graph) for graph in config.real if graph != DIGITS}
    missing = [graph for graph, own in others.items() if own.empty]
    for graph, own in others.items():
        for name, more, settled, beside in _gains(own) if len(own) else ():
            yield "noisy-label-clustering-3", above(f"{graph}: {name}", more, unit="classes", beside=beside)
            yield "noisy-label-clustering-3", above(f"{graph}: {name}{SETTLED}", settled, unit="classes")
    yield "noisy-label-clustering-3", UNSETTLED
    if missing or not others:
        why = f"not on this machine: {', '.join(missing)}" if missing else "no network of citations was asked for"
        yield "noisy-label-clustering-3", open_part("other networks", why=why)

    times, touched = (tables.wide("size", columns="nodes", values=values) for values in ("value", "touched"))
    ratios = mean_interval(times.max(axis=1) / times.min(axis=1))
    beside = {f"ms at {nodes} nodes": value for nodes, value in times.mean().items()}
    yield "noisy-label-clustering-4", below("slowest size over fastest", ratios, 2.0, unit="clusters", beside=beside)
    slopes = mean_interval([exponent(list(touched), own) for own in touched.to_numpy().tolist()])
    yield "noisy-label-clustering-4", below("slope of entries read", slopes, 0.1, unit="clusters")
    share = float(tables["size"]["share of bound"].max())
    yield "noisy-label-clustering-4", exact("entries read, largest share of the bound", share, 1.0)

    found = tables.wide("eps", columns="eps")
    judged = found[[weight for weight in found if JUDGED[0] <= weight <= JUDGED[1]]]
    means = judged.mean()
    spread = paired_difference(judged[means.idxmax()], judged[means.idxmin()])
    beside = {f"F1 at weight {weight:g}": value for weight, value in found.mean().items()}
    name = "best less worst mean F1 over the weights"
    yield "noisy-label-clustering-5", below(name, spread, MARGIN, unit="graphs", beside=beside)


def _gains(table: pd.DataFrame) -> Iterator[tuple[str, Estimate, Estimate, Row]]:
    """The gains over the graph and over the labels, the same once the spreading has settled, and what is beside."""
    shown: Row = {way: table[way].mean() for way in WAYS} | {"labels correct inside": table["correct inside"].mean()}
    for other, settled, means in ((FD, FD + SETTLED, shown), (LABELS, LABELS, {})):
        later = paired_difference(table[LFD + SETTLED], table[settled])
        yield f"gain over {other}", paired_difference(table[LFD], table[other]), later, means


def by_class(tables: Tables, graph: str) -> pd.DataFrame:
    """Means over the draws, a row a class of one real graph."""
    return tables.rows("real", graph=graph).groupby("class").mean(numeric_only=True)
