"""What the methods of this room ask of images and labels, before any work is done."""

from __future__ import annotations

import math
from numbers import Integral

import torch
from torch import Tensor

from netopsy.core.batches import check_batch, check_tensor
from netopsy.core.errors import require

Bounds = tuple[float | int, float | int]
"""The least and the greatest value that a pixel can have."""


def check_images(images: object, bounds: Bounds | None = (0, 1), name: str = "images") -> None:
    """Raise `InputError` unless ``images`` are a float batch ``[batch, channels, height, width]`` within ``bounds``."""
    check_batch(images, name)
    assert isinstance(images, Tensor)
    require(
        images.ndim == 4 and images.numel() > 0,
        f"{name} must be [batch, channels, height, width], got {tuple(images.shape)}",
    )
    if bounds is None:
        return
    low, high = check_bounds(bounds)
    least, most = float(images.detach().min()), float(images.detach().max())
    require(
        low <= least and most <= high,
        f"{name} must lie within {low:g} to {high:g}, got {least:.4g} to {most:.4g}: a network that takes standardised "
        "images is wrapped with its standardisation inside",
    )


def check_bounds(bounds: object) -> tuple[float, float]:
    """The bounds as floats, or an `InputError`."""
    pair = tuple(bounds) if isinstance(bounds, tuple | list) else ()
    numbers = all(isinstance(one, float | int) and not isinstance(one, bool) and math.isfinite(one) for one in pair)
    require(
        len(pair) == 2 and numbers and pair[0] < pair[1],
        f"bounds must be two numbers, the lower first, both finite, got {bounds!r}",
    )
    return float(pair[0]), float(pair[1])


def check_labels(labels: object, count: int, classes: int | None = None, name: str = "labels") -> None:
    """Raise `InputError` unless ``labels`` are ``count`` class numbers, below ``classes`` where that is known."""
    check_tensor(labels, name)
    assert isinstance(labels, Tensor)
    require(
        not (labels.is_floating_point() or labels.dtype == torch.bool),
        f"{name} must be class numbers of an int type, got {labels.dtype}",
    )
    require(labels.shape == (count,), f"{name} must have shape ({count},), got {tuple(labels.shape)}")
    if count:
        check_class(int(labels.min()), classes, name)
        check_class(int(labels.max()), classes, name)


def check_class(number: object, classes: int | None = None, name: str = "label") -> None:
    """Raise `InputError` unless ``number`` is a class number, below ``classes`` where that is known."""
    fine = isinstance(number, Integral) and not isinstance(number, bool)
    require(fine and number >= 0, f"{name} must be a class number from 0 up, got {number!r}")  # type: ignore[operator]
    require(
        classes is None or number < classes,  # type: ignore[operator]
        f"{name} must be a class number from 0 to {(classes or 1) - 1}, got {number!r}",
    )


def one_label(label: int | None, predicted: int, classes: int) -> int:
    """The class that is meant: ``label``, or the predicted one where none is given."""
    if label is None:
        return predicted
    check_class(label, classes)
    return int(label)


def as_batch(image: object, bounds: Bounds | None = (0, 1), name: str = "image") -> Tensor:
    """One image ``[channels, height, width]`` as a batch of one, or an `InputError`."""
    check_tensor(image, name)
    assert isinstance(image, Tensor)
    require(image.ndim == 3, f"{name} must be [channels, height, width], got {tuple(image.shape)}")
    check_images(image[None], bounds, name)
    return image[None]
