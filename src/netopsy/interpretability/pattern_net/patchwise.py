"""The way that one pass over the image replaces: every patch through the network by itself."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from netopsy.core.split import run_to
from netopsy.interpretability.pattern_net.firing import filter_maps
from netopsy.interpretability.receptive_field import ReceptiveField, receptive_field


def patchwise_maps(
    model: nn.Module,
    layer: str,
    images: Tensor,
    field: ReceptiveField,
    *,
    exact: bool = True,
    batch_size: int = 256,
) -> Tensor:
    """The layer's map, each cell from the patch it sees: ``[batch, filters, rows, columns]``.

    Beyond the image there is black.

    Args:
        exact: a patch is the cell's receptive field and as many pixels before it as make it begin where some cell's
            field does, so that the cell is found in the patch, too. Otherwise it is the field and nothing else, and the
            middle cell of what the network makes of it stands for the patch.
    """
    axes = list(zip(field.size, field.stride, field.offset, images.shape[2:], strict=True))
    lead = [max(0, math.ceil(-offset / stride)) if exact else 0 for _, stride, offset, _ in axes]
    before = [cell * stride if exact else -offset for cell, (_, stride, offset, _) in zip(lead, axes, strict=True)]
    side = [ahead + offset + size for ahead, (size, _, offset, _) in zip(before, axes, strict=True)]
    rows, columns = (-(-extent // stride) for _, stride, _, extent in axes)
    after = [
        (count - 1) * stride + reach - ahead - extent
        for count, (_, stride, _, extent), reach, ahead in zip((rows, columns), axes, side, before, strict=True)
    ]
    padded = functional.pad(images, (before[1], max(0, after[1]), before[0], max(0, after[0])))
    patches = padded.unfold(2, side[0], field.stride[0]).unfold(3, side[1], field.stride[1])
    flat = patches.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
    parts = []
    for some in flat.split(batch_size):
        with torch.no_grad():
            seen = run_to(model, layer, some).relu()
        row, column = lead if exact else (seen.shape[2] // 2, seen.shape[3] // 2)
        parts.append(seen[:, :, row, column])
    count = patches.shape[2], patches.shape[3]
    return torch.cat(parts).reshape(len(images), *count, -1).permute(0, 3, 1, 2)


def agreement(model: nn.Module, layer: str, images: Tensor) -> float:
    """The share of filters and images on which both ways agree whether the filter fires, cells at the border left out.

    A filter fires above the 80th percentile of its peaks in one pass.
    """
    field = receptive_field(model, layer, images)
    whole, parts = filter_maps(model, layer, images), patchwise_maps(model, layer, images, field)
    inner = [
        [cell for cell in range(count) if offset + stride * cell >= 0 and offset + stride * cell + size <= extent]
        for count, offset, stride, size, extent in zip(
            whole.shape[2:], field.offset, field.stride, field.size, images.shape[2:], strict=True
        )
    ]
    peaks = [maps[:, :, inner[0]][:, :, :, inner[1]].amax((2, 3)) for maps in (whole, parts)]
    threshold = peaks[0].quantile(0.8, dim=0)
    # Where a peak is the threshold up to rounding, either answer is right.
    near = (peaks[0] - threshold).abs() <= 1e-5 * (1 + threshold.abs())
    return float((((peaks[0] > threshold) == (peaks[1] > threshold)) | near).float().mean())
