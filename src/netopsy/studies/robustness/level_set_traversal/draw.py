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
from netopsy.studies.robustness.level_set_traversal.plan import ENDS, NORMAL, PLAIN, PUSHED, ROBUST, TARGETS, Config

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
    """Of the first normally trained network; its confidence in the source's class is written on each image."""
    found = tables.rows("example", training=NORMAL)
    rows = dict(iter(found.groupby("row", sort=False)))
    pictures = {name: [from_text(each) for each in own["picture"]] for name, own in rows.items()}
    drawn = mosaic(pictures, [f"a “{label}”" for label in rows["source"]["label"]], inches=0.8)
    box = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
    for down, own in enumerate(rows.values()):
        for across, value in enumerate(own["value"]):
            if value == value:
                drawn.axes[0].text(across + 0.05, down + 0.87, f"{value:.2f}", fontsize=6, color="black", bbox=box)
    return drawn


def _distances(tables: Tables, ax: Axes, training: str) -> None:
    dots(ax, tables.rows("remaining", training=training), by="method")
    ax.set(xlabel="distance to the target, of the source's", xlim=(0, 1))


def _segments(tables: Tables, ax: Axes, training: str) -> None:
    found = tables.rows("segment", training=training)
    lines(ax, found, x="at", by="to", labels={ENDS: "to the end of the walk", TARGETS: "to the target"})
    ax.set(xlabel="along the segment (0: source)", ylabel="confidence", ylim=(-0.03, 1.03))


def _stars(tables: Tables) -> Figure:
    """From the first source under the first networks, beside the rays to the targets themselves."""
    shown = {
        "to the ends of the walks": (NORMAL, ENDS),
        "to the targets": (NORMAL, TARGETS),
        "to the ends, adversarially trained": (ROBUST, ENDS),
    }
    drawn, axes = figure_grid(1, len(shown), 10.4, 3.6)
    for place, (ax, (name, (training, to))) in enumerate(zip(axes[0], shown.items(), strict=True)):
        found = tables.rows("ray", training=training, to=to)
        pictures = torch.stack([from_text(each) for each in found["picture"]])[:, None]
        shades = from_text(found["shades"].iloc[0])
        at = torch.arange(shades.shape[1]) / (shades.shape[1] - 1)
        lengths = (pictures[1:] - pictures[0]).flatten(1).square().mean(1).sqrt()
        star = Star(pictures[0], pictures[1:], PathConfidence(at, shades), lengths)
        star.plot(ax, bar=place == len(shown) - 1).set_title(name)
    return drawn


def _triangles(tables: Tables) -> Figure:
    """The mean over all networks and their triangles, as they are and pushed out."""
    shown = [(training, kind) for kind in (PLAIN, PUSHED) for training in TITLES]
    drawn, axes = figure_grid(1, len(shown), 10.4, 2.8)
    for place, (ax, (training, kind)) in enumerate(zip(axes[0], shown, strict=True)):
        found = tables.wide("triangle", index="point", columns="training", triangles=kind)
        values = torch.tensor(found[training].to_numpy(), dtype=torch.float32)
        TriangleConfidence(triangle_weights(10), values[None]).plot(ax=ax, bar=place == len(shown) - 1)
        ax.set_title(f"{TITLES[training]},\n{kind}, mean {values.mean():.2f}", color=INK)
    return drawn
