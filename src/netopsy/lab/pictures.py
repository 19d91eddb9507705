"""The pictures that studies share: many in one figure, maps over an image, and a picture as text in a table."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from jaxtyping import Float
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid

Picture = Float[Tensor, "_height _width"]
Coloured = Float[Tensor, "3 _height _width"]
"""Pictures of one call need not be of one size."""


def mosaic(
    rows: Mapping[str, Sequence[Picture | Coloured | None]],
    columns: Sequence[str] = (),
    *,
    inches: float = 0.68,
) -> Figure:
    """Pictures from 0 to 1 in rows, all in one set of axes: hundreds of axes would take seconds to draw.

    Each fills a square of ``inches`` whatever its size, in grey or in colour; ``None`` leaves its square empty. Rows
    are named to the left, with as much room as the longest name takes, columns above.

    >>> import torch
    >>> len(mosaic({"grey": [torch.zeros(2, 2), None], "colour": [torch.ones(3, 4, 4)]}, ["one", "two"]).axes)
    1
    """
    count = max((len(row) for row in rows.values()), default=1)
    drawn, ax = figure(inches * count, inches * len(rows) + 0.3)
    for down, row in enumerate(rows.values()):
        for across, picture in enumerate(row):
            if picture is not None:
                shown = picture.detach().cpu() if picture.ndim == 2 else picture.detach().cpu().movedim(0, -1)
                place = (across, across + 0.93, down + 0.93, down)
                ax.imshow(shown.numpy(), cmap="gray", vmin=0, vmax=1, interpolation="none", extent=place)
    ax.set(
        xlim=(0, count), ylim=(max(1, len(rows)), 0), aspect="equal", anchor="NW"
    )  # names have room at the sides it keeps
    ax.set_yticks([down + 0.46 for down in range(len(rows))], list(rows))
    ax.set_xticks([across + 0.46 for across in range(len(columns))], columns)
    ax.tick_params(length=0, labeltop=True, labelbottom=False)
    ax.grid(visible=False)
    for side in ax.spines.values():
        side.set_visible(False)
    names = max((each.get_window_extent().width for each in ax.get_yticklabels()), default=0.0) / drawn.dpi
    drawn.set_size_inches(inches * count + names + 0.2, inches * len(rows) + 0.3)
    return drawn


def gallery_of(
    table: pd.DataFrame, by: Sequence[str], name: Callable[..., str], columns: Sequence[str] = (), **options: Any
) -> Figure:
    """A `mosaic` of the column ``picture``: a row for each value of ``by``, in the table's order, named by ``name``.

    >>> table = pd.DataFrame({"way": ["plain", "plain"], "picture": ["1 2 AP8=", "1 2 //8="]})
    >>> gallery_of(table, ["way"], str.title).axes[0].get_yticklabels()
    [Text(0, 0.46, 'Plain')]
    """
    groups = table.groupby(list(by), sort=False)
    return mosaic({name(*of): [*map(from_text, own["picture"])] for of, own in groups}, columns, **options)


def overlays(
    rows: Sequence[tuple[str, Mapping[str, Picture]]],
    *,
    boxes: Sequence[Sequence[int]] = (),
    side: float = 1.05,
) -> Figure:
    """A line of pictures for each of ``rows``, with its words on the left: an image, then each map over it.

    The first picture is the image; the names of the first row stand above. ``boxes``, one a row, are ``(top, left,
    bottom, right)`` in pixels, the last two outside; ``side`` is that of a picture in inches.
    """
    from matplotlib.patches import Rectangle

    from netopsy.interpretability.overlay import overlay

    columns = max(len(pictures) for _, pictures in rows)
    drawn, axes = figure_grid(len(rows), columns, side * (columns + 0.6), side * len(rows) + 0.3)
    for number, (line, (words, pictures)) in enumerate(zip(axes, rows, strict=True)):
        image = next(iter(pictures.values()))
        at: dict[str, Any] = {"transform": line[0].transAxes, "ha": "right", "va": "center", "fontsize": 8}
        line[0].text(-0.08, 0.5, words, color=INK, **at)
        for place, (ax, (name, picture)) in enumerate(zip(line, pictures.items(), strict=True)):
            overlay(image[None, None], picture[None], ax, opacity=0.75 if place else 0.0)
            if not number:
                ax.set_title(name, fontsize=7, loc="center")
            if boxes:
                top, left, bottom, right = boxes[number]
                corner, size = (left - 0.5, top - 0.5), (right - left, bottom - top)
                ax.add_patch(Rectangle(corner, *size, fill=False, edgecolor=PALETTE[2], lw=1))
    return drawn


def to_text(picture: Picture) -> str:
    """Values from 0 to 1 in 256 steps as "height width base64", so that a table can hold an example.

    >>> import torch
    >>> to_text(torch.tensor([[0.0, 1.0]]))
    '1 2 AP8='
    """
    grey = (picture.detach().cpu().clamp(0, 1) * 255).round().byte()
    return f"{grey.shape[0]} {grey.shape[1]} {base64.b64encode(grey.numpy().tobytes()).decode()}"


def from_text(text: str) -> Picture:
    """The picture that `to_text` made text of.

    >>> from_text("1 2 AP8=")
    tensor([[0., 1.]])
    """
    height, width, encoded = text.split()
    grey = torch.frombuffer(bytearray(base64.b64decode(encoded)), dtype=torch.uint8)
    return grey.reshape(int(height), int(width)).float() / 255
