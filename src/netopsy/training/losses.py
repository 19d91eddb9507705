"""Losses a sample, by name."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor
from torch.nn import functional as F


def cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of logits ``[batch, classes]`` against class numbers ``[batch]``."""
    return F.cross_entropy(outputs, targets, reduction="none")


def binary_cross_entropy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy of logits against 0/1 labels of the same shape, averaged over a sample's labels."""
    return F.binary_cross_entropy_with_logits(outputs, targets, reduction="none").flatten(1).mean(1)


def squared_error(outputs: Tensor, targets: Tensor) -> Tensor:
    """Squared error, averaged over a sample's outputs."""
    return (outputs - targets.view_as(outputs)).square().flatten(1).mean(1)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy": cross_entropy,
    "bce": binary_cross_entropy,
    "mse": squared_error,
}
