"""Class scores from whatever a classifier puts out: scores, or probabilities."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Kind = Literal["scores", "probabilities"]
_OFF = 1e-3
"""How far a row of probabilities may be from a sum of 1; half precision needs as much."""


def kind_of(outputs: Tensor) -> Kind:
    """Whether every row is of probabilities: none negative, and together 1. Classes are the last axis.

    >>> kind_of(torch.tensor([[0.2, 0.8], [1.0, 0.0]])), kind_of(torch.tensor([[0.2, 0.9]]))
    ('probabilities', 'scores')
    """
    rows = outputs.float()
    summed = bool((rows.sum(-1) - 1).abs().max() < _OFF)
    return "probabilities" if summed and float(rows.min()) >= 0 else "scores"


def scores_of(outputs: Tensor) -> Tensor:
    """Scores whose softmax is what the network says: logarithms of probabilities, other scores as they are.

    >>> scores_of(torch.tensor([[0.25, 0.75]])).softmax(1)
    tensor([[0.2500, 0.7500]])
    """
    return outputs if kind_of(outputs) == "scores" else log_of(outputs)


def log_of(probabilities: Tensor) -> Tensor:
    """The logarithm, finite at 0."""
    return probabilities.clamp_min(torch.finfo(probabilities.dtype).tiny).log()
