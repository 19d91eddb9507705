"""How the concept-lens study's four claims are answered. The unit is a run: its splits or classes are averaged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netopsy.lab import Part, Tables, above, below, exact, gain, mean_interval, paired_difference
from netopsy.studies.interpretability.concept_lens.plan import (
    GROUPED,
    IMPORTANCE,
    JUDGED,
    MEASURES,
    OPTIMAL,
    PIXELS,
    RANDOM,
    Config,
)

TRADE = (
    ("relative l2", "pca", "nmf"),
    ("relative l2", "nmf", "kmeans"),
    ("sparsity", "nmf", "kmeans"),
    ("sparsity", "pca", "nmf"),
    ("instability", "nmf", "pca"),
)
"""Measure, the method that has less of it, and the one that has more."""


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Optimal where the rest is affine, a trade between extractions, the order elsewhere, and hidden cues."""
    table = tables["affine"].groupby("method", sort=False)
    gaps, least = table[["deletion", "insertion"]].max().max(axis=1), table["mu"].min()
    beside: dict[str, Any] = gaps.drop(list(OPTIMAL)).add_prefix("gap, ").to_dict()
    beside |= {"images": int(table["images"].sum()[OPTIMAL[0]])}
    for name in OPTIMAL:
        yield "concept-lens-1", exact(f"{name}: largest gap to the best order", float(gaps[name]), 1e-5, beside=beside)
        yield "concept-lens-1", exact(f"{name}: C-muFidelity short of 1 by", float(1 - least[name]), 1e-3)
        beside = {}

    by = {"layer": tables["extraction"]["layer"].iloc[0]}
    for measure in MEASURES[len(JUDGED) :]:
        beside |= tables.mean("extraction", "method", measure, **by).add_prefix(f"{measure}, ").to_dict()
    for measure, less, more in TRADE:
        values = tables.wide("extraction", values=measure, **by)
        apart = paired_difference(values[more], values[less])
        beside = values.mean().to_dict() | beside
        yield "concept-lens-2", above(f"{measure}, {more} less {less}", apart, beside=beside)
        beside = {}

    deletion = tables.wide("ranking", values="deletion", **by)
    beside = deletion.mean().sort_values().add_prefix("C-Deletion, ").to_dict()
    for method in ("gi", "ig", "oc"):
        beside |= {f"{method} less random order": paired_difference(deletion[method], deletion[RANDOM])}
        lower = paired_difference(deletion[method], deletion["sa"])
        yield "concept-lens-3", below(f"C-Deletion, {method} less sa", lower, beside=beside)
        beside = {}

    table = tables.wide("cluster")
    beside = {f"index, {name}": mean_interval(table[name]) for name in GROUPED}
    beside |= {"accuracy": tables["accuracy"]["value"].mean()}
    matched = mean_interval(table[IMPORTANCE])
    yield "concept-lens-4", gain("adjusted Rand index with the hidden cue", matched, 0.5, beside=beside)
    beyond = paired_difference(table[IMPORTANCE], table[PIXELS])
    yield "concept-lens-4", gain("the index less that of pixels", beyond, 0.3)
