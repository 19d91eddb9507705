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
    wide = activations.detach().cpu()
    values = (wide if wide.dtype in (torch.float32, torch.float64) else wide.double()).numpy()
    units = shape[-1]
    if isinstance(bins, str):
        require(bins == "adaptive", f"bins must be a number, edges or 'adaptive', got {bins!r}")
        edges = np.quantile(values.reshape(-1, units).astype(np.float64), np.linspace(0, 1, 31)[1:-1], axis=0).T
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
            codes, bound = numbered(codes), values.shape[1]
        start = stop
    return codes


@compiled
def _append(values: Any, edges: Any, start: int, stop: int, codes: Any) -> None:
    """Write the bins of units ``start`` to ``stop`` behind the digits that are there; equal bins are guessed first."""
    last = edges.shape[1]
    scales = np.zeros(edges.shape[0])
    for unit in range(start, stop):
        if last > 1:
            scales[unit] = (last - 1) / max(edges[unit, last - 1] - edges[unit, 0], 1e-300)
    for point in range(codes.shape[0]):
        for sample in range(codes.shape[1]):
            code = codes[point, sample]
            for unit in range(start, stop):
                value = values[point, sample, unit]
                place = min(max((value - edges[unit, 0]) * scales[unit] + 1.0, 0.0), last * 1.0)
                found = int(place)
                while found < last and value >= edges[unit, found]:
                    found += 1
                while found > 0 and value < edges[unit, found - 1]:
                    found -= 1
                code = code * (last + 1) + found
            codes[point, sample] = code


def numbered(codes: Codes) -> Codes:
    """Of every row ``[rows, samples]``, its values replaced by 0, 1, ... in the order in which they first occur."""
    found = np.empty(codes.shape, dtype=np.int64)
    size = 1 << int(2 * codes.shape[1]).bit_length()
    _number(codes, np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64), found)
    return found


@compiled
def _number(codes: Any, keys: Any, names: Any, found: Any) -> None:
    """A table by hash, compared by value, so that different codes never share a number."""
    mask = len(keys) - 1
    for row in range(codes.shape[0]):
        names[:] = -1
        known = 0
        for sample in range(codes.shape[1]):
            code = codes[row, sample]
            mixed = (code ^ (code >> 29)) * 2654435761
            place = (mixed ^ (mixed >> 17)) & mask
            while names[place] >= 0 and keys[place] != code:
                place = (place + 1) & mask
            if names[place] < 0:
                keys[place], names[place] = code, known
                known += 1
            found[row, sample] = names[place]
