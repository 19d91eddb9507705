"""Alignments during training, by the alignment that the inputs have, by separability, and by activation."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.core.drawing import PALETTE, figure_grid
from netopsy.lab import Tables
from netopsy.lab.plots import dots, lines, panels
from netopsy.studies.representations.representational_geometry.plan import INPUT, RELU, TANH, TARGET, Config

COLORS = {TANH: PALETTE[0], RELU: PALETTE[1], TARGET: PALETTE[0], INPUT: PALETTE[1]}
WORDS = {TARGET: "alignment with the labels", INPUT: "alignment with the inputs"}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Four figures, tanh and ReLU in their colours."""
    during = {words: tables.rows("unstructured", metric=metric) for metric, words in WORDS.items()}
    end = tables.rows("unstructured", metric=(TARGET, INPUT), step=config.unstructured.steps)
    trained = {"metric": TARGET, "trained": True}
    deep = {"rank": config.ranks[0], "depth": config.depths[0]}
    by_bits = {
        f"{bits} bit{'s' * (bits > 1)}": tables.rows("aligned", bits=bits, **trained, **deep) for bits in config.bits
    }
    by_metric = {words: tables.rows("nudged", metric=metric, trained=True) for metric, words in WORDS.items()}
    drawn, ((ax,),) = figure_grid(1, 1, 5.2, 3.4)
    dots(ax, end.assign(metric=end["metric"].map(WORDS)), by="activation", beside="metric")
    ax.set(xlabel="alignment at the end of training")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    return {
        "training": panels(during, _during, columns=2, legend=True),
        "alignment": panels(by_bits, _aligned, columns=2, legend=True),
        "separability": panels(by_metric, _separable, columns=2, legend=True),
        "activations": drawn,
    }


def _during(ax: Axes, table: Any) -> None:
    lines(ax, table, x="step", by="activation", names=(TANH, RELU), colors=COLORS, marker="")
    ax.set(xlabel="step", ylabel="alignment", ylim=(0, 1.03))


def _aligned(ax: Axes, table: Any) -> None:
    at = table.groupby("share")["given"].mean()
    lines(ax, table.assign(given=table["share"].map(at)), x="given", by="activation", names=(TANH, RELU), colors=COLORS)
    ax.axline((0, 0), slope=1, color=PALETTE[5], linewidth=0.8, linestyle=":", label="that of the inputs")
    ax.set(xlabel="alignment of inputs with labels", ylabel="alignment with the labels", ylim=(0, 1.03))


def _separable(ax: Axes, table: Any) -> None:
    lines(ax, table, x="delta", by="activation", names=(TANH, RELU), colors=COLORS)
    ax.set(xlabel="delta", ylabel="alignment", ylim=(-0.03, 1.03))
