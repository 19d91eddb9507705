"""Accuracy against the dimension of the subspace, by size, projection, labels and pixels; what a projection costs."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.lab import Tables
from netopsy.lab.plots import growth, mean_with_band, panels
from netopsy.studies.landscape.intrinsic_dimension.judge import curve
from netopsy.studies.landscape.intrinsic_dimension.plan import FASTFOOD, PERMUTED, PLAIN, SHARE, SHUFFLED, TRUE, Config

RELATIVE = "accuracy / that of direct training"


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """All curves in units of direct training's accuracy, with a line at nine tenths."""
    middle = config.networks[config.middle].name
    sizes = {
        f"{network.name}, D = {int(own['full'].iloc[0]):,}": own
        for network in config.networks
        for own in [curve(tables, config, network.name)]
    }
    kinds = {kind: curve(tables, config, middle, kind) for kind in (FASTFOOD, *config.kinds)}
    labels = {kind: tables.rows("labels", labels=kind) for kind in (TRUE, SHUFFLED)}
    pixels = {
        f"{name}, {kind}": curve(tables, config, name, pixels=kind)
        for name in (middle, config.lenet.name)
        for kind in (PLAIN, PERMUTED)
    }
    timed, axes = figure(4.2, 3.2)
    growth(axes, tables["cost"], x="parameters", by="method")
    axes.set(xlabel="parameters D, for d = √D", ylabel="milliseconds, there and back")
    parts = {"size": sizes, "projection": kinds, "training accuracy": labels, "pixels": pixels}
    return {"dimension": panels(parts, _curves, columns=2, width=4.6, height=3.4), "cost": timed}


def _curves(ax: Axes, part: dict[str, Any]) -> None:
    for (name, rows), color in zip(part.items(), PALETTE, strict=False):
        wide: pd.DataFrame = rows.pivot(index="seed", columns="dimension", values="value")
        relative = wide.div(wide[0], axis=0).drop(columns=0)
        mean_with_band(ax, relative.columns.to_numpy(float), relative.to_numpy(), label=name, color=color, marker="o")
    ax.axhline(SHARE, color=INK, linestyle="--", linewidth=1)
    ax.set_xscale("log")
    ax.set(xlabel="dimension d of the subspace", ylabel=RELATIVE)
    ax.legend(fontsize=7)
