"""What projection during training is compared with: the smallest weights taken away once, after training."""

from __future__ import annotations

from torch import nn

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.modes import check_model
from netopsy.graphs.teddy.projection import Include, L0Projection


@checked
def magnitude_pruned(model: nn.Module, sparsity: float, *, include: Include = lambda name, p: True) -> nn.Module:
    """A copy of a trained network without its smallest weights, over all tensors together; not trained any further.

    Raises:
        InputError: no network, a share out of range, or no weights.

    >>> pruned = magnitude_pruned(nn.Linear(4, 2, bias=False), 0.75)
    >>> int((pruned.weight == 0).sum())
    6
    """
    check_model(model)
    pruned = copied(model)
    L0Projection(pruned, sparsity, include=include).project()
    return pruned
