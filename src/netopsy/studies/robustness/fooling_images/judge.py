"""How the measured numbers answer the four claims."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netopsy.lab import Part, Tables, above, mean_interval, paired_difference
from netopsy.studies.robustness.fooling_images.plan import (
    ASCENT,
    BEST,
    CPPN,
    ENCODINGS,
    EVOLVED,
    PARTNER,
    RANDOM,
    RAW,
    Config,
)

SURE, ENOUGH, MEDIAN = 0.99, 0.95, 0.9999
LEAD, STILL, CLASSES = 0.10, 0.90, 10


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Confidence of evolved images, over networks, chains of networks and pairs of them."""
    for name in ENCODINGS:
        yield from _certain(tables, config.plain.data, name)
    yield "fooling-images-1", _about_ascent(tables, config.plain.data)
    yield from _richer(tables, config.rich.data)
    yield from _retrained(tables)
    yield from _transferred(tables)


def _certain(tables: Tables, data: str, name: str) -> Iterator[tuple[str, Part | str]]:
    own = tables.rows("class", data=data, method=name)
    evolved, random = (own[own["way"] == way].astype({"value": float}) for way in (EVOLVED, RANDOM))
    by, drawn = evolved.groupby("seed")["value"], random.groupby("seed")["value"]
    claim, unit = "fooling-images-1", "networks"
    share = {"unevolved": drawn.agg(lambda sure: (sure >= SURE).mean()).mean()}
    reached = mean_interval(by.agg(lambda sure: (sure >= SURE).mean()))
    yield claim, above(f"{name}: share of classes at {SURE:.0%}", reached, ENOUGH, unit=unit, beside=share)
    beside = {"unevolved": drawn.median().mean(), "least class": by.min().mean()}
    yield claim, above(f"{name}: median confidence", mean_interval(by.median()), MEDIAN, unit=unit, beside=beside)
    more = paired_difference(by.mean(), drawn.mean())
    beside = {EVOLVED: by.mean().mean(), "unevolved": drawn.mean().mean()}
    yield claim, above(f"{name}: mean confidence, evolved less unevolved", more, unit=unit, beside=beside)
    away = mean_interval(evolved.groupby("seed")["distance"].median())
    yield claim, above(f"{name}: distance to the nearest real image", away, 1.0, unit=unit)


def _about_ascent(tables: Tables, data: str) -> str:
    own = tables.rows("class", data=data, method=ASCENT).groupby("seed")
    sure, away = own["value"].median().mean(), own["distance"].median().mean()
    return f"Gradient ascent: median confidence {sure:.4f}, distance to the nearest real image {away:.2f}."


def _richer(tables: Tables, data: str) -> Iterator[tuple[str, Part | str]]:
    own = tables.rows("class", data=data).astype({"value": float})
    medians = own.groupby(["seed", "method", "way"])["value"].median().unstack(["method", "way"])
    away = own.groupby(["method", "way"])["distance"].median()
    lead = paired_difference(medians[CPPN, EVOLVED], medians[RAW, EVOLVED])
    ways = [(name, way) for name in ENCODINGS for way in (EVOLVED, RANDOM)]
    beside: dict[str, Any] = {f"{name}, {way}": medians[name, way].mean() for name, way in ways}
    beside |= {f"distance to real images, {name}": away[name, EVOLVED] for name in ENCODINGS}
    beside |= {"test accuracy": tables.rows("accuracy", data=data)["value"].mean()}
    yield (
        "fooling-images-2",
        above("median confidence, CPPN less raw pixels", lead, LEAD, unit="networks", beside=beside),
    )


def _retrained(tables: Tables) -> Iterator[tuple[str, Part | str]]:
    claim, unit = "fooling-images-3", "chains"
    whole = tables["retraining"]
    last = whole[whole["round"] == whole["round"].max()]
    rounds = tables.mean("retraining", "round")
    beside = {f"round {number}": value for number, value in rounds.items()} | {"least class": last["least"].mean()}
    name = f"median confidence in round {int(whole['round'].max())}"
    yield claim, above(name, mean_interval(last["value"]), STILL, unit=unit, beside=beside)
    before = {"round 0": whole[whole["round"] == 0]["accuracy"].mean()}
    yield claim, above("accuracy on real images", mean_interval(last["accuracy"]), STILL, unit=unit, beside=before)
    told = {"images taught": last["taught images"].mean()}
    yield claim, above("taught images recognised", mean_interval(last["taught"]), STILL, unit=unit, beside=told)


def _transferred(tables: Tables) -> Iterator[tuple[str, Part | str]]:
    claim, unit = "fooling-images-4", "pairs of networks"
    rates = tables.wide("transfer", columns="way", other=PARTNER)
    each = tables.mean("transfer", ["method", "way"], other=PARTNER)
    beside = {f"{name}, {way}": value for (name, way), value in each.items()}
    yield claim, above("same class", mean_interval(rates[EVOLVED]), 3 / CLASSES, unit=unit, beside=beside)
    more = paired_difference(rates[EVOLVED], rates[RANDOM])
    beside = {RANDOM: rates[RANDOM].mean(), BEST: rates[BEST].mean()}
    yield claim, above("same class, evolved less unevolved", more, unit=unit, beside=beside)
