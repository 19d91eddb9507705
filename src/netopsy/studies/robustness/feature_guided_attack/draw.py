"""The figures: changed pixels side by side, by regions, nearness to the optimum, the players, and some images."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.lab import Tables
from netopsy.lab.pictures import from_text, mosaic
from netopsy.lab.plots import dots, lines
from netopsy.studies.robustness.feature_guided_attack.plan import (
    GAME,
    JACOBIAN,
    PLAYERS,
    PLAYOUTS,
    PRUNED,
    TREE,
    Config,
)


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """One figure a claim, and examples."""
    drawn = {
        "pairs": _pairs(tables),
        "regions": _dots(tables["regions"], "changed pixels, a dot a network"),
        "optimum": _optimum(tables),
        "players": _dots(tables["players"], "value of the game, a dot a network", PLAYERS),
    }
    return drawn | ({"examples": _examples(tables["example"])} if "example" in tables else {})


def _pairs(tables: Tables) -> Figure:
    table = tables.wide("attacks", index=["seed", "image"], reached=True)
    drawn, ax = figure(4.6, 3.6)
    for color, method, aside in zip(PALETTE, (JACOBIAN, PRUNED), (-0.12, 0.12), strict=False):
        counts = table.groupby([method, GAME]).size().rename("images").reset_index()
        ax.scatter(counts[method] + aside, counts[GAME], s=8 * counts["images"], alpha=0.55, color=color, label=method)
    most = float(table.to_numpy().max()) + 1
    ax.plot([0, most], [0, most], color=INK, linewidth=0.8)
    ax.set(xlabel="changed pixels, white box", ylabel="changed pixels, game", xlim=(0, most), ylim=(0, most))
    ax.set_title("the area is the number of images")
    ax.legend(loc="upper left", markerscale=0.5)
    return drawn


def _dots(table: pd.DataFrame, label: str, names: tuple[str, ...] | None = None) -> Figure:
    drawn, ax = figure(4.8, 0.9 + 0.45 * table["method"].nunique())
    dots(ax, table, by="method", names=names)
    ax.set_xlabel(label)
    return drawn


def _optimum(tables: Tables) -> Figure:
    drawn, ax = figure(4.8, 3.2)
    if "history" in tables:
        lines(ax, tables["history"], x="asked", by="method", names=(TREE, PLAYOUTS))
        ax.set_xscale("log")
        ax.legend()
    ax.axhline(0.6, color=INK, linewidth=0.8, linestyle="--")
    ax.set(xlabel="queries", ylabel="share of images at the optimum", ylim=(-0.03, 1.05))
    return drawn


def _examples(table: pd.DataFrame) -> Figure:
    rows = {what: [from_text(text) for text in own["picture"]] for what, own in table.groupby("what", sort=False)}
    shown = table[table["what"] == "image"]
    names = [f"{old} → {new}" for old, new in zip(shown["label"], shown["predicted"], strict=True)]
    return mosaic({"image": rows["image"], "changed": rows["changed"]}, names)
