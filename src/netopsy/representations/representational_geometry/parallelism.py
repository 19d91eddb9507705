"""Whether a label is coded along one direction, whatever else differs between the conditions."""

from __future__ import annotations

import warnings
from itertools import permutations, product
from typing import Literal

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.batches import check_finite
from netopsy.core.errors import lookup, require
from netopsy.representations.representational_geometry.kernels import check_labels

MOST = 8
"""Conditions up to which every pairing is tried."""
Method = Literal["exact", "assignment"]
Indices = NDArray[np.int64]


@checked
def parallelism_score(points: Tensor, labels: Float[Tensor, " conditions"], *, method: Method = "exact") -> float:
    """Mean cosine between the differences of paired conditions of either label, for the best pairing.

    1 where the label is one and the same step from every condition of the one class to its partner. ``"exact"`` tries
    all pairings, up to 8 conditions; ``"assignment"`` takes that of the least squared distances, which is an
    approximation from below. Conditions of the smaller class are used again, each about as often.

    Args:
        points: ``[conditions, ...]``, the mean representation of each.
        labels: -1 or 1 for each.

    Returns:
        NaN, with a warning, where a pair has no difference.

    Raises:
        InputError: labels other than -1 and 1 or all the same, fewer than 3 conditions, more than 8 to try, or values
            that are not finite.

    >>> import torch
    >>> square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> parallelism_score(square, square[:, 0]), parallelism_score(square, square.prod(1))
    (1.0, -1.0)
    """
    check_labels(labels[:, None])
    lookup("method", method, dict.fromkeys(("exact", "assignment")))
    require(points.ndim >= 2, f"points must be [conditions, ...], got {list(points.shape)}")
    require(len(points) == len(labels), f"points and labels must be of one length, got {len(points)}, {len(labels)}")
    require(len(points) >= 3, "points must be at least 3: two conditions make a single pair")
    check_finite(points, "points")
    require(
        method != "exact" or len(points) <= MOST,
        f"method 'exact' tries all pairings of at most {MOST} conditions, got {len(points)}: take 'assignment'",
    )
    flat = points.detach().flatten(1).double()
    flat = flat - flat.mean(0)
    kernel = (flat @ flat.T).cpu().numpy()
    positive = (labels > 0).cpu().numpy()
    small, large = _sides(positive)
    pairings = _all(small, large) if method == "exact" else [_nearest(kernel, small, large)]
    scores = np.array([_score(kernel, large, partners) for partners in pairings])
    if np.isnan(scores).all():
        warnings.warn("a pair of conditions is represented alike: parallelism is not defined (NaN)", stacklevel=2)
        return float("nan")
    return float(np.clip(np.nanmax(scores), -1, 1))


def _all(small: Indices, large: Indices) -> list[Indices]:
    """Every choice of a partner for each of the larger class that uses none oftener than needed."""
    if len(small) == len(large):
        return [np.array(each) for each in permutations(small)]
    most = -(-len(large) // len(small))
    every = np.array(list(product(small, repeat=len(large))))
    counts = (every[:, :, None] == small).sum(1)
    return list(every[(counts <= most).all(1)])


def nearest_pairs(points: NDArray[np.float64], positive: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """A partner for each point of the larger class, so that squared distances are least in all."""
    small, large = _sides(positive)
    centred = points - points.mean(0)
    partners = _nearest(centred @ centred.T, small, large)
    return list(zip(large.tolist(), partners.tolist(), strict=True))


def _sides(positive: NDArray[np.bool_]) -> tuple[Indices, Indices]:
    first, second = np.flatnonzero(positive), np.flatnonzero(~positive)
    return (first, second) if len(first) <= len(second) else (second, first)


def _nearest(kernel: NDArray[np.float64], small: Indices, large: Indices) -> Indices:
    slots = np.tile(small, -(-len(large) // len(small)))
    own = kernel.diagonal()
    distances = own[large][:, None] + own[slots] - 2 * kernel[np.ix_(large, slots)]
    return np.asarray(slots[linear_sum_assignment(distances)[1]])


def _score(kernel: NDArray[np.float64], one: Indices, other: Indices) -> float:
    """Mean cosine of ``z[one] - z[other]``, from inner products alone; NaN where a difference is 0."""
    crossed = kernel[np.ix_(one, other)]
    products = kernel[np.ix_(one, one)] + kernel[np.ix_(other, other)] - crossed - crossed.T
    squares = products.diagonal()
    if squares.min() <= 1e-12 * max(float(np.abs(kernel).max()), 1e-300):
        return float("nan")
    lengths = np.sqrt(squares)
    count = len(one)
    return float(((products / np.outer(lengths, lengths)).sum() - count) / (count * (count - 1)))
