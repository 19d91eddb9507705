"""How the graph-valuation study's claims are answered.

The unit is a seed of rewired copies of all graphs, a draw of buyers and sellers for relevance, a run otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from netopsy.lab import Estimate, Part, Tables, above, below, exact, gain, mean_interval, open_part, paired_difference
from netopsy.studies.graphs.graph_valuation.measure import rank_correlation
from netopsy.studies.graphs.graph_valuation.plan import DIGITS, OTHER, SAME, Config

FEW_REWIRED = 0.05


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Structure, relevance, changes that are kept apart, and gains."""
    table = tables["structure"]
    by_graph, seeing = (_orders_by_graph(table, way) for way in ("aligned", "direct"))
    beside = {f"{graph}": value for graph, value in by_graph.mean().items()}
    beside |= {f"{graph}, aligned by one who sees both": value for graph, value in seeing.mean().items()}
    found = mean_interval(by_graph.to_numpy().mean(1))
    name = "rank correlation of S with the share rewired"
    yield "graph-valuation-1", gain(name, found, 0.7, floor=0.5, unit="seeds", beside=beside)
    still = table[(table["fraction"] == 0) & table["asymmetric"]]["aligned"]
    if len(still):
        beside = {"graphs": len(still)}
        yield "graph-valuation-1", exact("S of renumbered asymmetric graphs", float(still.max()), 1e-6, beside=beside)
    else:
        yield "graph-valuation-1", open_part("S of renumbered asymmetric graphs", why="no graph was asymmetric")
    for graph, own in table[table["fraction"] == FEW_REWIRED].groupby("graph"):
        share = mean_interval(own["aligned"] / own["unaligned"])
        yield "graph-valuation-1", below(f"{graph}: aligned over unaligned S", share, 0.7, unit="copies")

    own = tables.rows("relevance", data=DIGITS)
    by_seller = own.groupby("seller", sort=False)[["relevance", "diversity"]].mean()
    beside = {f"R and D, {name}": f"{r:.2f} and {d:.2f}" for name, r, d in by_seller.itertuples()}
    name = "R of the same classes ranked first, area under the curve"
    yield "graph-valuation-2", above(name, ahead(own), 0.95, unit="draws", beside=beside)
    rest = {f"gap on {name}": gaps(each) for name, each in tables["relevance"].groupby("data") if name != DIGITS}
    yield "graph-valuation-2", gain("R of same less other classes", gaps(own), 0.2, unit="draws", beside=rest)

    columns = ["disparity", "relevance", "diversity"]
    S, R, D = (tables.wide("disentangled", ["seed", "copy"], "change", values) for values in columns)
    spread = S["copy"].groupby("seed").std().clip(lower=1e-12)
    moved = (S["rewired"] - S["copy"]).groupby("seed").mean()
    sizes = mean_interval(np.log10(moved.clip(lower=1e-300) / spread))
    beside = {"S moved by": moved.mean()}
    yield "graph-valuation-3", above("log10 of S moved by rewiring over its spread", sizes, 1.0, beside=beside)
    apart = sum(float((values["rewired"] - values["copy"]).abs().max(skipna=False)) for values in (R, D))
    yield "graph-valuation-3", exact("R and D moved by rewiring", apart)
    less = paired_difference(R["copy"].groupby("seed").mean(), R["permuted"].groupby("seed").mean())
    yield "graph-valuation-3", gain("R lowered by permuted columns", less, 0.2)
    yield (
        "graph-valuation-3",
        exact("S moved by permuted columns", float((S["permuted"] - S["copy"]).abs().max(skipna=False))),
    )

    table = tables["useful"]
    found_by = pd.DataFrame({key: _orders(own) for key, own in table.groupby(["seed", "start"])}).T
    by_run = found_by.groupby(level=0).mean()
    beside = {"by the ranks of R and of -S": mean_interval(by_run["R - S"])}
    by_seller = table.groupby("seller", sort=False)[["gain", "relevance"]].mean()
    beside |= {f"gain at R, {name}": f"{more:+.3f} at {r:.2f}" for name, more, r in by_seller.itertuples()}
    name = "rank correlation of R with the gain in accuracy"
    yield "graph-valuation-4", above(name, mean_interval(by_run["R"]), beside=beside)


def ahead(table: pd.DataFrame) -> Estimate:
    """Share of the other sellers whose R is below that of the same classes; one value a draw, means over buyers."""
    wide = table.pivot(index=["start", "seed"], columns="seller", values="relevance")
    rest = wide.drop(columns=SAME)
    wins = (rest.lt(wide[SAME], axis=0) + 0.5 * rest.eq(wide[SAME], axis=0)).mean(axis=1)
    return mean_interval(wins.groupby("seed").mean().to_numpy())


def gaps(table: pd.DataFrame) -> Estimate:
    """R of the same minus that of other classes; one value a draw, means over buyers."""
    wide = table.pivot(index=["start", "seed"], columns="seller", values="relevance").groupby("seed").mean()
    return paired_difference(wide[SAME].to_numpy(), wide[OTHER].to_numpy())


def _orders_by_graph(table: pd.DataFrame, way: str) -> pd.DataFrame:
    """Rank correlations with the share rewired, a row a seed and a column a graph."""
    found = {
        key: rank_correlation(own["fraction"].to_numpy(), own[way].to_numpy())
        for key, own in table.groupby(["graph", "seed"])
    }
    return pd.Series(found).unstack(0)


def _orders(own: pd.DataFrame) -> dict[str, float]:
    gain = own["gain"].to_numpy()
    both = own["relevance"].rank() - own["disparity"].rank()
    return {
        "R": rank_correlation(own["relevance"].to_numpy(), gain),
        "R - S": rank_correlation(both.to_numpy(), gain),
    }
