"""Information of a layer to which noise is added, bounded by distances between samples."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from netopsy.core.batches import check_finite
from netopsy.core.errors import require

NOISE = 0.1
"""Variance used in common replications; the other one is 0.001."""
_ENTRIES = 2**24


def noisy_information(
    activations: Tensor, labels: Tensor, *, noise: float, scale: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``I(X;T)`` and ``I(T;Y)`` of ``T = h + N(0, noise)``, in bits; distances are over ``scale * noise``."""
    require(0 < noise < math.inf, f"noise must be a positive variance, got {noise}")
    check_finite(activations, "activations")
    require(activations.numel() > 0, f"activations must not be empty, got shape {list(activations.shape)}")
    points = activations.detach().cpu().double()
    stacked = points[None] if points.ndim == 2 else points
    weights = _weights(labels)
    found = [_one(each, weights, noise * scale) for each in stacked]
    ixt, ity = np.array(found).T
    return ixt, ity


def _weights(labels: Tensor) -> Tensor:
    """``p(x|y)`` times ``p(y)`` without the ``1/n``: how much of each class every sample is."""
    if labels.ndim == 2:
        return labels.detach().cpu().double()
    known = torch.unique(labels.cpu(), return_inverse=True)[1]
    return torch.nn.functional.one_hot(known).double()


def _one(points: Tensor, weights: Tensor, width: float) -> tuple[float, float]:
    """``-sum_i p_i log sum_j p_j exp(-|h_i - h_j|^2 / width)``, over all and within each class."""
    samples = len(points)
    centred = points - points.mean(0)
    of_class = weights / weights.sum(0).clamp(min=1e-300)
    every = torch.full((samples, 1), 1 / samples, dtype=torch.float64)
    mixtures = torch.cat([every, of_class], 1)
    bounds = torch.zeros(mixtures.shape[1], dtype=torch.float64)
    squares = centred.square().sum(1)
    for rows in torch.arange(samples).split(max(1, _ENTRIES // samples)):
        apart = (squares[rows, None] + squares - 2 * centred[rows] @ centred.T).clamp(min=0)
        apart[torch.arange(len(rows)), rows] = 0
        density = torch.exp(-apart / width) @ mixtures
        bounds -= torch.special.xlogy(mixtures[rows], density).sum(0)
    share = weights.sum(0) / samples
    whole = float(bounds[0]) / math.log(2)
    return max(whole, 0.0), max(whole - float((share * bounds[1:]).sum()) / math.log(2), 0.0)
