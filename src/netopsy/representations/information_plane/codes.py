"""One whole number for what all units of a layer do at once, for many checkpoints together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.batches import check_finite
from netopsy.core.compiled import compiled
from netopsy.core.errors import require

Codes: TypeAlias = NDArray[np.int64]
Bins: TypeAlias = int | Sequence[float] | Tensor | Literal["adaptive"]
_MOST = 2**62


@checked
def discretize(
    activations: Tensor, bins: Bins = 30, *, range: tuple[float, float] | None = None
) -> Int[Tensor, "*checkpoints samples"]:
    """The joint code of all units for every sample: equal codes where every unit is in the same bin.

    A value on an edge is in the bin above it, and values beyond the outer edges have bins of their own, so that none
    are clipped. Codes of different checkpoints are not comparable where a layer is so wide that they had to be
    numbered anew (from about 12 units at 30 bins on).

    Args:
        activations: ``[samples, units]``, or ``[checkpoints, samples, units]``.
        bins: how many equal bins between the ends of ``range``; or the edges, increasing; or ``"adaptive"``, 30
            quantiles of each unit over samples and checkpoints.
        range: the outer edges; by default the least and the greatest activation given, of all checkpoints.

    Raises:
        InputError: NaN or infinite activations, no sample, edges that do not increase, fewer than 1 bin.

    >>> discretize(torch.tensor([[-0.9, 0.5], [-0.8, 0.6], [0.9, 0.5]]), [-1.0, 0.0, 1.0]).unique().numel()
    2
    """
    values, edges = _checked(activations, bins, range)
    stacked = values[None] if values.ndim == 2 else values
    codes = _mixed_radix(np.ascontiguousarray(stacked), edges)
    return torch.from_numpy(codes[0] if values.ndim == 2 else codes)


def _checked(activations: Tensor, bins: Any, ends: tuple[float, float] | None) -> tuple[NDArray[Any], NDArray[Any]]:
    """The values and, for every unit, its edges ``[units, edges]``."""
    shape = list(activations.shape)
    require(activations.ndim in (2, 3), f"activations must be [samples, units] or with checkpoints before, got {shape}")
    require(activations.numel() > 0, f"activations must hold at least one sample and unit, got {shape}")
    check_finite(activations, "activations")
    values = activations.detach().cpu().double().numpy()
    units = shape[-1]
    if isinstance(bins, str):
        require(bins == "adaptive", f"bins must be a number, edges or 'adaptive', got {bins!r}")
        edges = np.quantile(values.reshape(-1, units), np.linspace(0, 1, 31)[1:-1], axis=0).T
        return values, np.ascontiguousarray(edges)
    if isinstance(bins, int):
        require(bins >= 1 and not isinstance(bins, bool), f"bins must be at least 1, got {bins}")
        low, high = ends if ends is not None else (float(values.min()), float(values.max()))
        if ends is None and low == high:
            high = low + 1.0
        require(low < high, f"range must be increasing, got {(low, high)}")
        return values, np.tile(np.linspace(low, high, bins + 1), (units, 1))
    edges = np.asarray(bins, dtype=np.float64)
    increasing = edges.ndim == 1 and edges.size > 0 and np.isfinite(edges).all() and bool((np.diff(edges) > 0).all())
    require(increasing, "bins must be edges in one increasing row of finite numbers")
    return values, np.tile(edges, (units, 1))


def _mixed_radix(values: NDArray[Any], edges: NDArray[Any]) -> Codes:
    """Digits of the units' bins in one number; numbered anew before it would no longer fit."""
    radix = edges.shape[1] + 1
    codes = np.zeros(values.shape[:2], dtype=np.int64)
    start, bound = 0, 1
    while start < values.shape[2]:
        stop = start
        while stop < values.shape[2] and bound * radix < _MOST:
            bound, stop = bound * radix, stop + 1
        _append(values, edges, start, stop, codes)
        if stop < values.shape[2]:
            codes, bound = ranks(codes), values.shape[1]
        start = stop
    return codes


@compiled
def _append(values: Any, edges: Any, start: int, stop: int, codes: Any) -> None:
    """Write the bins of units ``start`` to ``stop`` behind the digits that are there; equal bins are guessed first."""
    last = edges.shape[1]
    for unit in range(start, stop):
        low = edges[unit, 0]
        scale = (last - 1) / (edges[unit, last - 1] - low) if edges[unit, last - 1] > low else 0.0
        for point in range(codes.shape[0]):
            for sample in range(codes.shape[1]):
                value = values[point, sample, unit]
                place = min(max((value - low) * scale + 1.0, 0.0), last * 1.0)
                found = int(place)
                while found < last and value >= edges[unit, found]:
                    found += 1
                while found > 0 and value < edges[unit, found - 1]:
                    found -= 1
                codes[point, sample] = codes[point, sample] * (last + 1) + found


def ranks(codes: Codes) -> Codes:
    """Of every row, its values replaced by 0, 1, ... in their order."""
    order = np.argsort(codes, axis=1, kind="stable")
    ordered = np.take_along_axis(codes, order, 1)
    steps = np.zeros(codes.shape, dtype=np.int64)
    steps[:, 1:] = np.cumsum(ordered[:, 1:] != ordered[:, :-1], axis=1)
    found = np.empty_like(codes)
    np.put_along_axis(found, order, steps, 1)
    return found
