"""What the measurements of the graph-valuation study say about its claims. The criteria are the catalogue's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from netopsy.catalogue import claim
from netopsy.lab import Verdict, mean_interval, paired_difference
from netopsy.lab.verdicts import Answer
from netopsy.studies.graphs._tables import of
from netopsy.studies.graphs._valuation_data import DIGITS
from netopsy.studies.graphs._valuation_measures import rank_correlation
from netopsy.studies.graphs._valuation_sellers import OTHER, SAME

PAPER = "graph-valuation"
FEW_REWIRED = 0.05


def judge(rows: pd.DataFrame, config: Any) -> list[Verdict]:
    """One verdict a claim."""
    return [structure(rows), relevance(rows), disentangled(rows), useful(rows)]


def structure(rows: pd.DataFrame) -> Verdict:
    """graph-valuation-1: order by rewiring, nothing for renumbering alone, and what alignment takes away."""
    which, table = claim(PAPER, "graph-valuation-1"), of(rows, "structure")
    by_graph, seeing = (_orders_by_graph(table, way) for way in ("aligned", "direct"))
    found = mean_interval(by_graph.to_numpy().mean(1))
    answer: Answer = "holds" if found.value >= 0.7 and found.low > 0.5 else "undecided"
    if found.high < 0.7:
        answer = "does not hold"
    words = ", ".join(f"{graph} {value:.2f}" for graph, value in by_graph.mean().items())
    told = f"rank correlation of S with the share rewired {found:.2f} ({words})"
    both = ", ".join(f"{graph} {value:.2f}" for graph, value in seeing.mean().items())
    parts = [Verdict.of(which, answer, found, f"{told}; for information, aligned by one who sees both: {both}")]
    still = table[(table["fraction"] == 0) & table["asymmetric"]]["aligned"]
    if len(still):
        blind: Answer = "holds" if still.max() < 1e-6 else "does not hold"
        told = f"S of renumbered copies of {len(still)} asymmetric graphs at most {still.max():.1e}"
        parts.append(Verdict.of(which, blind, None, told))
    else:
        parts.append(Verdict.undecided(which, "no graph was asymmetric"))
    few = table[table["fraction"] == FEW_REWIRED]
    for graph, own in few.groupby("graph"):
        share = mean_interval((own["aligned"] / own["unaligned"]).to_numpy())
        parts.append(Verdict.below(which, share, 0.7, f"{graph}: aligned over unaligned S {share:.2f}"))
    return Verdict.all_of(which, parts)


def relevance(rows: pd.DataFrame) -> Verdict:
    """graph-valuation-2: how often the matching seller comes first, and by how much."""
    which, table = claim(PAPER, "graph-valuation-2"), of(rows, "relevance")
    own = table[table["data"] == DIGITS]
    first, gap = ahead(own), gaps(own)
    by_seller = own.groupby("seller", sort=False)[["relevance", "diversity"]].mean()
    words = ", ".join(f"{name} {r:.2f} and {d:.2f}" for name, r, d in by_seller.itertuples())
    rest = [
        f"{name}: {ahead(each):.2f}, gap {gaps(each):.2f}" for name, each in table.groupby("data") if name != DIGITS
    ]
    others = f"; for information, {'; '.join(rest)}" if rest else ""
    return Verdict.all_of(
        which,
        [
            Verdict.above(which, first, 0.95, f"area under the curve of R {first:.3f}; R and D: {words}"),
            Verdict.exceeds(which, gap, 0.2, f"R of the same minus other classes {gap:.2f}{others}"),
        ],
    )


def disentangled(rows: pd.DataFrame) -> Verdict:
    """graph-valuation-3: each kind of change moves its own numbers and no others."""
    which, table = claim(PAPER, "graph-valuation-3"), of(rows, "disentangle")
    wide = table.pivot(index=["seed", "copy"], columns="change", values=["disparity", "relevance", "diversity"])
    S, R, D = wide["disparity"], wide["relevance"], wide["diversity"]
    spread = S["copy"].groupby("seed").std().clip(lower=1e-12)
    moved = (S["rewired"] - S["copy"]).groupby("seed").mean()
    sizes = mean_interval(np.log10(moved.clip(lower=1e-300) / spread).to_numpy())
    same = (R["rewired"] == R["copy"]).all() and (D["rewired"] == D["copy"]).all()
    still: Answer = "holds" if same else "does not hold"
    less = paired_difference(
        R["copy"].groupby("seed").mean().to_numpy(), R["permuted"].groupby("seed").mean().to_numpy()
    )
    unmoved: Answer = "holds" if (S["permuted"] == S["copy"]).all() else "does not hold"
    return Verdict.all_of(
        which,
        [
            Verdict.above(
                which, sizes, 1.0, f"rewiring moves S by {moved.mean():.2f}, 10^{sizes:.1f} times its spread"
            ),
            Verdict.of(which, still, None, "R and D of rewired copies are to the last digit those of copies"),
            Verdict.exceeds(which, less, 0.2, f"permuted columns lower R by {less:.2f}"),
            Verdict.of(which, unmoved, None, "S with permuted columns is to the last digit that without"),
        ],
    )


def useful(rows: pd.DataFrame) -> Verdict:
    """graph-valuation-4: does the order by R, or by R and S, tell who helps a network on the buyer's nodes?"""
    which, table = claim(PAPER, "graph-valuation-4"), of(rows, "useful")
    found = pd.DataFrame([_orders(own) for _, own in table.groupby(["seed", "start"])])
    by_r, by_both = mean_interval(found["R"].to_numpy()), mean_interval(found["R - S"].to_numpy())
    gains = table.groupby("seller", sort=False)["gain"].mean()
    means: Any = table.groupby("seller", sort=False)["relevance"].mean()
    words = ", ".join(f"{name} {gain:+.3f} at R {means[name]:.2f}" for name, gain in gains.items())
    told = (
        f"rank correlation with the gain in accuracy over guessing: R {by_r:.2f}, ranks of R and of -S together "
        f"{by_both:.2f}; gains: {words}"
    )
    return Verdict.above(which, by_r, 0.0, told)


def ahead(table: pd.DataFrame) -> Any:
    """Share of the other sellers whose R is below that of the same classes; one value a buyer, means over seeds."""
    wide = table.pivot(index=["start", "seed"], columns="seller", values="relevance")
    rest = wide.drop(columns=SAME)
    wins = (rest.lt(wide[SAME], axis=0) + 0.5 * rest.eq(wide[SAME], axis=0)).mean(axis=1)
    return mean_interval(wins.groupby("start").mean().to_numpy())


def gaps(table: pd.DataFrame) -> Any:
    """R of the same minus that of other classes; one value a buyer, means over seeds."""
    wide = table.pivot(index=["start", "seed"], columns="seller", values="relevance").groupby("start").mean()
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
