"""What the measurements of the teddy study say about its four claims. The criteria are the catalogue's."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from netopsy.catalogue import claim
from netopsy.lab import Estimate, Verdict, bootstrap_median, mean_interval, paired_difference
from netopsy.lab.verdicts import Answer
from netopsy.studies.graphs._tables import of
from netopsy.studies.graphs._teddy_data import BLOCKS
from netopsy.studies.graphs._teddy_measures import (
    AFTERWARDS,
    DENSE,
    INVERTED,
    NO_TEACHER,
    ORDERS,
    PROJECTED,
    RANDOM,
    RANDOM_EDGES,
    TEDDY,
    UGS,
)

PAPER = "teddy"
POINT = 0.01
FASTER = 5.0
LEVEL = 10


def judge(rows: pd.DataFrame, config: Any) -> list[Verdict]:
    """One verdict a claim."""
    return [
        against(rows, "teddy-1", INVERTED),
        against(rows, "teddy-2", RANDOM),
        joint(rows, LEVEL if LEVEL in config.rounds else max(config.rounds)),
        projection(rows),
    ]


def against(rows: pd.DataFrame, name: str, other: str) -> Verdict:
    """The gain of TEDDY's order of removal over another, the mean of all shares; a pair a run."""
    own = by_order(rows, BLOCKS)
    gain = paired_difference(own[TEDDY], own[other])
    listed = of(rows, "edges")
    means = listed[listed["graph"] == BLOCKS].groupby(["method", "sparsity"])["value"].mean()
    dense = means[DENSE].iloc[0]
    words = [f"dense {dense:.3f}"]
    for order in ORDERS:
        words.append(f"{order} " + "/".join(f"{value:.3f}" for value in means[order]))
    shares = "/".join(f"{100 * share:g}%" for share in means[TEDDY].index)
    beside = [f"{graph} {gains(rows, graph, other):.3f}" for graph in listed["graph"].unique() if graph != BLOCKS]
    detail = f"{', '.join(words)} without {shares} of the edges; the same gain on {', '.join(beside)}"
    return Verdict.of(claim(PAPER, name), at_least(gain, POINT), gain, detail)


def joint(rows: pd.DataFrame, level: int) -> Verdict:
    """TEDDY's accuracy less that of UGS at a level, and how many times as long UGS takes; both for each network."""
    parts = []
    for network in of(rows, "joint")["network"].unique():
        accuracy = by_method(rows, BLOCKS, network, level)
        seconds = by_method(rows, BLOCKS, network, level, "seconds")
        gain = paired_difference(accuracy[TEDDY], accuracy[UGS])
        ratio = bootstrap_median(seconds[UGS] / seconds[TEDDY])
        dense = by_method(rows, BLOCKS, network, 0)[DENSE]
        detail = (
            f"{network}: TEDDY {accuracy[TEDDY].mean():.3f}, UGS {accuracy[UGS].mean():.3f}, without teacher "
            f"{accuracy[NO_TEACHER].mean():.3f}, random edges {accuracy[RANDOM_EDGES].mean():.3f}, dense "
            f"{dense.mean():.3f}; TEDDY less UGS {gain:.3f}, less dense {paired_difference(accuracy[TEDDY], dense):.3f}"
        )
        parts.append(Verdict.of(claim(PAPER, "teddy-3"), at_least(gain, POINT), gain, detail))
        took = f"{network}: UGS takes {ratio:.1f} times as long, the teacher's training counted"
        parts.append(Verdict.above(claim(PAPER, "teddy-3"), ratio, FASTER, took))
    return with_words(Verdict.all_of(claim(PAPER, "teddy-3"), parts), citations(rows))


def projection(rows: pd.DataFrame) -> Verdict:
    """Accuracy of weights projected during training less that of weights pruned afterwards; for each network."""
    parts = []
    table = of(rows, "weights")
    for network in table["network"].unique():
        own = table[table["network"] == network]
        means = own.groupby(["seed", "method"])["value"].mean().unstack("method")
        gain = paired_difference(means[PROJECTED], means[AFTERWARDS])
        each = own.groupby(["method", "sparsity"])["value"].mean()
        words = "; ".join(
            f"{100 * share:g}% of the weights gone: {each[PROJECTED, share]:.3f} against {each[AFTERWARDS, share]:.3f}"
            for share in each[PROJECTED].index
        )
        detail = f"{network}: {words}; none gone {means[DENSE].mean():.3f}; gain {gain:.3f}"
        parts.append(Verdict.of(claim(PAPER, "teddy-4"), at_least(gain, 2 * POINT), gain, detail))
    return Verdict.all_of(claim(PAPER, "teddy-4"), parts)


def at_least(gain: Estimate, wanted: float) -> Answer:
    """Holds if the mean reaches what is wanted and the interval lies above 0; fails if all of it lies below that."""
    if gain.value >= wanted and gain.low > 0:
        return "holds"
    return "does not hold" if gain.high < wanted else "undecided"


def by_order(rows: pd.DataFrame, graph: str) -> pd.DataFrame:
    """One row a run: the mean accuracy over all shares, for each order of removal."""
    table = of(rows, "edges")
    own = table[(table["graph"] == graph) & (table["method"] != DENSE)]
    return own.groupby(["seed", "method"])["value"].mean().unstack("method")


def gains(rows: pd.DataFrame, graph: str, other: str) -> Estimate:
    """TEDDY's order less another on one graph."""
    own = by_order(rows, graph)
    return paired_difference(own[TEDDY], own[other])


def by_method(rows: pd.DataFrame, graph: str, network: str, level: int, value: str = "value") -> pd.DataFrame:
    """One row a run, a column for each way to a ticket."""
    table = of(rows, "joint")
    own = table[(table["graph"] == graph) & (table["network"] == network) & (table["level"] == level)]
    return own.pivot(index="seed", columns="method", values=value)


def citations(rows: pd.DataFrame) -> str:
    """What came out on the citation networks, which decide nothing."""
    table = of(rows, "joint")
    told = []
    for (graph, network), own in table[table["graph"] != BLOCKS].groupby(["graph", "network"], sort=False):
        level = int(own["level"].max())
        means = by_method(rows, str(graph), str(network), level).mean()
        dense = mean_interval(by_method(rows, str(graph), str(network), 0)[DENSE])
        words = ", ".join(f"{method} {value:.3f}" for method, value in means.items())
        told.append(f"{graph}, {network}, level {level}: {words}, dense {dense.value:.3f}")
    return "; ".join(told) or "no citation network was here to be looked at"


def with_words(verdict: Verdict, words: str) -> Verdict:
    """The verdict with more said."""
    return dataclasses.replace(verdict, detail=f"{verdict.detail}; {words}")
