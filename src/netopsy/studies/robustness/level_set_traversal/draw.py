"""Image grids with confidences, distances left, segments, the star and the triangles."""

from __future__ import annotations

from functools import partial

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, figure_grid
from netopsy.lab import Tables
from netopsy.lab.pictures import from_text, mosaic
from netopsy.lab.plots import dots, lines, panels
from netopsy.robustness.level_set_traversal import PathConfidence, Star, TriangleConfidence, triangle_weights
from netopsy.studies.robustness.level_set_traversal.plan import ENDS, NORMAL, ROBUST, TARGETS, Config

TITLES = {NORMAL: "normally trained", ROBUST: "adversarially trained"}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """A figure a question."""
    return {
        "images": _images(tables),
        "distance": panels({TITLES[name]: name for name in TITLES}, partial(_distances, tables), width=4.6, height=2.2),
        "segments": panels({TITLES[name]: name for name in TITLES}, partial(_segments, tables), legend=True),
        "star": _stars(tables),
        "triangles": _triangles(tables),
    }


def _images(tables: Tables) -> Figure:
    """Of the first normally trained network; what it says of each row's image stands beside."""
    found = tables.rows("example", training=NORMAL)
    rows = {}
    for name, own in found.groupby("row", sort=False):
        mean = own["value"].mean()
        said = "" if own["value"].isna().all() else f"\nconfidence {mean:.2f}"
        rows[f"{name}{said}"] = [from_text(each) for each in own["picture"]]
    labels = found[found["row"] == "source"]["label"]
    drawn = mosaic(rows, [f"“{label}”" for label in labels], inches=0.8)
    drawn.axes[0].set_title("confidence: in the source's class, named above, mean of the row", fontsize=8)
    return drawn


def _distances(tables: Tables, ax: Axes, training: str) -> None:
    dots(ax, tables.rows("remaining", training=training), by="method")
    ax.set(xlabel="distance to the target, of the source's", xlim=(0, 1))


def _segments(tables: Tables, ax: Axes, training: str) -> None:
    found = tables.rows("segment", training=training)
    lines(ax, found, x="at", by="to", labels={ENDS: "to the end of the walk", TARGETS: "to the target"})
    ax.set(xlabel="along the segment (0: source)", ylabel="confidence", ylim=(-0.03, 1.03))


def _stars(tables: Tables) -> Figure:
    """From the first source, under the first network of each kind."""
    drawn, axes = figure_grid(1, 2, 9.4, 4.2)
    for ax, training in zip(axes[0], TITLES, strict=True):
        found = tables.rows("ray", training=training)
        pictures = torch.stack([from_text(each) for each in found["picture"]])[:, None]
        shades = from_text(found["shades"].iloc[0])
        at = torch.arange(shades.shape[1]) / (shades.shape[1] - 1)
        lengths = (pictures[1:] - pictures[0]).flatten(1).square().mean(1).sqrt()
        Star(pictures[0], pictures[1:], PathConfidence(at, shades), lengths).plot(ax)
        ax.set_title(TITLES[training])
    return drawn


def _triangles(tables: Tables) -> Figure:
    """The mean over all networks and their triangles."""
    found = tables.wide("triangle", index="point", columns="training")
    drawn, axes = figure_grid(1, 2, 7.4, 3.0)
    for ax, training in zip(axes[0], TITLES, strict=True):
        values = torch.tensor(found[training].to_numpy(), dtype=torch.float32)
        TriangleConfidence(triangle_weights(10), values[None]).plot(ax=ax)
        ax.set_title(f"{TITLES[training]}, mean {values.mean():.2f}", color=INK)
    return drawn
