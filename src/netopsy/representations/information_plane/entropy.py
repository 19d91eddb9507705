"""Entropies and mutual information of whole numbers, in bits."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.batches import check_finite
from netopsy.core.errors import require
from netopsy.representations.information_plane.codes import Codes, numbered


@checked
def entropy_bits(counts: Tensor) -> float:
    """Entropy of a distribution given by counts or by probabilities, over all entries, in bits.

    Raises:
        InputError: a negative or no positive entry.

    >>> entropy_bits(torch.tensor([1, 1, 2]))
    1.5
    """
    check_finite(counts.double(), "counts")
    require(bool((counts >= 0).all()) and bool(counts.sum() > 0), "counts must not be negative and not all 0")
    share = counts.detach().double() / counts.sum()
    return float(-torch.special.xlogy(share, share).sum() / np.log(2)) + 0.0


@checked
def mutual_information(a: Int[Tensor, " samples"], b: Tensor) -> float:
    """Mutual information of two codes over samples of equal weight, in bits: the plug-in estimate.

    Args:
        b: another code ``[samples]``, int64; or, for a label that is only known in distribution, ``p(b|sample)``
            ``[samples, classes]`` (then ``a`` depends on ``b`` through the sample).

    Raises:
        InputError: other lengths, floating-point codes, rows that are no distributions.

    >>> mutual_information(torch.tensor([0, 0, 1, 1]), torch.tensor([1, 1, 0, 0]))
    1.0
    """
    require(not a.is_floating_point(), f"a must be whole numbers, got {a.dtype}")
    check_labels(b, len(a), "b")
    return float(label_information(numbered(a.cpu().long().numpy()[None]), b)[0])


def check_labels(labels: Tensor, samples: int, name: str) -> None:
    """Raise unless ``labels`` are one class or one distribution for each of so many samples."""
    require(labels.ndim in (1, 2), f"{name} must be [samples] or [samples, classes], got {list(labels.shape)}")
    require(len(labels) == samples > 0, f"{name} must be of the same {samples} samples, got {len(labels)}")
    if labels.ndim == 1:
        require(not labels.is_floating_point(), f"{name} must be whole numbers or p({name}|x), got {labels.dtype}")
        return
    sums = labels.double().sum(1)
    distributions = bool((labels >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-6)
    require(distributions, f"rows of {name} must be distributions that sum to 1")


def counts_of(numbers: Codes) -> NDArray[np.float64]:
    """How often each number of `numbered` codes occurs in its row: ``[rows, samples]``, 0 for those that do not."""
    return _sums(numbers, None)


def count_entropies(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Entropy of each row of counts, in bits: ``log n - sum c log c / n``."""
    samples = counts.sum(1)
    return np.log2(samples) - (counts * np.log2(np.maximum(counts, 1))).sum(1) / samples + 0.0


def joint_entropies(numbers: Codes, other: Codes) -> NDArray[np.float64]:
    """Entropy of each row of codes together with one other code ``[samples]``, in bits."""
    return count_entropies(counts_of(numbered(numbers * (int(other.max()) + 1) + other)))


def label_information(numbers: Codes, labels: Float[Tensor, "n classes"] | Int[Tensor, " n"]) -> NDArray[np.float64]:
    """``I(T;Y)`` of each row of `numbered` codes, in bits; labels are classes or distributions."""
    counts = counts_of(numbers)
    if labels.ndim == 1:
        known = torch.unique(labels.cpu(), return_inverse=True)[1].numpy()
        apart = count_entropies(np.bincount(known).astype(np.float64)[None])
        return np.maximum(count_entropies(counts) + apart - joint_entropies(numbers, known), 0.0)
    given = labels.detach().cpu().double().numpy()
    conditional = np.zeros(len(numbers))
    for column in given.T:
        mass = _sums(numbers, column)
        share = np.divide(mass, counts, out=np.ones_like(mass), where=mass > 0)
        conditional -= (mass * np.log2(share)).sum(1) / len(given)
    return np.maximum(entropy_bits(torch.from_numpy(given.mean(0))) - conditional, 0.0)


def _sums(numbers: Codes, weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
    rows, samples = numbers.shape
    places = (numbers + samples * np.arange(rows)[:, None]).ravel()
    each = None if weights is None else np.tile(weights, rows)
    return np.bincount(places, weights=each, minlength=numbers.size).reshape(numbers.shape).astype(np.float64)
