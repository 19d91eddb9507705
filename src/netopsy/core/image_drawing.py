"""Images in a drawing, from tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from netopsy.core.errors import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def show_image(
    ax: Axes,
    image: Float[Tensor, "channels height width"],
    *,
    limits: tuple[float, float] | None = None,
    largest: int | None = None,
    interpolation: Literal["nearest", "none"] = "nearest",
) -> None:
    """Draw one image: in colour where it has three channels, otherwise their mean in grey.

    Args:
        limits: the values shown as black and as white; by default 0 and 1, or the image's own lowest and highest where
            it goes beyond them.
        largest: pixels a side, to which a larger image is reduced.
        interpolation: "nearest" for sharp pixels; "none" leaves them to what shows an SVG, which makes small files.
    """
    image = image.detach().cpu().float()
    if image.shape[0] != 3:
        image = image.mean(0, keepdim=True)
    if largest is not None and max(image.shape[1:]) > largest:
        size = [max(1, round(side * largest / max(image.shape[1:]))) for side in image.shape[1:]]
        image = F.interpolate(image[None], size=size, mode="area")[0]
    if limits is None:
        low, high = float(image.min()), float(image.max())
        limits = (low, high) if low < -1e-3 or high > 1 + 1e-3 else (0.0, 1.0)
    shown = ((image - limits[0]) / max(limits[1] - limits[0], 1e-9)).clamp(0, 1).movedim(0, -1).numpy()
    ax.imshow(
        shown if shown.shape[-1] == 3 else shown[..., 0], cmap="gray", vmin=0, vmax=1, interpolation=interpolation
    )
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    for side in ax.spines.values():
        side.set_visible(False)


def tiled(images: Float[Tensor, "n channels height width"], columns: int = 3) -> Float[Tensor, "channels rows across"]:
    """Images as one, so many in a row, with a gap between them that is as bright as their brightest pixel.

    Raises `InputError` where the last row would not be full.

    >>> import torch
    >>> tiled(torch.zeros(6, 1, 16, 16)).shape
    torch.Size([1, 33, 50])
    """
    require(
        len(images) > 0 and len(images) % columns == 0, f"images must fill rows of {columns}, got {len(images)} images"
    )
    gap = max(1, images.shape[2] // 16)
    padded = F.pad(images, (0, gap, 0, gap), value=float(images.max()))
    return padded.unflatten(0, (-1, columns)).permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)[:, :-gap, :-gap]
