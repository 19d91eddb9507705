"""Real data that is always there: it comes with scikit-learn and scikit-image."""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.data.dataset import Dataset


@checked
def digits() -> Dataset:
    """1797 handwritten digits, ``[1797, 1, 8, 8]`` in [0, 1], ten classes.

    Source: E. Alpaydin and C. Kaynak, UCI Optical Recognition of Handwritten Digits, its test part as in scikit-learn.

    >>> digits().inputs.shape
    torch.Size([1797, 1, 8, 8])
    """
    images, labels = _digits()
    return Dataset(images.clone(), labels.clone(), tuple("0123456789"), "digits")


@checked
def digits_split(seed: int = 0, sizes: tuple[int, ...] = (1000, 297, 500)) -> tuple[Dataset, ...]:
    """`digits` in parts with equal proportions of the classes: by default to train on, to validate on, to test on.

    >>> [len(part) for part in digits_split()]
    [1000, 297, 500]
    """
    return digits().split(*sizes, seed=seed)


@checked
def lfw_subset() -> Dataset:
    """100 faces and 100 patches that are none, ``[200, 1, 25, 25]`` in [0, 1].

    Source: G. Huang et al., Labeled Faces in the Wild, the subset in scikit-image. Class 1 is "face".

    >>> lfw_subset().targets.bincount().tolist()
    [100, 100]
    """
    from skimage import data

    images = torch.from_numpy(data.lfw_subset()).float()[:, None]  # type: ignore[no-untyped-call]
    require(images.shape == (200, 1, 25, 25), f"scikit-image's lfw_subset has an unknown layout, {tuple(images.shape)}")
    # scikit-image orders them: faces first.
    labels = (torch.arange(200) < 100).long()
    return Dataset(images, labels, ("no face", "face"), "lfw")


@cache
def _digits() -> tuple[Tensor, Tensor]:
    from sklearn.datasets import load_digits

    loaded = load_digits()
    return torch.from_numpy(loaded.images).float()[:, None] / 16, torch.from_numpy(loaded.target).long()
