"""How the graph-valuation study's claims are answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from netopsy.lab import Part, Tables, above, below, exact, gain, mean_interval, open_part, paired_difference
from netopsy.lab.statistics import rank_correlation
from netopsy.lab.subjects.parties import DIGITS, OTHER, SAME
from netopsy.studies.graphs.graph_valuation.plan import CHANGED, COPY, FEW_REWIRED, PERMUTED, Config

Row = dict[str, Any]


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Over seeds of rewired copies of all graphs, draws of buyers and sellers for relevance, runs otherwise."""
    table = tables["structure"]
    by_graph, seeing = (_orders(table, ["graph", "seed"], "fraction", way).unstack(0) for way in ("aligned", "direct"))
    beside: Row = dict(by_graph.mean())
    beside |= {f"{graph}, aligned by one who sees both": value for graph, value in seeing.mean().items()}
    found = mean_interval(by_graph.to_numpy().mean(1))
    name = "rank correlation of S with the share rewired"
    yield "graph-valuation-1", gain(name, found, 0.7, floor=0.5, unit="seeds", beside=beside)
    still = table[(table["fraction"] == 0) & table["asymmetric"]]["aligned"]
    name, beside = "S of renumbered asymmetric graphs", {"graphs": len(still)}
    if len(still):
        yield "graph-valuation-1", exact(name, float(still.max()), 1e-6, beside=beside)
    else:
        yield "graph-valuation-1", open_part(name, why="no graph was asymmetric")
    for graph, own in table[table["fraction"] == FEW_REWIRED].groupby("graph"):
        share = mean_interval(own["aligned"] / own["unaligned"])
        yield "graph-valuation-1", below(f"{graph}: aligned over unaligned S", share, 0.7, unit="copies")

    own = tables.rows("relevance", data=DIGITS)
    by_seller = own.groupby("seller", sort=False)[["relevance", "diversity"]].mean()
    beside = {f"R and D, {name}": f"{r:.2f} and {d:.2f}" for name, r, d in by_seller.itertuples()}
    wide = tables.wide("relevance", ["start", "seed"], "seller", "relevance", data=DIGITS)
    rest = wide.drop(columns=SAME)
    wins = (rest.lt(wide[SAME], axis=0) + 0.5 * rest.eq(wide[SAME], axis=0)).mean(axis=1).groupby("seed").mean()
    name = "R of the same classes ranked first, area under the curve"
    yield "graph-valuation-2", above(name, mean_interval(wins), 0.95, unit="draws", beside=beside)
    wide = tables.wide("relevance", ["data", "seed"], "seller", "relevance")
    gaps = {name: paired_difference(each[SAME], each[OTHER]) for name, each in wide.groupby("data")}
    beside = {f"gap on {name}": gap for name, gap in gaps.items() if name != DIGITS}
    yield "graph-valuation-2", gain("R of same less other classes", gaps[DIGITS], 0.2, unit="draws", beside=beside)

    columns = ["disparity", "relevance", "diversity"]
    S, R, D = (tables.wide("disentangled", ["seed", "copy"], "change", values) for values in columns)
    spread = S[COPY].groupby("seed").std().clip(lower=1e-12)
    moved = (S[CHANGED] - S[COPY]).groupby("seed").mean()
    sizes = mean_interval(np.log10(moved.clip(lower=1e-300) / spread))
    name, beside = "log10 of S moved by rewiring over its spread", {"S moved by": moved.mean()}
    yield "graph-valuation-3", above(name, sizes, 1.0, beside=beside)
    R_moved, D_moved, S_moved = (
        float((values[change] - values[COPY]).abs().max(skipna=False))
        for values, change in ((R, CHANGED), (D, CHANGED), (S, PERMUTED))
    )
    yield "graph-valuation-3", exact("R and D moved by rewiring", R_moved + D_moved)
    less = paired_difference(*(R[change].groupby("seed").mean() for change in (COPY, PERMUTED)))
    yield "graph-valuation-3", gain("R lowered by permuted columns", less, 0.2)
    yield "graph-valuation-3", exact("S moved by permuted columns", S_moved)

    table = tables["useful"]
    offers = table.groupby(["seed", "start"])
    table = table.assign(both=offers["relevance"].rank() - offers["disparity"].rank())
    by_R, by_both = (
        _orders(table, ["seed", "start"], by, "gain").groupby("seed").mean() for by in ("relevance", "both")
    )
    beside = {"by the ranks of R and of -S": mean_interval(by_both)}
    by_seller = table.groupby("seller", sort=False)[["gain", "relevance"]].mean()
    beside |= {f"gain at R, {name}": f"{more:+.3f} at {r:.2f}" for name, more, r in by_seller.itertuples()}
    yield (
        "graph-valuation-4",
        above("rank correlation of R with the gain in accuracy", mean_interval(by_R), beside=beside),
    )


def _orders(table: pd.DataFrame, units: list[str], first: str, second: str) -> pd.Series:
    """A rank correlation of two columns for each unit."""
    found = {key: rank_correlation(own[first].to_numpy(), own[second].to_numpy()) for key, own in table.groupby(units)}
    return pd.Series(found).rename_axis(units)
