"""What the measurements say about the four claims on neural common neighbours. The criteria are the catalogue's."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from netopsy.catalogue import claim
from netopsy.graphs.neural_common_neighbor import RULES
from netopsy.lab import Verdict, mean_interval, paired_difference
from netopsy.studies.graphs._ncn_measures import COUNT, GAE, NCN, NCNC, SEEN, TUNED
from netopsy.studies.graphs._ncn_recipes import RECIPES
from netopsy.studies.graphs._tables import of

PAPER = "neural-common-neighbor"
OVER_PLAIN, OVER_NCN, BY_REMOVAL, TIMES = 0.03, 0.02, 0.01, 3.0


def judge(rows: pd.DataFrame, config: Any) -> list[Verdict]:
    """One verdict a claim."""
    return [order(rows, config), removal(rows, config), incomplete(rows, config), cost(rows)]


def order(rows: pd.DataFrame, config: Any) -> Verdict:
    """neural-common-neighbor-1: NCN over the better of GAE and the plain count, and NCNC over NCN."""
    entry, deepest = claim(PAPER, "neural-common-neighbor-1"), max(config.ks)
    hits = by_seed(rows, f"Hits@{deepest}")
    plain = hits[[GAE, RULES[0]]].max(axis=1)
    others = "; ".join(
        f"Hits@{k}: "
        + ", ".join(f"{model} {by_seed(rows, f'Hits@{k}')[model].mean():.3f}" for model in (RULES[0], *SHOWN))
        for k in config.ks
    )
    parts = [
        Verdict.exceeds(entry, paired_difference(hits[NCN], plain), OVER_PLAIN, "NCN over the better of GAE and count"),
        Verdict.exceeds(
            entry, paired_difference(hits[NCNC], hits[NCN]), OVER_NCN, f"{others}; NCNC over NCN, Hits@{deepest}"
        ),
    ]
    if config.recipes:
        for name in config.networks:
            parts += in_table(rows, name)
    found = Verdict.all_of(entry, parts)
    return dataclasses.replace(found, detail=f"{found.detail}; {learned_count(hits, deepest)}")


def learned_count(hits: pd.DataFrame, k: int) -> str:
    """Words on what the criterion does not ask: NCN against GAE with the count as one more input."""
    gain = paired_difference(hits[NCN], hits[COUNT])
    close = gain.low <= 0 <= gain.high
    said = "a tie: the gain over hand-made counting is that of learning at all" if close else "no tie"
    return (
        f"beside the criterion, whose count is the plain one: a learned predictor with the count ({COUNT}) has "
        f"Hits@{k} {hits[COUNT].mean():.3f}, NCN {hits[NCN].mean():.3f}, difference {gain:.3f}, {said}"
    )


def in_table(rows: pd.DataFrame, name: str) -> list[Verdict]:
    """The order of the paper's main table on a citation network: GAE below NCN below NCNC, in Hits@100."""
    entry = claim(PAPER, "neural-common-neighbor-1")
    hits, told = by_seed(rows, "Hits@100", network=name), RECIPES[name]
    words = (
        f"{name}, Hits@100: GAE {hits[GAE].mean():.3f}, NCN {hits[NCN].mean():.3f} (the paper {told.ncn:.3f}), NCNC "
        f"{hits[NCNC].mean():.3f} (the paper {told.ncnc:.3f})"
    )
    return [
        Verdict.above(entry, paired_difference(hits[NCN], hits[GAE]), 0.0, f"{words}; NCN over GAE"),
        Verdict.above(entry, paired_difference(hits[NCNC], hits[NCN]), 0.0, f"{name}, NCNC over NCN"),
    ]


SHOWN = (GAE, COUNT, NCN, NCNC, TUNED)


def removal(rows: pd.DataFrame, config: Any) -> Verdict:
    """neural-common-neighbor-2: NCN with and without its target links in the graph."""
    hits = by_seed(rows, f"Hits@{max(config.ks)}")
    counts = of(rows, "counts").groupby("which", sort=False)[["mean", "distance"]].mean()
    words = "; ".join(
        f"{which}: {row['mean']:.2f}" + (f", Kolmogorov distance {row['distance']:.3f}" if row["distance"] else "")
        for which, row in counts.iterrows()
    )
    detail = f"NCN {hits[NCN].mean():.3f}, targets seen {hits[SEEN].mean():.3f}; neighbours in common of {words}"
    return Verdict.exceeds(
        claim(PAPER, "neural-common-neighbor-2"), paired_difference(hits[NCN], hits[SEEN]), BY_REMOVAL, detail
    )


def incomplete(rows: pd.DataFrame, config: Any) -> Verdict:
    """neural-common-neighbor-3: the slope of NCNC's lead over the share of links thrown away."""
    leads = lead(rows, f"Hits@{max(config.ks)}")
    drops = np.array(leads.columns, dtype=float)
    centred = drops - drops.mean()
    slopes = leads.to_numpy(dtype=float) @ centred / (centred**2).sum()
    words = ", ".join(f"{drop:.0%}: {leads[drop].mean():+.3f}" for drop in leads.columns)
    detail = f"NCNC's lead in Hits@{max(config.ks)} by the share thrown away: {words}"
    return Verdict.above(claim(PAPER, "neural-common-neighbor-3"), mean_interval(slopes), 0.0, detail)


def cost(rows: pd.DataFrame) -> Verdict:
    """neural-common-neighbor-4: the largest ratio over the sizes, for each repeat."""
    table = of(rows, "cost").pivot_table(index=["repeat", "nodes"], columns="model", values="value")
    ratio = (table[NCN] / table[GAE]).unstack("nodes")
    words = ", ".join(f"{nodes:,.0f}: {ratio[nodes].mean():.2f}" for nodes in ratio.columns)
    completed = (table[NCNC] / table[GAE]).dropna().unstack("nodes")
    last = completed.columns[-1]
    detail = f"NCN's time over GAE's by nodes: {words}; NCNC's at {last:,.0f}: {completed[last].mean():.1f}"
    return Verdict.below(claim(PAPER, "neural-common-neighbor-4"), mean_interval(ratio.max(axis=1)), TIMES, detail)


def by_seed(rows: pd.DataFrame, metric: str, drop: float = 0.0, network: str = "digits") -> pd.DataFrame:
    """One row a seed, one column a model."""
    table = of(rows, "held out")
    own = table[(table["network"] == network) & (table["drop"] == drop)]
    return own.pivot_table(index="seed", columns="model", values=metric)


def lead(rows: pd.DataFrame, metric: str) -> pd.DataFrame:
    """NCNC minus NCN: one row a seed, one column for each share thrown away."""
    table = of(rows, "held out")
    drops = sorted(table.loc[table["network"] == "digits", "drop"].unique())
    found = {drop: by_seed(rows, metric, drop) for drop in drops}
    return pd.DataFrame({drop: hits[NCNC] - hits[NCN] for drop, hits in found.items()})
