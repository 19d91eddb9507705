"""What the measurements of the graphlet-orbits study say about its three claims. The criteria are the catalogue's."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from netopsy.catalogue import claim
from netopsy.lab import Estimate, Verdict, paired_difference
from netopsy.lab.verdicts import Answer
from netopsy.studies.graphs._tables import of

PAPER = "graphlet-orbits"
EXPLAINED = 1 - 1e-6
SECONDS, MEGABYTES, NODES = 60.0, 2000.0, 10_000
MARGIN = 0.01


def judge(rows: pd.DataFrame, config: Any) -> list[Verdict]:
    """One verdict a claim."""
    return [subset(rows), speed(rows), labels(rows)]


def subset(rows: pd.DataFrame) -> Verdict:
    """Walks are an exact mixture of 13 matrices, and no regression on them gives any of the other 15."""
    about = claim(PAPER, "graphlet-orbits-1")
    identity, explained = of(rows, "identity"), of(rows, "explained")
    violations = int(identity["violations"].sum())
    best = explained["value"].max()
    answer: Answer = "holds" if violations == 0 and best < EXPLAINED else "does not hold"
    top = explained.sort_values("value").iloc[-1]
    missing = 15 - explained["key"].nunique()
    detail = (
        f"{violations} entries differ from the mixture on {identity['graph'].nunique()} graphs; the largest R² is "
        f"{best:.6f}, of {top['key']} on {top['graph']} ({top['nodes']:.0f} nodes); the median over graphs is at most "
        f"{explained.groupby('key')['value'].median().max():.3f}"
        f"{f'; {missing} of the 15 never occurred' if missing else ''}"
    )
    return Verdict.of(about, answer, Estimate(best, math.nan, math.nan, len(explained)), detail)


def speed(rows: pd.DataFrame) -> Verdict:
    """Seconds and memory for 10,000 nodes."""
    about, growth = claim(PAPER, "graphlet-orbits-2"), of(rows, "growth")
    told = ", ".join(f"{row.nodes:,.0f}: {row.seconds:.2f} s, {row.megabytes:.0f} MB" for row in growth.itertuples())
    real = ", ".join(f"{row.graph} {row.seconds:.2f} s" for row in of(rows, "network").itertuples())
    detail = f"nodes, seconds and memory of the whole process: {told}; real networks: {real}"
    own = growth[growth["nodes"] == NODES]
    if own.empty or own["megabytes"].isna().any():
        return Verdict.undecided(about, f"{NODES:,} nodes were not measured, or not their memory; {detail}")
    seconds, most = float(own["seconds"].iloc[0]), float(own["megabytes"].iloc[0])
    answer: Answer = "holds" if seconds < SECONDS and most < MEGABYTES else "does not hold"
    return Verdict.of(about, answer, Estimate(seconds, math.nan, math.nan, 1), detail)


def labels(rows: pd.DataFrame) -> Verdict:
    """How many graphs have labels that the chosen orbit tells better than the chosen window."""
    about, found = claim(PAPER, "graphlet-orbits-3"), gains(rows)
    parts = {name: Verdict.exceeds(about, gain, MARGIN).verdict for name, gain in found.items()}
    half = math.ceil(len(found) / 2)
    wins = sum(part == "holds" for part in parts.values())
    losses = sum(part == "does not hold" for part in parts.values())
    answer: Answer = "holds" if wins >= half else "does not hold" if losses > len(found) - half else "undecided"
    chosen = of(rows, "chosen")
    words = []
    for name, gain in found.items():
        own = chosen[chosen["graph"] == name]
        means = own.groupby("kind")["value"].mean()
        most = own.groupby("kind")["choice"].agg(lambda choices: choices.value_counts().index[0])
        words.append(
            f"{name} {means['orbit']:.3f} ({most['orbit']}) against {means['walk']:.3f} ({most['walk']}), "
            f"difference {gain:.3f}"
        )
    deciding = sorted(found.values(), key=lambda gain: -gain.value)[half - 1]
    return Verdict.of(about, answer, deciding, f"orbit wins on {wins} of {len(found)} graphs; {'; '.join(words)}")


def gains(rows: pd.DataFrame) -> dict[str, Estimate]:
    """For each graph F1 of the chosen orbit less that of the chosen window, paired by run."""
    means = of(rows, "chosen").groupby(["graph", "kind", "seed"], sort=False)["value"].mean().unstack("kind")
    return {str(name): paired_difference(own["orbit"], own["walk"]) for name, own in means.groupby("graph", sort=False)}
