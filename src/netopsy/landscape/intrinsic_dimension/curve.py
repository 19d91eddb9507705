"""From scores in subspaces of several dimensions to the dimension at which a target is reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from numpy.typing import ArrayLike
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.drawing import INK, panel, style
from netopsy.core.errors import InputError, require
from netopsy.core.texts import shortened

FEWEST, RESAMPLES = 3, 2000


class NotReachedError(InputError):
    """No dimension that was tried reaches the target; ``dims`` and ``scores`` are what was found."""

    def __init__(self, message: str, dims: tuple[int, ...] = (), scores: Any = None) -> None:
        super().__init__(message)
        self.dims, self.scores = dims, scores


@dataclass(frozen=True, eq=False)
class IDResult:
    """An intrinsic dimension and the curve that it is read from.

    >>> dimension_from_curve((10, 20), [[0.0], [1.0]], 0.5).dims
    (10, 20)
    """

    dimension: float
    """Where the monotone envelope of the mean score, interpolated linearly, reaches the target."""
    interval: tuple[float, float]
    """Bootstrap interval over the repeats; NaN for fewer than three, infinite where some draws never reach it."""
    dims: tuple[int, ...]
    """The dimensions that were tried, ascending; where the first one reaches the target, it is an upper bound."""
    scores: Float[np.ndarray, "dims repeats"]
    """What each repeat reached."""
    target: float
    """What had to be reached: the mean over the repeats, where each had its own."""
    baseline: float | None = None
    """Mean score of direct training, where the target comes from it."""
    full: int | None = None
    """D, the number of parameters."""
    confidence: float = 0.95

    @style()
    def plot(self, ax: Axes | None = None) -> Axes:
        """Every repeat's score and the mean, against the dimension; lines at the target and at what was found."""
        ax = panel(ax)
        ax.set_xlim(self.dims[0] / 1.2, self.dims[-1] * 1.2)
        ax.plot(self.dims, self.scores, "o", color="C0", alpha=0.35, markersize=3)
        # Straight between dimensions as the interpolation is, which on a logarithmic axis is no straight line.
        between = np.geomspace(self.dims[0], self.dims[-1], 200)
        ax.plot(between, np.interp(between, self.dims, self.scores.mean(1)), color="C0")
        ax.axhline(self.target, color=INK, linestyle="--", linewidth=1)
        ax.axvline(self.dimension, color=INK, linewidth=1)
        low, high = self.interval
        if math.isfinite(low) and math.isfinite(high):
            ax.axvspan(low, high, color=INK, alpha=0.12, linewidth=0)
        ax.set(xscale="log", xlabel="dimension of the subspace", ylabel="score")
        return ax


@checked
def dimension_from_curve(
    dims: Sequence[int],
    scores: ArrayLike | Tensor,
    target: float | int | ArrayLike | Tensor,
    *,
    maximise: bool = True,
    baseline: float | None = None,
    full: int | None = None,
    confidence: float = 0.95,
    seed: int = 0,
) -> IDResult:
    """The dimension at which scores reach a target: Li et al. 2018, section 2, with an interval.

    The mean over the repeats is made monotone by its running best and interpolated linearly between neighbouring
    dimensions. The interval is that of a bootstrap over the repeats, whole curves at a time.

    Args:
        dims: ascending.
        scores: ``[dims, repeats]``.
        target: a number, or one a repeat.
        maximise: whether larger scores are better.

    Raises:
        InputError: scores that are not finite or of another shape, or dimensions that do not ascend.
        NotReachedError: the mean reaches the target at none of them.

    >>> dimension_from_curve((10, 20, 40), [[0.5], [0.75], [1.0]], 0.875).dimension
    30.0
    """
    tried = tuple(int(each) for each in dims)
    ascending = all(one < other for one, other in pairwise(tried))
    require(tried and tried[0] >= 1 and ascending, f"dims must be ascending numbers from 1 up, got {tried}")
    require(0 < confidence < 1, f"confidence must lie strictly between 0 and 1, got {confidence}")
    found, wanted = _numbers("scores", scores), _numbers("target", target)
    require(
        found.ndim == 2 and found.shape[0] == len(tried) and found.shape[1] > 0,
        f"scores must be of shape (dims, repeats) = ({len(tried)}, ...), got {found.shape}",
    )
    require(
        wanted.shape in ((), found.shape[1:]),
        f"target must be one number or one a repeat, {found.shape[1]}, got shape {wanted.shape}",
    )
    for name, values in (("scores", found), ("target", wanted)):
        require(np.isfinite(values).all(), f"{name} must be finite, got NaN or infinity")
    above = (found - wanted) * (1 if maximise else -1)
    place = crossing(tried, above.mean(1))
    if not math.isfinite(place):
        best = found.mean(1).max() if maximise else found.mean(1).min()
        raise NotReachedError(
            f"the target {wanted.mean():.4g} is not reached with up to {tried[-1]} dimensions, the best is {best:.4g}: "
            "try larger dims",
            tried,
            found,
        )
    interval = _interval(tried, above, confidence, seed)
    return IDResult(place, interval, tried, found, float(wanted.mean()), baseline, full, confidence)


def _numbers(name: str, values: Any) -> np.ndarray:
    try:
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise InputError(f"{name} must be numbers, got {shortened(repr(values), 60)}") from None


def crossing(dims: Sequence[int], above: Sequence[float] | np.ndarray) -> float:
    """Where the running maximum of ``above``, interpolated linearly, reaches 0; infinite if it does not.

    >>> crossing((10, 20), (-1.0, 3.0)), crossing((10, 20), (-1.0, -0.5))
    (12.5, inf)
    """
    return float(_crossings(dims, np.asarray(above, dtype=float)[:, None])[0])


def _crossings(dims: Sequence[int], above: np.ndarray) -> np.ndarray:
    """Of every column of ``[dims, curves]``."""
    best, places = np.maximum.accumulate(above, 0), np.asarray(dims, dtype=float)
    at, curves = (best >= 0).argmax(0), np.arange(above.shape[1])
    before = np.maximum(at - 1, 0)
    low, high = best[before, curves], best[at, curves]
    share = np.divide(-low, high - low, out=np.zeros_like(low), where=high > low)
    found = places[before] + (places[at] - places[before]) * share
    return np.where((best >= 0).any(0), found, np.inf)


def _interval(dims: Sequence[int], above: np.ndarray, confidence: float, seed: int) -> tuple[float, float]:
    repeats = above.shape[1]
    if repeats < FEWEST:
        return math.nan, math.nan
    drawn = np.random.default_rng(seed).integers(repeats, size=(RESAMPLES, repeats))
    found = np.sort(_crossings(dims, above[:, drawn].mean(2)))
    tail = (1 - confidence) / 2
    return float(found[math.floor(tail * (RESAMPLES - 1))]), float(found[math.ceil((1 - tail) * (RESAMPLES - 1))])
