"""Small pictures side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

from jaxtyping import Int
from torch import Tensor

from netopsy.core.drawing import image_grid, title
from netopsy.core.errors import require
from netopsy.core.image_drawing import show_image
from netopsy.core.shapes import Images
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
    if limits is None:
        shown = rescaled(shown.flatten(1)[:, None]).reshape(shown.shape)
    from matplotlib.patches import Rectangle

    lines = max((title.count("\n") + 1 for title in titles), default=0)
    places = image_grid(count, columns, _INCHES + 0.1 / columns, _INCHES + 0.16 * lines + 0.1 / rows)
    for number, (place, image) in enumerate(zip(places, shown, strict=True)):
        # Sharp pixels: these pictures are small, and smoothing would show what is not there.
        show_image(place, image, limits=limits or (0.0, 1.0))
        if titles:
            place.set_title(title(titles[number]), fontsize=7, pad=2)
        if row_titles and number % columns == 0:
            place.set_ylabel(title(row_titles[number // columns]), fontsize=8)
        if boxes is not None:
            y0, x0, y1, x1 = boxes[number].tolist()
            place.add_patch(
                Rectangle((x0 - 0.5, y0 - 0.5), x1 - x0, y1 - y0, fill=False, edgecolor="#e4572e", linewidth=1.5)
            )
    return cast("Figure", places[0].get_figure(root=True))
