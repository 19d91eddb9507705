"""What the measurements say about the four claims on neural common neighbours. The criteria are the catalogue's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from netopsy.catalogue import claim
from netopsy.graphs.common_neighbor import RULES
from netopsy.lab import Verdict, mean_interval, paired_difference
from netopsy.studies.graphs._ncn_measures import COUNT, GAE, NCN, NCNC, SEEN, TUNED

PAPER = "neural-common-neighbor"
OVER_PLAIN, OVER_NCN, BY_REMOVAL, TIMES = 0.03, 0.02, 0.01, 3.0


def judge(rows: pd.DataFrame, config: Any) -> list[Verdict]:
    """One verdict a claim."""
    return [order(rows, config), removal(rows, config), incomplete(rows, config), cost(rows)]


def order(rows: pd.DataFrame, config: Any) -> Verdict:
    """ncn-order: NCN over the better of GAE and the plain count, and NCNC over NCN."""
    entry, deepest = claim(PAPER, "ncn-order"), max(config.ks)
    hits = by_seed(rows, f"Hits@{deepest}")
    plain = hits[[GAE, RULES[0]]].max(axis=1)
    others = "; ".join(
        f"Hits@{k}: "
        + ", ".join(f"{model} {by_seed(rows, f'Hits@{k}')[model].mean():.3f}" for model in (RULES[0], *SHOWN))
        for k in config.ks
    )
    return Verdict.all_of(
        entry,
        [
            Verdict.exceeds(
                entry, paired_difference(hits[NCN], plain), OVER_PLAIN, "NCN over the better of GAE and count"
            ),
            Verdict.exceeds(
                entry, paired_difference(hits[NCNC], hits[NCN]), OVER_NCN, f"{others}; NCNC over NCN, Hits@{deepest}"
            ),
        ],
    )


SHOWN = (GAE, COUNT, NCN, NCNC, TUNED)


def removal(rows: pd.DataFrame, config: Any) -> Verdict:
    """ncn-tlr: NCN with and without its target links in the graph."""
    hits = by_seed(rows, f"Hits@{max(config.ks)}")
    counts = of(rows, "counts").groupby("which", sort=False)[["mean", "distance"]].mean()
    words = "; ".join(
        f"{which}: {row['mean']:.2f}" + (f", Kolmogorov distance {row['distance']:.3f}" if row["distance"] else "")
        for which, row in counts.iterrows()
    )
    detail = f"NCN {hits[NCN].mean():.3f}, targets seen {hits[SEEN].mean():.3f}; neighbours in common of {words}"
    return Verdict.exceeds(claim(PAPER, "ncn-tlr"), paired_difference(hits[NCN], hits[SEEN]), BY_REMOVAL, detail)


def incomplete(rows: pd.DataFrame, config: Any) -> Verdict:
    """ncn-incomplete: the slope of NCNC's lead over the share of links thrown away."""
    leads = lead(rows, f"Hits@{max(config.ks)}")
    drops = np.array(leads.columns, dtype=float)
    centred = drops - drops.mean()
    slopes = leads.to_numpy(dtype=float) @ centred / (centred**2).sum()
    words = ", ".join(f"{drop:.0%}: {leads[drop].mean():+.3f}" for drop in leads.columns)
    detail = f"NCNC's lead in Hits@{max(config.ks)} by the share thrown away: {words}"
    return Verdict.above(claim(PAPER, "ncn-incomplete"), mean_interval(slopes), 0.0, detail)


def cost(rows: pd.DataFrame) -> Verdict:
    """ncn-cost: the largest ratio over the sizes, for each repeat."""
    table = of(rows, "cost").pivot_table(index=["repeat", "nodes"], columns="model", values="value")
    ratio = (table[NCN] / table[GAE]).unstack("nodes")
    words = ", ".join(f"{nodes:,.0f}: {ratio[nodes].mean():.2f}" for nodes in ratio.columns)
    completed = (table[NCNC] / table[GAE]).dropna().unstack("nodes")
    last = completed.columns[-1]
    detail = f"NCN's time over GAE's by nodes: {words}; NCNC's at {last:,.0f}: {completed[last].mean():.1f}"
    return Verdict.below(claim(PAPER, "ncn-cost"), mean_interval(ratio.max(axis=1)), TIMES, detail)


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


def of(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """The rows of one measure."""
    return rows[rows["measure"] == measure]
