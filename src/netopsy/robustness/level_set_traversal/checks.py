"""What is asked of sources, labels and targets."""

from __future__ import annotations

import math

from torch import Tensor

from netopsy.core.errors import require
from netopsy.robustness.checks import Bounds, check_images, check_labels


def check_pairs(source: object, label: object, other: object, bounds: Bounds | None, name: str = "target") -> None:
    """Raise `InputError` unless sources, their labels and the images that they are paired with fit."""
    check_images(source, bounds, "source")
    assert isinstance(source, Tensor)
    check_labels(label, len(source), name="label")
    check_like(other, source, bounds, name)


def check_like(images: object, source: Tensor, bounds: Bounds | None, name: str) -> None:
    """Raise `InputError` unless ``images`` have the shape and the type of ``source``."""
    check_images(images, bounds, name)
    assert isinstance(images, Tensor)
    require(
        images.shape == source.shape,
        f"{name} must have the shape of source, {tuple(source.shape)}, got {tuple(images.shape)}",
    )
    require(images.dtype == source.dtype, f"{name} must be {source.dtype} as source is, got {images.dtype}")


def check_number(value: object, name: str, *, least: float | int, above: bool = False) -> None:
    """Raise `InputError` unless ``value`` is a finite number, at least ``least`` or above it."""
    fine = isinstance(value, float | int) and not isinstance(value, bool) and math.isfinite(value)
    fine = fine and (value > least if above else value >= least)  # type: ignore[operator]
    require(fine, f"{name} must be a number {'above' if above else 'of at least'} {least:g}, got {value!r}")


def check_count(value: object, name: str, least: int = 1) -> None:
    """Raise `InputError` unless ``value`` is an int of at least ``least``."""
    fine = isinstance(value, int) and not isinstance(value, bool) and least <= value < 2**31
    require(fine, f"{name} must be an int of at least {least}, got {value!r}")


def inward(images: Tensor, bounds: Bounds | None) -> Tensor:
    """``images`` with every pixel within ``bounds``.

    >>> import torch
    >>> inward(torch.tensor([-1.0, 0.5]), (0, 1)).tolist()
    [0.0, 0.5]
    """
    return images if bounds is None else images.clamp(float(bounds[0]), float(bounds[1]))
