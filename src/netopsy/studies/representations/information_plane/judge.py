"""Falls of I(X;T), the turn from drift to diffusion, distances to the bound, and depth against speed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from netopsy.lab import Part, Tables, above, below, gain, mean_interval
from netopsy.lab.statistics import rank_correlation
from netopsy.studies.representations.information_plane.plan import FULL, RELU, TANH, Config

PAPER, UNIT = "information-plane", "training runs"
NEAR = 0.1
"""Bits below the bound."""


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Each claim over independent training runs."""
    last = len(config.widths)
    falls = {method: fall(tables, method) for method in (TANH, RELU, FULL)}
    inner = {f"layer {layer}": mean_interval(falls[TANH][layer]) for layer in range(1, last)}
    beside = {**inner, **_ends(tables, TANH, last)}
    for number, method in ((1, TANH), (2, RELU)):
        name = f"{method}, last hidden layer: fall of I(X;T), bits"
        shown = beside if method == TANH else _ends(tables, RELU, last)
        found = gain(name, mean_interval(falls[method][last]), 0.5, unit=UNIT, beside=shown)
        yield f"{PAPER}-{number}", found
    saturated = tables.rows("path", method=TANH).groupby("layer")["saturated"].mean()
    told = ", ".join(f"{layer}: {100 * share:.0f} %" for layer, share in saturated.items())
    yield f"{PAPER}-1", f"Checkpoints at which more than half of the inputs have a code of their own, by layer: {told}."
    yield from _turns(tables, config, falls)
    yield f"{PAPER}-4", _bound(tables)
    yield f"{PAPER}-4", "A layer that lies on the bound before training cannot get nearer, and does not count."
    yield f"{PAPER}-5", _depth(tables)


def fall(tables: Tables, method: str) -> Any:
    """The largest I(X;T) of any checkpoint minus that of the last one: a row a run, a column a layer."""
    table = tables.rows("path", method=method).sort_values("epoch")
    groups = table.groupby(["seed", "layer"])["ixt"]
    return (groups.max() - groups.last()).unstack("layer")


def _ends(tables: Tables, method: str, layer: int) -> dict[str, Any]:
    table = tables.rows("path", method=method, layer=layer).sort_values("epoch").groupby("seed")["ixt"]
    return {
        "largest": mean_interval(table.max()),
        "before training": table.first().mean(),
        "at the end": table.last().mean(),
    }


def turns(tables: Tables, last_epoch: int) -> pd.DataFrame:
    """Of each run and layer: the epoch of the largest I(X;T), that of the crossing, and whether there is one.

    The epoch before training counts as 1 on the logarithmic axis.
    """
    rows = []
    for (seed, layer), own in tables.rows("path", method=TANH).groupby(["seed", "layer"]):
        own = own.sort_values("epoch")
        epochs, high = np.maximum(own["epoch"].to_numpy(float), 1.0), own["snr"].to_numpy(float) >= 1
        after = np.flatnonzero(high[:-1] & ~high[1:])
        crossed = float(epochs[after[0] + 1]) if len(after) else float(last_epoch)
        peak = float(epochs[own["ixt"].to_numpy(float).argmax()])
        rows.append({"seed": seed, "layer": layer, "peak": peak, "crossing": crossed, "crosses": len(after) > 0})
    return pd.DataFrame(rows)


def _turns(tables: Tables, config: Config, falls: dict[str, Any]) -> Iterator[tuple[str, Part]]:
    found = turns(tables, config.epochs)
    found["apart"] = np.abs(np.log(found["peak"] / found["crossing"]))
    runs = found.groupby("seed")
    share = mean_interval(runs["crosses"].mean())
    crossing = {f"layer {layer}": own["crosses"].mean() for layer, own in found.groupby("layer")}
    name = "layers whose gradients turn from drift to diffusion"
    yield f"{PAPER}-3", gain(name, share, 0.8, floor=0.5, unit=UNIT, beside=crossing)
    medians: dict[str, Any] = {"epoch of the largest I(X;T), median": found["peak"].median()}
    medians["epoch of the crossing, median"] = found["crossing"].median()
    apart = mean_interval(runs["apart"].mean())
    yield f"{PAPER}-3", below("|ln| of the two epochs' ratio", apart, math.log(3), unit=UNIT, beside=medians)
    ordered = [rank_correlation(own["peak"], own["crossing"]) for _, own in runs]
    yield f"{PAPER}-3", above("Spearman's correlation of the two epochs over layers", mean_interval(ordered), unit=UNIT)
    last = len(config.widths)
    name, whole = "control, full batch: fall of I(X;T), bits", mean_interval(falls[FULL][last])
    beside = {"with mini-batches": mean_interval(falls[TANH][last]), **_ends(tables, FULL, last)}
    yield f"{PAPER}-3", below(name, whole, 0.5, unit=UNIT, beside=beside)


def _bound(tables: Tables) -> Part:
    table = tables.rows("path", method=TANH).sort_values("epoch")
    groups = table.groupby(["seed", "layer"])["gap"]
    before, after = groups.first(), groups.last()
    near = ((after <= NEAR) & (after < before)).groupby("seed").mean()
    beside: dict[str, Any] = {}
    for words, gaps in (("before training", before), ("at the end", after)):
        for layer, own in gaps.groupby("layer"):
            beside[f"bits below the bound, layer {layer}, {words}"] = own.mean()
    name = f"layers within {NEAR:g} bit of the bound and nearer than before"
    return gain(name, mean_interval(near), 0.8, floor=0.5, unit=UNIT, beside=beside)


def _depth(tables: Tables) -> Part:
    table = tables.rows("learned", method=TANH)
    ordered = [-rank_correlation(own["depth"], np.log(own["epochs"])) for _, own in table.groupby("seed")]
    beside: dict[str, Any] = {}
    for depth, own in table.sort_values("depth").groupby("depth"):
        beside[f"epochs with {depth}"] = own["epochs"].mean()
        beside[f"not there in time with {depth}"] = int((~own["reached"].astype(bool)).sum())
    name = "minus Spearman's correlation of hidden layers with log epochs"
    return gain(name, mean_interval(ordered), 0.5, unit=UNIT, beside=beside)
