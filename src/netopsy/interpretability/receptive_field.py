"""Which pixels a position in a layer's grid can see."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.errors import InputError
from netopsy.core.layers import Layer, layer_names
from netopsy.core.shapes import Images
from netopsy.interpretability.dirt import Dirt
from netopsy.interpretability.layer_maps import check_images

_ENLARGED, _NARROW = (1, 2, 4, 8), 64
"""Times the image's side that are tried, until a position in the middle no longer sees the border; and pixels that are
enough of the other side."""


@dataclass(frozen=True)
class ReceptiveField:
    """Cell ``(i, j)`` of a layer sees ``size`` pixels from ``offset + stride * (i, j)`` on, those of them there are."""

    size: tuple[int, int]
    """Rows and columns of pixels."""
    stride: tuple[int, int]
    """Pixels from one cell's field to the next one's."""
    offset: tuple[int, int]
    """First row and column of cell (0, 0)'s field: negative where padding comes before the image."""
    image: tuple[int, int]
    """Height and width of the image it was found for, at which boxes are clipped."""

    def box(self, rows: Int[Tensor, "*n"], columns: Int[Tensor, "*n"]) -> Int[Tensor, "*n 4"]:
        """The fields of cells as boxes ``(y0, x0, y1, x1)``, the last row and column excluded, clipped to the image.

        >>> field = ReceptiveField((3, 3), (2, 2), (-1, -1), (8, 8))
        >>> field.box(torch.tensor([0, 1]), torch.tensor([3, 1])).tolist()
        [[0, 5, 2, 8], [1, 1, 4, 4]]
        """
        corners = []
        for cells, size, stride, offset, side in zip(
            (rows, columns), self.size, self.stride, self.offset, self.image, strict=True
        ):
            first = offset + stride * cells
            corners.append((first.clamp(0, side), (first + size).clamp(0, side)))
        (y0, y1), (x0, x1) = corners
        return torch.stack([y0, x0, y1, x1], -1)

    def centre(self, rows: Int[Tensor, "*n"], columns: Int[Tensor, "*n"]) -> Tensor:
        """The middle of each field, unclipped, in pixels from the image's corner: float ``[*n, 2]``."""
        return torch.stack(
            [
                offset + stride * cells.float() + size / 2
                for cells, size, stride, offset in zip(
                    (rows, columns), self.size, self.stride, self.offset, strict=True
                )
            ],
            -1,
        )


@checked
def receptive_field(model: nn.Module, layer: Layer, images: Images) -> ReceptiveField:
    """The theoretical receptive field of a layer's cells, of any network, branches and shortcuts included.

    It is measured and not derived: pixels that are not a number make exactly those cells not a number that see them.
    The image is enlarged for this (repeated like tiles) where a cell in its middle sees the border; a layer that sees
    everything however large the image, or a network for one size only, gets the field that the image allows.

    Args:
        images: ``[batch, channels, height, width]``, of which the first one is used.

    Raises:
        InputError: the layer's output is no grid ``[batch, channels, rows, columns]``, or the layer is unknown.

    >>> net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
    >>> field = receptive_field(net, "2", torch.rand(1, 1, 8, 8))
    >>> field.size, field.stride, field.offset
    ((4, 4), (2, 2), (-1, -1))
    """
    check_images(images)
    [name] = layer_names(model, [layer])
    probe = copied(model).cpu().double()
    image = images[:1].detach().cpu().double()
    Dirt(probe, name, image)
    blank = True
    try:
        Dirt(probe, name, image, blank=True)
    except InputError:
        blank = False  # a network that cannot go on with zeros
    found = None
    for times in _ENLARGED:
        try:
            found, inside = _field([_dirt(probe, name, image, axis, times, blank) for axis in (2, 3)], image)
        except (InputError, AssertionError):
            if found is None:
                raise
            break
        if inside:
            break
    assert found is not None
    return found


def _dirt(model: nn.Module, layer: str, image: Tensor, axis: int, times: int, blank: bool) -> Dirt:
    """For an image enlarged along one axis; along the other it is narrow, whole or, for square ones, enlarged too.

    What a line of cells sees along one axis is the same whatever the other axis holds, and a narrow image costs less.
    """
    across = 5 - axis
    longer = image.repeat(1, 1, *((times, 1) if axis == 2 else (1, times)))
    for size in (_NARROW, image.shape[across]):
        try:
            return Dirt(model, layer, longer[:, :, :, :size] if axis == 2 else longer[:, :, :size], axis, blank=blank)
        except (InputError, AssertionError):
            continue
    return Dirt(model, layer, image.repeat(1, 1, times, times), axis, blank=blank)


def _field(axes: list[Dirt], image: Tensor) -> tuple[ReceptiveField, bool]:
    """The field found with these images, and whether the cells asked were clear of their border."""
    sizes, strides, offsets, inside = [], [], [], True
    for dirt in axes:
        side, cells = dirt.side, dirt.cells
        cell = max(0, cells // 2 - 1)
        clear = cells > 1 and not dirt.shows(0, 1, cell) and not dirt.shows(side - 1, side, cell + 1)
        inside = inside and clear
        if clear:
            first = dirt.first(cell)
            stride, size = dirt.first(cell + 1) - first, dirt.last(cell) - first + 1
            offset = first - cell * stride
        else:
            # Where the border is in sight the field may be as large as all the cells' together.
            stride = max(1, round(side / cells))
            size, offset = side + stride * cells, -stride * cells
        sizes.append(size)
        strides.append(stride)
        offsets.append(offset)
    return ReceptiveField(_pair(sizes), _pair(strides), _pair(offsets), _pair(list(image.shape[2:]))), inside


def _pair(values: list[int]) -> tuple[int, int]:
    rows, columns = values
    return int(rows), int(columns)
