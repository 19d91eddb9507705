"""The part of an image that a filter answers to, around the cell where it peaks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.layers import Layer
from netopsy.core.modes import device_of
from netopsy.core.split import run_to
from netopsy.interpretability.layer_maps import Reshape, check_images
from netopsy.interpretability.pattern_net.firing import Peaks, filter_maps
from netopsy.interpretability.pattern_net.windows import Windows
from netopsy.interpretability.receptive_field import ReceptiveField, receptive_field

Regions = Float[Tensor, "filters 4"]
"""Top, left, bottom and right, in pixels from the middle of the cell's receptive field."""

_TOGETHER = 256


def receptive_field_of(model: nn.Module, layer: str, images: Tensor, reshape: Reshape | None) -> ReceptiveField:
    """The receptive field of a layer's cells; for tokens, which see everything, the patch that a token stands for."""
    if reshape is None:
        return receptive_field(model, layer, images)
    grid = filter_maps(model, layer, images[:1], reshape)
    height, width = images.shape[2:]
    stride = height // grid.shape[2], width // grid.shape[3]
    return ReceptiveField(stride, stride, (0, 0), (height, width))


def theoretical_regions(field: ReceptiveField, count: int) -> Regions:
    """The whole receptive field, for ``count`` filters: an upper bound, usually much too large."""
    half = [size / 2 for size in field.size]
    return torch.tensor([[-half[0], -half[1], half[0], half[1]]]).repeat(count, 1)


def effective_regions(
    model: nn.Module,
    layer: Layer,
    images: Tensor,
    peaks: Peaks,
    filters: Sequence[int],
    field: ReceptiveField,
    *,
    k: int = 50,
    threshold: float = 0.1,
    reshape: Reshape | None = None,
) -> Regions:
    """The mean box around what makes a filter peak, over the ``k`` images in which it peaks highest.

    The peak alone is projected back to the image by its gradient, through the part of the image that its cell sees
    where the network gives the same peak for that part alone, and through the whole image otherwise; the box is the
    tight one around all pixels whose gradient, summed over channels in absolute value, is at least ``threshold`` of the
    largest. Where no gradient arrives, the receptive field counts.

    Args:
        images: those that ``peaks`` are of.
        filters: for which filters.
    """
    check_images(images)
    which = torch.tensor(list(filters))
    top = peaks.values[:, which].argsort(dim=0, descending=True, stable=True)[: min(k, len(peaks))]
    numbers, owners = top.T.flatten(), which.repeat_interleave(len(top))
    boxes = []
    windows = Windows.of(field, images) if reshape is None else None
    for some, own in zip(numbers.split(_TOGETHER), owners.split(_TOGETHER), strict=True):
        rows, columns = peaks.rows[some, own], peaks.columns[some, own]
        found = None
        if windows is not None:
            cut, starts, here = windows.around(images, some, rows, columns)
            found = _gradients(model, layer, cut, own, *here, reshape, peaks.values[some, own])
        if found is None:
            windows, starts = None, torch.zeros(len(some), 2, dtype=torch.long)
            found = _gradients(model, layer, images[some], own, rows, columns, reshape)
        assert found is not None
        boxes.append(_tight(found, threshold, field, rows, columns, starts))
    return torch.cat(boxes).reshape(len(which), len(top), 4).mean(1)


def _gradients(
    model: nn.Module,
    layer: Layer,
    images: Tensor,
    filters: Tensor,
    rows: Tensor,
    columns: Tensor,
    reshape: Reshape | None,
    expected: Tensor | None = None,
) -> Float[Tensor, "batch y x"] | None:
    """Of each image's peak; ``None`` where the peaks are not those expected."""
    with torch.enable_grad():
        given = images.to(device_of(model)).detach().clone().requires_grad_()
        maps = run_to(model, layer, given)
        maps = maps if reshape is None else reshape(maps)
        if expected is not None and not _has(maps, filters, rows, columns, expected):
            return None
        chosen = maps[torch.arange(len(images)), filters, rows, columns].sum()
        (gradient,) = torch.autograd.grad(chosen, given)
    return gradient.abs().sum(1).cpu()


def _has(maps: Tensor, filters: Tensor, rows: Tensor, columns: Tensor, expected: Tensor) -> bool:
    if maps.ndim != 4 or int(rows.max()) >= maps.shape[2] or int(columns.max()) >= maps.shape[3]:
        return False
    found = maps.detach()[torch.arange(len(maps)), filters, rows, columns].relu().cpu()
    return torch.allclose(found, expected, rtol=1e-3, atol=1e-4 * float(expected.max()))


def _tight(
    gradients: Tensor, threshold: float, field: ReceptiveField, rows: Tensor, columns: Tensor, starts: Tensor
) -> Float[Tensor, "batch 4"]:
    most = gradients.amax((1, 2))
    strong = gradients >= threshold * most[:, None, None].clamp(min=torch.finfo(gradients.dtype).tiny)
    down, across = strong.any(2).float(), strong.any(1).float()
    height, width = gradients.shape[1:]
    box = torch.stack(
        [
            down.argmax(1).float(),
            across.argmax(1).float(),
            height - down.flip(1).argmax(1).float(),
            width - across.flip(1).argmax(1).float(),
        ],
        1,
    )
    found = box + starts.repeat(1, 2) - field.centre(rows, columns).repeat(1, 2)
    return torch.where((most > 0)[:, None], found, theoretical_regions(field, 1))
