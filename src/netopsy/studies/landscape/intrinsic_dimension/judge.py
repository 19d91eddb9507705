"""Where curves reach nine tenths of direct training, and what that says of the claims."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from netopsy.lab import Part, Tables, above, below, between, exact, gain, mean_interval, open_part, paired_difference
from netopsy.landscape.intrinsic_dimension.curve import crossing
from netopsy.studies.landscape.intrinsic_dimension.plan import (
    COORDINATES,
    DENSE,
    FASTFOOD,
    NARROW,
    PERMUTED,
    PLAIN,
    SHARE,
    SHUFFLED,
    TRUE,
    Config,
)

WIDER, SAME = math.log(1.5), math.log(1.15)
SPAN, SMALL, MEMORY = 10, 0.02, math.log(3)
TWENTIETH = 1 / 20


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """One number a seed: d90 of its curve."""
    yield from _sizes(tables, config)
    yield from _kinds(tables, config)
    true, shuffled = (d90(tables.rows("labels", labels=kind)) for kind in (TRUE, SHUFFLED))
    beside = {f"d90, {TRUE}": mean_interval(true), f"d90, {SHUFFLED}": mean_interval(shuffled)}
    ratio = paired_difference(np.log(shuffled), np.log(true))
    yield "intrinsic-dimension-3", above(f"log d90, {SHUFFLED} over {TRUE}", ratio, MEMORY, unit="seeds", beside=beside)
    yield from _pixels(tables, config)
    yield from _compressed(tables, config)


def _sizes(tables: Tables, config: Config) -> Iterator[tuple[str, Part]]:
    rows = {network.name: curve(tables, config, network.name) for network in config.networks}
    found = pd.DataFrame({name: d90(own) for name, own in rows.items()})
    full = {name: int(own["full"].iloc[0]) for name, own in rows.items()}
    span = max(full.values()) / min(full.values())
    claim = "intrinsic-dimension-1"
    yield claim, exact("span of parameters below a factor of 10", max(0.0, SPAN - span), beside={"span": span})
    ratio = mean_interval(np.log(found.max(axis=1, skipna=False) / found.min(axis=1, skipna=False)))
    beside: dict[str, Any] = {f"d90, {name}, D = {full[name]:,}": mean_interval(found[name]) for name in rows}
    yield (
        claim,
        below("log d90, largest over smallest", ratio, WIDER, unit="seeds", beside=beside | _rates(tables, config)),
    )
    widest = max(full, key=lambda name: full[name])
    yield claim, below(f"d90 / D, {widest}", mean_interval(found[widest] / full[widest]), SMALL, unit="seeds")


def _kinds(tables: Tables, config: Config) -> Iterator[tuple[str, Part]]:
    name = config.networks[config.middle].name
    found = {kind: d90(curve(tables, config, name, kind)) for kind in (FASTFOOD, *config.kinds)}
    beside = {f"d90, {kind}": mean_interval(values) for kind, values in found.items()}
    for kind in found:
        if kind != DENSE:
            ratio = paired_difference(np.log(found[kind]), np.log(found[DENSE]), confidence=0.9)
            part = between(f"log d90, {kind} over dense", ratio, -SAME, SAME, unit="seeds", beside=beside)
            yield "intrinsic-dimension-2", part


def _pixels(tables: Tables, config: Config) -> Iterator[tuple[str, Part]]:
    for network in (config.networks[config.middle], config.lenet):
        own = {kind: curve(tables, config, network.name, pixels=kind) for kind in (PLAIN, PERMUTED)}
        found = {kind: d90(rows) for kind, rows in own.items()}
        beside: dict[str, Any] = {f"d90, {kind}": mean_interval(values) for kind, values in found.items()}
        beside |= {f"direct, {kind}": rows[rows["dimension"] == 0]["value"].mean() for kind, rows in own.items()}
        logs, name = (
            [np.log(found[kind]) for kind in (PERMUTED, PLAIN)],
            f"log d90, permuted over plain, {network.name}",
        )
        if network.channels:
            part = gain(name, paired_difference(*logs), WIDER, unit="seeds", beside=beside)
        else:
            ratio = paired_difference(*logs, confidence=0.9)
            part = between(name, ratio, -SAME, SAME, unit="seeds", beside=beside)
        yield "intrinsic-dimension-4", part


def _compressed(tables: Tables, config: Config) -> Iterator[tuple[str, Part]]:
    claim, rows = "intrinsic-dimension-5", curve(tables, config, config.networks[config.widest].name)
    chosen = certified(rows)
    if chosen is None:
        yield claim, open_part("size", why="no dimension of the sweep is sure to reach it on the validation set")
        return
    own = rows[rows["dimension"] == chosen]
    share = float(own["bytes"].mean()) / (4 * int(rows["full"].iloc[0]))
    beside: dict[str, Any] = {"d": chosen, "bytes": own["bytes"].mean(), "times smaller": 1 / share}
    yield claim, exact("stored bytes over those of the float32 parameters", share, TWENTIETH, beside=beside)
    test, ratio = _by_seed(own, "test"), ratios(rows, chosen, "test")
    yield claim, above("test accuracy over that of direct training", mean_interval(ratio), SHARE, unit="seeds")
    for method in (NARROW, COORDINATES):
        other = _by_seed(tables.rows("controls", method=method, dimension=chosen), "test")
        lead = paired_difference(test, other)
        beside = {"subspace": test.mean(), method: other.mean()}
        yield claim, above(f"test accuracy less that of {method}", lead, 0.0, unit="seeds", beside=beside)


def _rates(tables: Tables, config: Config) -> dict[str, float]:
    """d90 of the mean curve at other learning rates, to tell whether the one that is used is a good one."""
    name, found = config.networks[config.middle].name, {}
    for rate in (config.training.rate, *config.rates):
        own = curve(tables, config, name, rate=rate)
        own = own[own["seed"] < config.rate_seeds]
        dims = [int(each) for each in sorted(set(own["dimension"]) - {0})]
        above_target = [float(ratios(own, each).mean()) - SHARE for each in dims]
        found[f"d90 at rate {rate:g}"] = crossing(dims, above_target)
    return found


def curve(
    tables: Tables, config: Config, network: str, projection: str = FASTFOOD, pixels: str = PLAIN, rate: float = 0.0
) -> pd.DataFrame:
    """The rows of one curve; direct training, at dimension 0, is the same whatever the projection."""
    at = {"network": network, "pixels": pixels, "rate": rate or config.training.rate}
    found: pd.DataFrame = tables.rows("curves", **at)
    return found[(found["projection"] == projection) | (found["dimension"] == 0)]


def d90(rows: pd.DataFrame) -> pd.Series:
    """By seed, where the envelope of its accuracy reaches nine tenths of direct training's.

    NaN where it does not, and where the smallest dimension does already, which is no more than a bound.
    """
    wide = rows.pivot(index="seed", columns="dimension", values="value").astype(float)
    dims = [int(each) for each in wide.columns if each]
    places = [crossing(dims, above) for above in wide[dims].sub(SHARE * wide[0], axis=0).to_numpy()]
    return pd.Series(places, index=wide.index).replace([np.inf, dims[0]], np.nan)


def ratios(rows: pd.DataFrame, dimension: int, values: str = "value") -> pd.Series:
    """By seed, accuracy over that of direct training."""
    return _by_seed(rows[rows["dimension"] == dimension], values) / _by_seed(rows[rows["dimension"] == 0], values)


def certified(rows: pd.DataFrame) -> int | None:
    """The smallest dimension that is sure to reach nine tenths on the validation set."""
    for dimension in sorted(set(rows["dimension"]) - {0}):
        if mean_interval(ratios(rows, dimension, "validation")).low > SHARE:
            return int(dimension)
    return None


def _by_seed(rows: pd.DataFrame, values: str) -> pd.Series:
    return rows.set_index("seed")[values].sort_index().astype(float)
