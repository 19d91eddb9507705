"""Maps where people would rather look: laid over the images they belong to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from jaxtyping import Float
from torch import Tensor

from netopsy.core.drawing import image_grid, title
from netopsy.core.errors import require
from netopsy.core.image_drawing import show_image
from netopsy.core.shapes import Images
from netopsy.interpretability.maps import rescaled, resized

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 8
_INCHES = 1.5


def overlay(
    images: Images,
    maps: Float[Tensor, "maps rows columns"],
    ax: Axes | Iterable[Axes] | None = None,
    *,
    titles: Sequence[str] = (),
    opacity: float = 0.75,
    cmap: str = "inferno",
) -> Figure:
    """Every map over its image: the image in grey, and the more colour on it the higher the map.

    Args:
        images: ``[batch, channels, height, width]``, of any range: each is shown from its darkest to its brightest.
        maps: ``[batch, rows, columns]``, of any size and range.
        ax: the axes to draw in, one for each image; by default a new figure, up to eight images in a row.
        titles: one for each image, or none.
        opacity: of the colour where a map is highest.
        cmap: a colour map of matplotlib.

    Returns:
        The figure, which a notebook shows and ``.savefig`` keeps.

    Raises:
        InputError: not as many maps, titles or axes as images.

    >>> import torch
    >>> len(overlay(torch.rand(3, 1, 8, 8), torch.rand(3, 4, 4), titles=["one", "two", "three"]).axes)
    3
    """
    require(images.ndim == 4 and len(images) > 0, f"images must be a batch of at least one, got {tuple(images.shape)}")
    require(len(maps) == len(images), f"maps must be as many as images, {len(images)}, got {len(maps)}")
    require(not titles or len(titles) == len(images), f"titles must be as many as images, {len(images)}, or none")
    require(0 <= opacity <= 1, f"opacity must be from 0 to 1, got {opacity}")
    new = image_grid(len(images), _COLUMNS, _INCHES, _INCHES) if ax is None else ax
    places = list(new) if isinstance(new, Iterable) else [new]
    require(len(places) == len(images), f"ax must be as many axes as images, {len(images)}, got {len(places)}")
    grey = rescaled(images.detach().float().mean(1)).cpu()
    heat = rescaled(resized(maps.detach().float(), (images.shape[2], images.shape[3]))).cpu()
    for place, image, one, text in zip(places, grey, heat, titles or [""] * len(images), strict=True):
        show_image(place, image[None])
        place.imshow(one.numpy(), cmap=cmap, vmin=0, vmax=1, alpha=(opacity * one).numpy())
        if text:
            place.set_title(title(text), fontsize=8)
    return cast("Figure", places[0].get_figure(root=True))
