"""What the measured pairs say of each claim; the unit is the seed, whose pairs share their data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from netopsy.lab import Part, Tables, above, below, exact, gain, mean_interval, paired_difference
from netopsy.lab.statistics import rank_correlation
from netopsy.studies.landscape.linear_mode_connectivity.plan import (
    LAYER,
    MATCHED,
    NAIVE,
    RANDOM,
    RANDOM_PART,
    Config,
)

PAPER = "linear-mode-connectivity"
Parts = Iterator[tuple[str, Part | str]]


def judge(tables: Tables, config: Config) -> Parts:
    """Claim by claim."""
    yield from _mountainside(tables, config)
    yield from _ridges(tables, config)
    yield from _predictor(tables, config)
    yield from _layers(tables)
    yield from _alignment(tables)


def _mountainside(tables: Tables, config: Config) -> Parts:
    epochs = config.forks.training.epochs
    late = config.forks.at[min(2, len(config.forks.at) - 1)]
    wide = tables.wide("forked", columns=["epoch", "length"], values="barrier")
    beside = {f"parted after {at}, {length} epochs apart": wide[at, length].mean() for at, length in wide}
    for length in (epochs, config.forks.longer):
        lower = paired_difference(wide[0, length], wide[late, epochs])
        name = f"parted at the start ({length} epochs) less parted after {late}"
        yield f"{PAPER}-1", gain(name, lower, 0.1, unit="runs", beside=beside)
    falls = [
        -rank_correlation(own["epoch"], own["barrier"])
        for _, own in tables.rows("forked", length=epochs).groupby("seed")
    ]
    yield (
        f"{PAPER}-1",
        gain("rank correlation of epoch and barrier, sign turned", mean_interval(falls), 0.4, unit="runs"),
    )


def _ridges(tables: Tables, config: Config) -> Parts:
    from scipy.stats import kendalltau

    table = tables.rows("independent", width=config.apart.widths[0])
    ranks = {seed: float(kendalltau(own["epoch"], own["barrier"]).statistic) for seed, own in table.groupby("seed")}
    beside: dict[str, Any] = {
        f"barrier after epoch {at}": value for at, value in table.groupby("epoch")["barrier"].mean().items()
    }
    way = tables.rows("way", epoch=0).groupby("since")["cosine"].mean()
    beside |= {f"cosine from a common start, epoch {since}": value for since, value in way.items()}
    name = "Kendall's rank correlation of epoch and barrier"
    yield f"{PAPER}-2", gain(name, mean_interval(list(ranks.values())), 0.8, unit="pairs", beside=beside)
    short = sum(value < 0.8 - 1e-9 for value in ranks.values()) / len(ranks)
    yield f"{PAPER}-2", exact("share of pairs below 0.8", short, 0.2)


def _predictor(tables: Tables, config: Config) -> Parts:
    """Rank correlations within each seed, so that an interval is over what was drawn anew."""
    parted = tables.rows("forked", length=config.forks.training.epochs)
    every = pd.concat([parted, tables["independent"]])
    found: dict[str, list[float]] = {"taylor": [], "hermite": [], "squared": []}
    for _, own in every.groupby("seed"):
        for name, values in found.items():
            values.append(rank_correlation(own[name], own["midpoint"]))
    beside = {
        "pairs": len(every),
        "Hermite estimate": mean_interval(found["hermite"]),
        "squared distance": mean_interval(found["squared"]),
    }
    taylor = mean_interval(found["taylor"])
    yield f"{PAPER}-3", gain("Taylor estimate and barrier", taylor, 0.7, floor=0.5, unit="seeds", beside=beside)
    more = paired_difference(found["taylor"], found["squared"])
    yield f"{PAPER}-3", gain("less that of the squared distance", more, 0.05, unit="seeds")
    yield f"{PAPER}-3", "A seed's pairs share their data, so that each seed gives one rank correlation."


def _layers(tables: Tables) -> Parts:
    table = tables["layers"]
    single = table[table["method"] == LAYER]
    whole = tables["whole"].groupby("seed")["value"].mean()
    median, random = (
        table[table["method"] == method].groupby("seed")["value"].median() for method in (LAYER, RANDOM_PART)
    )
    beside: dict[str, Any] = {
        "whole network": whole.mean(),
        f"median of {LAYER}": mean_interval(median),
        f"median of {RANDOM_PART}": mean_interval(random),
        "largest of one layer": mean_interval(single.groupby("seed")["value"].max()),
    }
    rest = paired_difference(0.33 * whole, median)
    name = "0.33 of the whole less the median layer"
    yield f"{PAPER}-4", above(name, rest, 0.0, unit="pairs", beside=beside)
    ranks: dict[str, list[float]] = {"taylor": [], "squared": []}
    for _, own in single.groupby("seed"):
        for estimate, values in ranks.items():
            values.append(rank_correlation(own[estimate], own["value"]))
    by_distance = {"squared distance": mean_interval(ranks["squared"])}
    name = "rank correlation of estimate and barrier over layers"
    yield f"{PAPER}-4", gain(name, mean_interval(ranks["taylor"]), 0.3, unit="pairs", beside=by_distance)


def _alignment(tables: Tables) -> Parts:
    ratios = {}
    for width in tables["aligned"]["width"].unique():
        wide = tables.wide("aligned", width=width)
        ratios[width] = wide[MATCHED] / wide[NAIVE]
        beside = {**wide.mean().to_dict(), "matched over as they are": mean_interval(ratios[width])}
        left = paired_difference(0.2 * wide[NAIVE], wide[MATCHED])
        name = f"width {width}: 0.2 of the barrier less the matched one"
        yield f"{PAPER}-5", above(name, left, 0.0, unit="pairs", beside=beside)
        control = paired_difference(wide[RANDOM], wide[MATCHED])
        yield f"{PAPER}-5", above(f"width {width}: {RANDOM} less matched", control, 0.0, unit="pairs")
    table = pd.DataFrame(ratios)
    falls = [rank_correlation(list(ratios), row) for row in table.to_numpy()]
    middle = tables["midpoint"].groupby(["method", "width"])["value"].mean()
    beside = {f"half way, {method}, width {width}": value for (method, width), value in middle.items()}
    name = "rank correlation of width and ratio"
    yield f"{PAPER}-5", below(name, mean_interval(falls), 0.0, unit="pairs", beside=beside)
