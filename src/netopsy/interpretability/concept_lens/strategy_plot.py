"""The panels of a strategic cluster graph."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.drawing import INK, PALETTE
from netopsy.core.image_drawing import show_image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLORS = (*PALETTE, "#b8524f", "#7fae4a", "#5cb7c9", "#9a7b5f")
_CIRCLE = 1000.0
"""Area, in square points, of a concept that is the most important one of all images."""


def panels(examples: Sequence[Tensor] = ()) -> tuple[Figure, list[Axes]]:
    """Three panels side by side, and below them a row of images ``[batch, channels, height, width]`` a cluster."""
    from matplotlib.figure import Figure

    below = 0.72 * len(examples) + 0.2 if examples else 0.0
    figure = Figure(figsize=(9.6, 3.3 + below), layout="constrained")
    whole = figure.add_gridspec(2 if examples else 1, 1, height_ratios=[3.3, below] if examples else [1.0])
    top = whole[0].subgridspec(1, 3, width_ratios=[1, 1.15, 1.1])
    axes = [figure.add_subplot(top[number]) for number in range(3)]
    if examples:
        columns = max(12, *(len(images) for images in examples))
        grid = whole[1].subgridspec(len(examples), columns, wspace=0.0, hspace=0.0)
        for number, images in enumerate(examples):
            for column, image in enumerate(images):
                ax = figure.add_subplot(grid[number, column])
                show_image(ax, image, limits=(float(image.min()), float(image.max())))
                if column == 0:
                    ax.set_ylabel(
                        f"cluster {number}", color=_COLORS[number], rotation=0, ha="right", va="center", fontsize=8
                    )
    return figure, axes


def draw_images(ax: Axes, plane: Float[Tensor, "batch 2"], clusters: Int[Tensor, "batch"]) -> None:
    """The images in a plane, coloured by cluster."""
    for number, size in enumerate(clusters.bincount().tolist()):
        own = plane[clusters == number]
        ax.scatter(
            own[:, 0], own[:, 1], s=10, color=_COLORS[number], label=f"cluster {number}: {size}", alpha=0.8, linewidth=0
        )
    ax.set(xticks=[], yticks=[])
    _title(ax, "Images, by their reasons")
    ax.legend(
        fontsize=7, frameon=False, labelcolor=INK, loc="upper center", bbox_to_anchor=(0.5, -0.01), ncols=2,
        handletextpad=0.1, columnspacing=0.8,
    )  # fmt: skip
    for spine in ax.spines.values():
        spine.set(color=INK, alpha=0.4)


def draw_concepts(
    ax: Axes,
    prevalence: Float[Tensor, "concepts"],
    reliability: Float[Tensor, "concepts"],
    together: Float[Tensor, "concepts concepts"],
) -> None:
    """The concepts on a circle, large where they often come first, joined where they act together."""
    concepts = len(prevalence)
    angles = [math.pi / 2 - 2 * math.pi * number / concepts for number in range(concepts)]
    positions = [(math.cos(angle), math.sin(angle)) for angle in angles]
    most = float(together.max())
    for one in range(concepts):
        for other in range(one):
            share = float(together[one, other])
            if share >= 0.02:
                (x0, y0), (x1, y1) = positions[one], positions[other]
                strength = share / most
                ax.plot([x0, x1], [y0, y1], color=INK, linewidth=0.4 + 5 * share, alpha=0.25 + 0.55 * strength)
    known = bool(reliability.isfinite().any())
    values = reliability.nan_to_num(0.0) if known else prevalence
    options: Any = {"cmap": "viridis", "vmin": 0, "vmax": 1} if known else {}
    used = prevalence > 0
    sizes = 120 + _CIRCLE * prevalence
    x, y = torch.tensor(positions).T
    ax.scatter(x[~used], y[~used], s=120, facecolors="white", edgecolors=INK, linewidths=0.8, zorder=3)
    color: Any = {"c": values[used].tolist(), **options} if known else {"color": _COLORS[0]}
    drawn = ax.scatter(x[used], y[used], s=sizes[used].tolist(), zorder=3, edgecolors="white", linewidths=0.8, **color)
    for number, position in enumerate(positions):
        dark = bool(used[number]) and (not known or float(values[number]) < 0.7)
        ax.text(
            *position, str(number), ha="center", va="center", fontsize=7, color="white" if dark else "#333333", zorder=4
        )
    ax.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), aspect="equal")
    ax.set_axis_off()
    _title(ax, "Concepts, and how often two act together")
    if known:
        _bar(ax, drawn, "share of right answers; size: how often first", 0.01)


def draw_reasons(ax: Axes, values: Float[Tensor, "clusters concepts"]) -> None:
    """The mean importance of each concept in each cluster."""
    most = max(float(values.abs().max()), 1e-12)
    ax.grid(False)
    drawn = ax.imshow(values.numpy(), cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
    ax.set_yticks(range(len(values)), [f"cluster {number}" for number in range(len(values))])
    concepts = values.shape[1]
    step = 1 if concepts <= 12 else 5
    ax.set_xticks(range(0, concepts, step), [str(number) for number in range(0, concepts, step)])
    ax.tick_params(labelsize=7, colors=INK, length=0)
    for label, color in zip(ax.get_yticklabels(), _COLORS, strict=False):
        label.set_color(color)
    ax.set_xlabel("concept", fontsize=8, color=INK)
    for spine in ax.spines.values():
        spine.set_visible(False)
    _title(ax, "What each cluster rests on")
    _bar(ax, drawn, "mean importance", 0.02)


def _bar(ax: Axes, drawn: Any, text: str, pad: float) -> None:
    figure = ax.get_figure(root=True)
    assert figure is not None
    bar = figure.colorbar(drawn, ax=ax, location="bottom", shrink=0.6, aspect=30, pad=pad)
    bar.set_label(text, fontsize=7, color=INK)
    bar.ax.tick_params(labelsize=7, colors=INK)
    bar.ax.grid(False)
    bar.outline.set_visible(False)  # type: ignore[operator]


def _title(ax: Axes, text: str) -> None:
    ax.set_title(text, fontsize=9, color=INK, loc="left")
