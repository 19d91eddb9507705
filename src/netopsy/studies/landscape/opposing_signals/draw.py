"""The figures: the spike and who makes it, the images, the law of the sharpness, the optimisers."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.lab import Tables
from netopsy.lab.pictures import gallery_of
from netopsy.lab.plots import dots, lines
from netopsy.studies.landscape.opposing_signals.plan import (
    ADAM,
    ALL,
    ANY,
    DAMPENED,
    EXACT,
    MATCHED,
    OPPOSING,
    SAMPLED,
    SGD,
    SPLIT,
    WITHOUT,
    WITHOUT_MATCHED,
    Config,
)

AROUND = 15
"""Steps on either side of the spike that are shown."""


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Five figures."""
    return {
        "spike": _spike(tables, config),
        "images": gallery_of(tables["images"], ["side"], str),
        "groups": _groups(tables, config),
        "law": _law(tables),
        "optimisers": _optimisers(tables, config),
    }


def _spike(tables: Tables, config: Config) -> Figure:
    drawn, ((near, edge),) = figure_grid(1, 2, 8.6, 3.2)
    course = tables["course"]
    chosen = int(course["chosen"].iloc[0])
    shown = course[(course["step"] - chosen).abs() <= AROUND]
    for column, label, color in (
        ("up", "loss rises at the mark", PALETTE[1]),
        ("down", "loss falls at the mark", PALETTE[0]),
        ("all", "all examples", INK),
    ):
        near.plot(shown["step"], shown[column], marker=".", label=label, color=color)
    near.axvline(chosen + 1, color=INK, linewidth=0.8, linestyle=":")
    near.set(xlabel="steps", ylabel="mean loss")
    near.legend()
    lines(edge, tables["sharpness"], x="step", names=None, marker="")
    edge.axhline(1, color=INK, linewidth=1, linestyle="--")
    edge.set(xlabel="steps", ylabel="rate · sharpness / 2")
    return drawn


def _groups(tables: Tables, config: Config) -> Figure:
    drawn, ((pull, swing, removed),) = figure_grid(1, 3, 11.0, 2.9)
    names = {OPPOSING: PALETTE[1], MATCHED: PALETTE[0], ANY: PALETTE[5]}
    dots(pull, tables["pull"], by="method", values="cosine", names=list(names), colors=names)
    pull.set(xlabel="cosine of the mean gradients")
    dots(swing, tables["swings"], by="method", values="correlation", names=list(names), colors=names)
    swing.set(xlabel="correlation of loss increments")
    swing.set_yticklabels([])
    arms = {ALL: INK, WITHOUT: PALETTE[1], WITHOUT_MATCHED: PALETTE[0]}
    lines(removed, tables["removal"], x="step", by="method", names=list(arms), colors=arms, marker="")
    removed.axhline(1, color=INK, linewidth=0.8, linestyle=":")
    removed.set(xlabel=f"steps after step {config.descent.warmup}", ylabel="rate · sharpness / 2")
    removed.legend()
    return drawn


def _law(tables: Tables) -> Figure:
    drawn, ((law, course),) = figure_grid(1, 2, 8.2, 3.2)
    ends = tables["theory"].assign(product=lambda own: own["strength"] * own["norm"])
    for name, color, marker in ((SAMPLED, PALETTE[0], "."), (EXACT, PALETTE[1], "D")):
        own = ends[ends["method"] == name]
        law.loglog(own["product"], own["value"], marker, color=color, label=name)
    products = np.array([ends["product"].min(), ends["product"].max()])
    law.loglog(products, products, color=INK, linewidth=1, linestyle="--", label="equal")
    law.set(xlabel="strength times norm", ylabel="sharpness at the end")
    law.legend()
    flow = tables["flow"]
    course.semilogy(flow["time"], flow["value"])
    course.set(xlabel="time", ylabel="sharpness", title="from a large start")
    return drawn


def _optimisers(tables: Tables, config: Config) -> Figure:
    drawn, ax = figure(5.6, 3.4)
    colors = {SGD: PALETTE[5], DAMPENED: PALETTE[2], SPLIT: PALETTE[1], ADAM: PALETTE[0]}
    lines(ax, tables["losses"], x="step", by="method", names=list(colors), colors=colors, marker="")
    ax.axhline(config.optimisers.reached, color=INK, linewidth=1, linestyle="--")
    ax.set(xlabel="steps", ylabel="training loss", yscale="log")
    ax.legend()
    return drawn
