"""The part of an image that a filter answers to, around the cell where it peaks."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.layers import Layer
from netopsy.core.modes import device_of
from netopsy.core.split import run_to
from netopsy.interpretability.layer_maps import Reshape
from netopsy.interpretability.pattern_net.firing import Peaks
from netopsy.interpretability.receptive_field import ReceptiveField

Regions = Float[Tensor, "filters 4"]
"""Top, left, bottom and right, in pixels from the middle of the cell's receptive field."""

_TOGETHER = 256


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

    The peak alone is projected back to the image by its gradient; the box is the tight one around all pixels whose
    gradient, summed over channels in absolute value, is at least ``threshold`` of the largest. Where no gradient
    arrives, the receptive field counts.

    Args:
        images: those that ``peaks`` are of.
        filters: for which filters.
    """
    which = torch.tensor(list(filters))
    top = peaks.values[:, which].argsort(dim=0, descending=True, stable=True)[: min(k, len(peaks))]
    numbers, owners = top.T.flatten(), which.repeat_interleave(len(top))
    boxes = []
    for some, own in zip(numbers.split(_TOGETHER), owners.split(_TOGETHER), strict=True):
        rows, columns = peaks.rows[some, own], peaks.columns[some, own]
        gradients = _gradients(model, layer, images[some], own, rows, columns, reshape)
        boxes.append(_tight(gradients, threshold, field, rows, columns))
    return torch.cat(boxes).reshape(len(which), len(top), 4).mean(1)


def _gradients(
    model: nn.Module,
    layer: Layer,
    images: Tensor,
    filters: Tensor,
    rows: Tensor,
    columns: Tensor,
    reshape: Reshape | None,
) -> Float[Tensor, "batch height width"]:
    with torch.enable_grad():
        given = images.to(device_of(model)).detach().clone().requires_grad_()
        maps = run_to(model, layer, given)
        maps = maps if reshape is None else reshape(maps)
        chosen = maps[torch.arange(len(images)), filters, rows, columns].sum()
        (gradient,) = torch.autograd.grad(chosen, given)
    return gradient.abs().sum(1).cpu()


def _tight(
    gradients: Tensor, threshold: float, field: ReceptiveField, rows: Tensor, columns: Tensor
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
    found = box - field.centre(rows, columns).repeat(1, 2)
    return torch.where((most > 0)[:, None], found, theoretical_regions(field, 1))
