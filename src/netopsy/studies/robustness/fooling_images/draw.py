"""The figures of the fooling-images study."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import PALETTE, figure, figure_grid
from netopsy.lab import Tables
from netopsy.lab.pictures import from_text, mosaic
from netopsy.lab.plots import bars, lines, panels
from netopsy.studies.robustness.fooling_images.plan import ASCENT, CPPN, ENCODINGS, EVOLVED, RANDOM, RAW, Config

SHOWN = 10
"""Classes whose images are drawn."""
COLORS = {RAW: PALETTE[1], CPPN: PALETTE[0]}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Confidence by generation and by class, retraining, transfer, and the images."""
    both = [config.plain.data, config.rich.data]
    columns = {"median class": "median", "least class": "value"}
    parts = {(data, which): (data, column) for data in both for which, column in columns.items()}
    return {
        "confidence": panels(parts, partial(_confidence, tables), columns=2, width=4.2, height=2.6, legend=True),
        "classes": _classes(tables, config.rich.data),
        "retraining": _retraining(tables),
        "transfer": _transfer(tables),
        **{f"images-{'plain' if data == both[0] else 'rich'}": _images(tables, data) for data in both},
    }


def _confidence(tables: Tables, ax: Axes, part: tuple[str, str]) -> None:
    data, column = part
    for way, line in ((EVOLVED, "-"), (RANDOM, ":")):
        own = tables.rows("history", data=data, way=way)
        names = {name: f"{name}, {way}" for name in ENCODINGS}
        lines(
            ax, own, x="generation", by="method", values=column, colors=COLORS, labels=names, marker="", linestyle=line
        )
    ax.set(xlabel="generation", ylabel="confidence", ylim=(-0.03, 1.03))


def _classes(tables: Tables, data: str) -> Figure:
    own = tables.rows("class", data=data, way=EVOLVED)
    drawn, ax = figure(4.6, 0.7 + 0.27 * own["class"].nunique())
    bars(ax, own, by="class", beside="method", colors=COLORS, horizontal=True)
    ax.set(xlabel="confidence after evolution", ylabel="class", xlim=(0, 1.02))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
    return drawn


def _retraining(tables: Tables) -> Figure:
    table = tables["retraining"]
    drawn, ax = figure(4.8, 3.8)
    shown = {
        "value": ("confidence of new fooling images, median class", PALETTE[0]),
        "least": ("confidence of new fooling images, least class", PALETTE[5]),
        "accuracy": ("accuracy on real test images", PALETTE[2]),
        "taught": ("taught fooling images recognised", PALETTE[1]),
    }
    for column, (name, color) in shown.items():
        own = table[table[column].notna()].assign(kind=name)
        lines(ax, own, x="round", by="kind", values=column, colors={name: color})
    ax.set(xlabel="round of retraining", ylim=(-0.03, 1.03))
    ax.set_xticks(sorted(table["round"].unique()))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16))
    return drawn


def _transfer(tables: Tables) -> Figure:
    """From each network to each of the others, and the same for images that were never evolved."""
    table = tables["transfer"]
    ways = {"raw pixels, evolved": (RAW, EVOLVED), "CPPN, evolved": (CPPN, EVOLVED), "never evolved": (None, RANDOM)}
    drawn, axes = figure_grid(1, len(ways), 3.0 * len(ways), 3.0)
    for ax, (title, (method, way)) in zip(axes[0], ways.items(), strict=True):
        own = table[(table["way"] == way) & (table["other"] >= 0)]
        own = own if method is None else own[own["method"] == method]
        rates = own.groupby(["seed", "other"])["value"].mean().unstack("other").to_numpy(dtype=float)
        ax.imshow(rates, vmin=0, vmax=1, cmap="viridis")
        for (row, column), rate in np.ndenumerate(rates):
            ink = "black" if rate > 0.6 else "white"
            ax.text(column, row, f"{rate:.0%}", ha="center", va="center", fontsize=7, color=ink)
        ax.set(title=title, xlabel="asked network", ylabel="found on network")
        ax.set_xticks(range(rates.shape[1]))
        ax.set_yticks(range(rates.shape[0]))
        ax.grid(visible=False)
    return drawn


def _images(tables: Tables, data: str) -> Figure:
    own = tables.rows("picture", data=data, **{"class": range(SHOWN)})
    channels = sorted(column for column in own.columns if column.startswith("channel"))
    rows: dict[str, Sequence[Tensor]] = {}
    for kind in ("real", RAW, CPPN, ASCENT):
        some = own[own["kind"] == kind]
        # Of all classes, those that are not shown too.
        each = tables.rows("class", data=data, method=kind, seed=0)
        each = each[each["way"] != RANDOM]["value"].astype(float)
        median = "" if kind == "real" else f"\nmedian {each.median():.1%}"
        rows[f"{kind}{median}"] = [_picture(row, channels) for _, row in some.iterrows()]
    return mosaic(rows, [str(number) for number in own["class"].unique()], inches=0.62)


def _picture(row: Any, channels: list[str]) -> Tensor:
    parts = [from_text(row[channel]) for channel in channels if isinstance(row[channel], str)]
    return parts[0] if len(parts) == 1 else torch.stack(parts)
