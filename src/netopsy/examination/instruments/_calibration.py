"""How sure a calibration error is, and the temperature that lowers it."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.calibration import Sample, calibration_error
from netopsy.core.seeds import derive

RESAMPLES = 1000
COLDEST, HOTTEST = 0.05, 20.0
"""Temperatures that are tried."""


def error_interval(confidence: Sample, right: Sample, seed: int) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of the calibration error."""
    random = np.random.default_rng(derive(seed, "calibration"))
    errors = []
    for _ in range(RESAMPLES):
        chosen = random.integers(len(right), size=len(right))
        errors.append(calibration_error(confidence[chosen], right[chosen]))
    low, high = np.quantile(errors, [0.025, 0.975])
    return float(low), float(high)


def error_by_chance(confidence: Sample, seed: int) -> float:
    """What a perfectly calibrated network with these confidences stays under in 95 of 100 samples of this size."""
    random = np.random.default_rng(derive(seed, "chance"))
    errors = [
        calibration_error(confidence, (random.random(len(confidence)) < confidence).astype(np.float64))
        for _ in range(RESAMPLES)
    ]
    return float(np.quantile(errors, 0.95))


def best_temperature(scores: Float[Tensor, "n classes"], labels: Int[Tensor, "n"]) -> float:
    """The number that scores are divided by for the least negative log-likelihood (Guo et al. 2017, section 4.2)."""
    from scipy.optimize import minimize_scalar

    exact = scores.double()

    def loss(log_temperature: float) -> float:
        return float(torch.nn.functional.cross_entropy(exact / np.exp(log_temperature), labels))

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def error_when_scaled(scores: Float[Tensor, "n classes"], labels: Int[Tensor, "n"]) -> float:
    """The calibration error after scaling, each half of the samples by the temperature that is best for the other."""
    confidence = np.empty(len(labels))
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    halves = order.tensor_split(2)
    for half, other in (halves, halves[::-1]):
        temperature = best_temperature(scores[other], labels[other])
        confidence[half.numpy()] = (scores[half].double() / temperature).softmax(1).amax(1).numpy()
    return calibration_error(confidence, (scores.argmax(1) == labels).double().numpy())
