"""Which pixels a position in a layer's grid can see."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Int
from torch import Tensor, nn

from netopsy.core.computed import copied
from netopsy.core.errors import InputError, require
from netopsy.core.layers import Layer, layer_names
from netopsy.core.shapes import Images
from netopsy.core.split import run_to
from netopsy.interpretability.layer_maps import check_images

_ENLARGED = (1, 2, 4, 8)
"""Times the image's side that are tried, until a position in the middle no longer sees the border."""


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
    # In double precision on the CPU a convolution is a plain matrix product: faster algorithms mix neighbours.
    probe = copied(model).cpu().double()
    image = images[:1].detach().cpu().double()
    height, width = image.shape[2:]
    found = None
    for times in _ENLARGED:
        try:
            found, inside = _field(probe, name, image.repeat(1, 1, times, times), (height, width))
        except InputError:
            if found is None:
                raise
            break
        if inside:
            break
    assert found is not None
    return found


def _field(model: nn.Module, layer: str, image: Tensor, size: tuple[int, int]) -> tuple[ReceptiveField, bool]:
    """The field found with this image, and whether the cells asked were clear of its border."""
    with torch.no_grad():
        grid = run_to(model, layer, image)
    require(grid.ndim == 4, f"layer {layer!r} gives {tuple(grid.shape)}, which is no grid: choose an earlier layer")
    require(not grid.isnan().any(), f"layer {layer!r} gives NaN for these images; check weights and images")
    sizes, strides, offsets, inside = [], [], [], True
    for axis in (2, 3):
        side, cells = image.shape[axis], grid.shape[axis]
        cell = max(0, cells // 2 - 1)
        pair = [cell, min(cell + 1, cells - 1)]
        firsts = [_edge(model, layer, image, axis, one, last=False) for one in pair]
        lasts = [_edge(model, layer, image, axis, one, last=True) for one in pair]
        clear = firsts[0] > 0 and lasts[1] < side - 1 and cells > 1
        inside = inside and clear
        stride = firsts[1] - firsts[0] if clear else max(1, round(side / cells))
        # Where the border is in sight the field may be as large as all the cells' together.
        size_seen = lasts[0] - firsts[0] + 1 if clear else side + stride * cells
        sizes.append(size_seen)
        strides.append(stride)
        offsets.append(firsts[0] - cell * stride if clear else -stride * cells)
    return ReceptiveField(_pair(sizes), _pair(strides), _pair(offsets), size), inside


def _edge(model: nn.Module, layer: str, image: Tensor, axis: int, cell: int, *, last: bool) -> int:
    """The first or last row (axis 2) or column (axis 3) that a cell of the layer sees, by bisection."""
    low, high = 0, image.shape[axis] - 1
    while low < high:
        middle = (low + high + (1 if last else 0)) // 2
        dirty = image.clone()
        # What is wanted is the last line such that dirt from there on shows, or the first such that dirt up to it does.
        part = slice(middle, None) if last else slice(None, middle + 1)
        dirty[(slice(None),) * axis + (part,)] = torch.nan
        with torch.no_grad():
            seen = bool(run_to(model, layer, dirty).select(axis, cell).isnan().any())
        if last:
            low, high = (middle, high) if seen else (low, middle - 1)
        else:
            low, high = (low, middle) if seen else (middle + 1, high)
    return low


def _pair(values: list[int]) -> tuple[int, int]:
    rows, columns = values
    return int(rows), int(columns)
