"""Small pictures side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jaxtyping import Int
from torch import Tensor

from netopsy.core.errors import require
from netopsy.core.shapes import Images, Maps
from netopsy.interpretability.maps import rescaled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_INCHES = 1.3


def gallery(
    images: Images,
    titles: Sequence[str] = (),
    *,
    columns: int = 8,
    row_titles: Sequence[str] = (),
    boxes: Int[Tensor, "batch 4"] | None = None,
    limits: tuple[float, float] | None = None,
) -> Figure:
    """Images in rows, in grey where they have one channel and in colour where they have three.

    Args:
        images: ``[batch, channels, height, width]``; other numbers of channels are averaged to grey.
        titles: one above each image, or none; a line break makes two lines.
        columns: images in a row.
        row_titles: one to the left of each row, or none.
        boxes: ``(y0, x0, y1, x1)`` in pixels, drawn on each image.
        limits: the values shown as black and as white; by default each image's own lowest and highest.

    Raises:
        InputError: not as many titles or boxes as images, or of row titles as rows.

    >>> import torch
    >>> len(gallery(torch.rand(5, 3, 8, 8), list("abcde"), columns=3).axes)
    5
    """
    require(images.ndim == 4 and len(images) > 0, f"images must be a batch of at least one, got {tuple(images.shape)}")
    count, columns = len(images), max(1, min(columns, len(images)))
    rows = -(-count // columns)
    require(not titles or len(titles) == count, f"titles must be as many as images, {count}, or none: {len(titles)}")
    require(not row_titles or len(row_titles) == rows, f"row_titles must be as many as rows, {rows}, or none")
    require(boxes is None or len(boxes) == count, f"boxes must be as many as images, {count}")
    shown = images.detach().cpu().float()
    shown = shown if shown.shape[1] == 3 else shown.mean(1, keepdim=True)
    shown = _own_range(shown) if limits is None else ((shown - limits[0]) / (limits[1] - limits[0])).clamp(0, 1)
    # Without pyplot: nothing global, no window, no figure that stays open.
    from matplotlib.figure import Figure

    lines = max((title.count("\n") + 1 for title in titles), default=0)
    figure = Figure(figsize=(_INCHES * columns + 0.1, (_INCHES + 0.16 * lines) * rows + 0.1), layout="constrained")
    places = figure.subplots(rows, columns, squeeze=False).flatten()
    for spare in places[count:]:
        spare.remove()
    for number, (place, image) in enumerate(zip(places[:count], shown, strict=True)):
        # Sharp pixels: these pictures are small, and smoothing would show what is not there.
        place.imshow(image.permute(1, 2, 0).numpy().squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        place.set(xticks=[], yticks=[])
        for side in place.spines.values():
            side.set_visible(False)
        if titles:
            place.set_title(titles[number], fontsize=7, pad=2)
        if row_titles and number % columns == 0:
            place.set_ylabel(row_titles[number // columns], fontsize=8)
        if boxes is not None:
            _draw_box(place, boxes[number].tolist())
    return figure


def _own_range(images: Images) -> Images:
    flat: Maps = images.flatten(2)
    return rescaled(flat.flatten(1)[:, None]).reshape(images.shape)


def _draw_box(place: object, box: list[int]) -> None:
    from matplotlib.patches import Rectangle

    y0, x0, y1, x1 = box
    place.add_patch(  # type: ignore[attr-defined]
        Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, edgecolor="#e4572e", linewidth=1.5)
    )
