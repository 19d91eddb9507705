"""Expected calibration error: how far confidence is from the share of right answers."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require

BINS = 15

Sample = NDArray[np.float64]


@checked
def expected_calibration_error(
    probabilities: Float[Tensor, "n classes"], labels: Int[Tensor, "n"], bins: int = BINS
) -> float:
    """The mean gap between the highest probability and the share of right answers, in bins of equal width.

    Guo et al. 2017 (arXiv 1706.04599), equation 3. A bin holds its upper end.

    Args:
        probabilities: of the classes, rows that add up to 1.
        labels: the true classes.

    Raises:
        InputError: no sample, rows that are no probabilities, labels out of range, or no bin.

    >>> import torch
    >>> always = torch.tensor([[0.9, 0.1]]).repeat(4, 1)
    >>> round(expected_calibration_error(always, torch.tensor([0, 0, 1, 1])), 3)
    0.4
    """
    require(
        probabilities.ndim == 2 and labels.ndim == 1 and 0 < len(labels) == len(probabilities),
        "probabilities must be [n, classes] and labels [n], with n of at least 1, got shapes "
        f"{tuple(probabilities.shape)} and {tuple(labels.shape)}",
    )
    require(bins > 0, f"bins must be at least 1, got {bins}")
    exact = probabilities.double()
    sound = bool((exact >= 0).all()) and bool(((exact.sum(1) - 1).abs() < 1e-2).all())
    require(sound, "probabilities must not be negative and must add up to 1 in every row: scores need a softmax first")
    low, high = int(labels.min()), int(labels.max())
    require(low >= 0 and high < exact.shape[1], f"labels must be from 0 to {exact.shape[1] - 1}, got {low} to {high}")
    confidence, answer = exact.max(1)
    return calibration_error(confidence.cpu().numpy(), (answer == labels).double().cpu().numpy(), bins)


def calibration_error(confidence: Sample, right: Sample, bins: int = BINS) -> float:
    """The same of confidences and of whether each answer is right, 0 or 1.

    >>> round(calibration_error(np.array([0.9, 0.9, 0.9, 0.9]), np.array([1.0, 1.0, 0.0, 0.0])), 3)
    0.4
    """
    gaps = np.bincount(bins_of(confidence, bins), right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))


def bins_of(confidence: Sample, bins: int = BINS) -> NDArray[np.int64]:
    """The bin of every confidence; a bin holds its upper end."""
    return np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
