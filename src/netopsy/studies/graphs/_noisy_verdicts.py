"""What the measurements of the noisy-label-clustering study say about its claims. The criteria are the catalogue's."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from netopsy.catalogue import claim
from netopsy.lab import Estimate, Verdict, mean_interval, paired_difference
from netopsy.lab.verdicts import Answer
from netopsy.studies.graphs._noisy_graphs import DIGITS
from netopsy.studies.graphs._noisy_measures import ATTRIBUTES, FD, LABELS, LFD, PAGERANK, SETTLED
from netopsy.studies.graphs._tables import of

PAPER = "noisy-label-clustering"
MARGIN = 0.03
REAL_MARGIN = 0.04
GOOD = 0.7


def judge(rows: pd.DataFrame, config: Any) -> list[Verdict]:
    """One verdict a claim."""
    return [synthetic(rows), real(rows), citations(rows, config), local(rows), robust(rows)]


def synthetic(rows: pd.DataFrame) -> Verdict:
    """noisy-label-clustering-1: labels and graph together against the better of the two, and no gain from labels by chance."""
    which, parts, controls = claim(PAPER, "noisy-label-clustering-1"), [], []
    settings: Any = of(rows, "accuracy").groupby(["inside", "outside"])
    for (inside, outside), table in settings:
        means = ", ".join(f"{name} {table[name].mean():.3f}" for name in (LFD, FD, LABELS, PAGERANK))
        words = f"right for {inside:g} inside and {outside:g} outside: {means}"
        if min(inside, outside) >= GOOD:
            better = max((FD, LABELS), key=lambda name: table[name].mean())
            parts.append(gain(which, paired_difference(table[LFD], table[better]), MARGIN, words))
        elif max(inside, outside) <= 0.5:
            controls.append(Verdict.below(which, paired_difference(table[LFD], table[FD]), 0.0, words))
    # The controls last: the number shown for the claim is that of the first part.
    return Verdict.all_of(which, [*parts, *controls])


def real(rows: pd.DataFrame) -> Verdict:
    """noisy-label-clustering-2: the gain over the graph alone and over the labels alone, on digits, and in how many classes."""
    which = claim(PAPER, "noisy-label-clustering-2")
    table = in_graph(rows, DIGITS)
    by_class = table.groupby("class")[[LFD, FD]].mean()
    ahead = int((by_class[LFD] >= by_class[FD]).sum())
    enough = ahead >= 0.6 * len(by_class)
    share: Answer = "holds" if enough else "does not hold"
    found = Verdict.all_of(
        which,
        [
            gain(which, paired_difference(table[LFD], table[FD]), REAL_MARGIN, f"{summary(table)}; over the graph"),
            gain(which, paired_difference(table[LFD], table[LABELS]), REAL_MARGIN, "over the labels"),
            Verdict.of(which, share, None, f"not behind the graph alone in {ahead} of {len(by_class)} classes"),
        ],
    )
    return dataclasses.replace(found, detail=f"{found.detail}; {when_settled(table)}")


def when_settled(table: pd.DataFrame) -> str:
    """Words on the same gain with ten times the passes, which decides nothing: the judged spreading stops early."""
    before, after = (paired_difference(table[name], table[LABELS]) for name in (LFD, LFD + SETTLED))
    if after.value >= REAL_MARGIN and after.low > 0:
        said = "the gain is as large when the spreading has settled"
    elif before.value >= REAL_MARGIN:
        said = f"so the gain of {REAL_MARGIN:g} is reached only before the spreading has settled"
    else:
        said = "before the spreading has settled or after"
    return (
        f"beside the criterion: with ten times the passes the gain over the labels is {after:.3f} and not "
        f"{before.value:.3f}, {said}"
    )


def citations(rows: pd.DataFrame, config: Any) -> Verdict:
    """noisy-label-clustering-3: the same gains on networks of citations, where they are on this machine."""
    which = claim(PAPER, "noisy-label-clustering-3")
    wanted = [name for name in config.real if name != DIGITS]
    here = [name for name in wanted if not in_graph(rows, name).empty]
    missing = [name for name in wanted if name not in here]
    if not here:
        return Verdict.undecided(which, f"not on this machine: {', '.join(missing) or 'no network of citations asked'}")
    parts = []
    for name in here:
        table = in_graph(rows, name)
        for other, words in ((FD, "over the graph"), (LABELS, "over the labels")):
            told = f"{name}: {summary(table)}; {words}" if other == FD else words
            parts.append(Verdict.above(which, paired_difference(table[LFD], table[other]), 0.0, told))
    found = Verdict.all_of(which, parts)
    if not missing:
        return found
    return dataclasses.replace(found, detail=f"{found.detail}; not on this machine: {', '.join(missing)}")


def local(rows: pd.DataFrame) -> Verdict:
    """noisy-label-clustering-4: touched entries against the bound and the size of the graph, and the time over all sizes."""
    which = claim(PAPER, "noisy-label-clustering-4")
    table = of(rows, "size")
    slopes, ratios = [], []
    for _, own in table.groupby("seed"):
        slopes.append(float(np.polyfit(np.log(own["nodes"]), np.log(own["touched"]), 1)[0]))
        ratios.append(float(own["value"].max() / own["value"].min()))
    share = table["share of bound"].max()
    bounded: Answer = "holds" if share <= 1 else "does not hold"
    means = table.groupby("nodes")[["edges", "value"]].mean()
    words = ", ".join(f"{edges:,.0f} edges {value:.2f} ms" for edges, value in means.itertuples(index=False))
    return Verdict.all_of(
        which,
        [
            Verdict.below(which, mean_interval(ratios), 2.0, f"slowest over fastest size; {words}"),
            Verdict.below(which, mean_interval(slopes), 0.1, f"slope of touched entries {mean_interval(slopes):.3f}"),
            Verdict.of(which, bounded, None, f"entries touched are at most {share:.2f} of the bound"),
        ],
    )


def robust(rows: pd.DataFrame) -> Verdict:
    """noisy-label-clustering-5: the best mean F1 over weights from 0.01 to 0.1 against the worst."""
    which = claim(PAPER, "noisy-label-clustering-5")
    found = {float(str(weight)): own["value"].to_numpy() for weight, own in of(rows, "eps").groupby("eps")}
    judged = [values for weight, values in found.items() if 0.01 <= weight <= 0.1]
    spread = paired_difference(max(judged, key=np.mean), min(judged, key=np.mean))
    words = ", ".join(f"{weight:g}: {values.mean():.3f}" for weight, values in found.items())
    return Verdict.below(which, spread, MARGIN, f"mean F1 by weight {words}")


def gain(which: Any, found: Estimate, margin: float, words: str) -> Verdict:
    """Holds from the margin on with an interval above 0; does not if the interval is below the margin."""
    answer: Answer = "holds" if found.value >= margin and found.low > 0 else "undecided"
    if found.high < margin:
        answer = "does not hold"
    return Verdict.of(which, answer, found, f"{words}, gain {found:.3f}")


def summary(table: pd.DataFrame) -> str:
    """Mean F1 of every way, and how right the labels are."""
    names = [LFD, FD, LABELS, PAGERANK, ATTRIBUTES, LFD + SETTLED, FD + SETTLED]
    words = ", ".join(f"{name} {table[name].mean():.3f}" for name in names)
    right = f"{table['right inside'].mean():.2f} inside and {table['right outside'].mean():.2f} outside"
    return f"{words}; labels right for {right}"


def in_graph(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """The rows of one real graph."""
    table = of(rows, "real")
    return table if table.empty else table[table["graph"] == name]
