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
from netopsy.representations.information_plane.codes import Codes, ranks


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
    return float(label_information(a.cpu().numpy()[None], b)[0])


def check_labels(labels: Tensor, samples: int, name: str) -> None:
    """Raise unless ``labels`` are one class or one distribution for each of so many samples."""
    require(len(labels) == samples > 0, f"{name} must be of the same {samples} samples, got {len(labels)}")
    if labels.ndim == 1:
        require(not labels.is_floating_point(), f"{name} must be whole numbers or p({name}|x), got {labels.dtype}")
        return
    require(labels.ndim == 2, f"{name} must be [samples] or [samples, classes], got {list(labels.shape)}")
    sums = labels.double().sum(1)
    distributions = bool((labels >= 0).all()) and torch.allclose(sums, torch.ones_like(sums), atol=1e-6)
    require(distributions, f"rows of {name} must be distributions that sum to 1")


def code_entropies(codes: Codes) -> NDArray[np.float64]:
    """Entropy of each row ``[rows, samples]``, in bits."""
    return _of_sorted(np.sort(codes, axis=1))


def _of_sorted(ordered: Codes) -> NDArray[np.float64]:
    """From the lengths of runs: ``log n - sum c log c / n``."""
    rows, samples = ordered.shape
    starts = np.ones(ordered.shape, dtype=bool)
    starts[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    places = np.flatnonzero(starts)
    counts = np.diff(places, append=rows * samples)
    sums = np.bincount(places // samples, weights=counts * np.log2(counts), minlength=rows)
    return np.log2(samples) - sums / samples + 0.0


def occupied(codes: Codes) -> NDArray[np.int64]:
    """How many different codes each row holds."""
    ordered = np.sort(codes, axis=1)
    return 1 + (ordered[:, 1:] != ordered[:, :-1]).sum(1)


def label_information(codes: Codes, labels: Float[Tensor, "n classes"] | Int[Tensor, " n"]) -> NDArray[np.float64]:
    """``I(T;Y)`` of each row of codes, in bits; labels are classes or distributions."""
    if labels.ndim == 1:
        known = torch.unique(labels.cpu(), return_inverse=True)[1].numpy()
        joint = ranks(codes) * (int(known.max()) + 1) + known
        return np.maximum(code_entropies(codes) + code_entropies(known[None]) - code_entropies(joint), 0.0)
    given = labels.detach().cpu().double().numpy()
    numbered, samples = ranks(codes), codes.shape[1]
    shifted = (numbered + samples * np.arange(len(codes))[:, None]).ravel()
    counts = np.bincount(shifted, minlength=codes.size).reshape(codes.shape)
    conditional = np.zeros(len(codes))
    for column in given.T:
        mass = np.bincount(shifted, weights=np.tile(column, len(codes)), minlength=codes.size).reshape(codes.shape)
        share = np.divide(mass, counts, out=np.ones_like(mass), where=mass > 0)
        conditional -= (mass * np.log2(share)).sum(1) / samples
    marginal = given.mean(0)
    whole = -(marginal * np.log2(np.where(marginal > 0, marginal, 1.0))).sum()
    return np.maximum(whole - conditional, 0.0)
