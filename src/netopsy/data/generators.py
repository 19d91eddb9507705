"""Data sets drawn from a known law: scikit-learn's, as tensors."""

from __future__ import annotations

from typing import Any

import torch

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.data.dataset import Dataset


@checked
def two_moons(n: int = 1000, *, noise: float = 0.1, seed: int = 0) -> Dataset:
    """Two interleaved half circles in the plane, ``[n, 2]``, with Gaussian noise.

    >>> two_moons(10).inputs.shape
    torch.Size([10, 2])
    """
    from sklearn.datasets import make_moons

    _check(n, noise)
    return _classes(make_moons(n, noise=noise, random_state=_state(seed)), ("upper", "lower"), "moons")


@checked
def two_circles(n: int = 1000, *, noise: float = 0.05, factor: float = 0.5, seed: int = 0) -> Dataset:
    """A circle of radius 1 around one of radius ``factor``, ``[n, 2]``, with Gaussian noise.

    >>> two_circles(10, noise=0.0).inputs.norm(dim=1).round(decimals=3).unique().tolist()
    [0.5, 1.0]
    """
    from sklearn.datasets import make_circles

    _check(n, noise)
    require(0 <= factor < 1, f"factor must be at least 0 and below 1, got {factor}")
    drawn = make_circles(n, noise=noise, factor=factor, random_state=_state(seed))
    return _classes(drawn, ("outer", "inner"), "circles")


@checked
def gaussian_blobs(
    n: int = 1000, *, classes: int = 3, dimension: int = 2, spread: float = 1.0, seed: int = 0
) -> Dataset:
    """Isotropic Gaussians of standard deviation ``spread`` around centres uniform in [-10, 10], ``[n, dimension]``.

    >>> gaussian_blobs(9, dimension=4).targets.bincount().tolist()
    [3, 3, 3]
    """
    from sklearn.datasets import make_blobs

    _check(n, spread, "spread")
    require(classes > 0, f"classes must be at least 1, got {classes}")
    require(dimension > 0, f"dimension must be at least 1, got {dimension}")
    drawn = make_blobs(n, dimension, centers=classes, cluster_std=spread, random_state=_state(seed))
    return _classes(drawn[:2], tuple(map(str, range(classes))), "blobs")


@checked
def swiss_roll(n: int = 1000, *, noise: float = 0.0, seed: int = 0) -> Dataset:
    """A rolled-up sheet in space, ``[n, 3]``; the target is the place along the roll, from 1.5 pi to 4.5 pi.

    >>> swiss_roll(10).is_classification
    False
    """
    from sklearn.datasets import make_swiss_roll

    _check(n, noise)
    inputs, place = make_swiss_roll(n, noise=noise, random_state=_state(seed))
    return Dataset(torch.from_numpy(inputs).float(), torch.from_numpy(place).float(), name="swiss roll")


def _classes(drawn: tuple[Any, Any], classes: tuple[str, ...], name: str) -> Dataset:
    inputs, targets = (torch.from_numpy(array) for array in drawn)
    return Dataset(inputs.float(), targets.long(), classes, name)


def _check(n: int, noise: float, called: str = "noise") -> None:
    require(isinstance(n, int) and n > 1, f"n must be an int of at least 2, got {n!r}")
    require(noise >= 0, f"{called} must not be negative, got {noise}")


def _state(seed: int) -> int:
    require(isinstance(seed, int) and seed >= 0, f"seed must be a non-negative int, got {seed!r}")
    # numpy's legacy generators, which scikit-learn draws from, take 32 bits.
    return seed % 2**32
