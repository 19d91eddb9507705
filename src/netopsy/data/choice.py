"""Choosing samples so that every class keeps its share."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from netopsy.core.errors import require
from netopsy.core.seeds import generator


def interleaved(order: Int[Tensor, "n"], targets: Int[Tensor, "n"]) -> Int[Tensor, "n"]:
    """``order`` rearranged so that every stretch of it has the classes in their proportions, to within rounding.

    >>> targets = torch.tensor([0, 0, 0, 0, 1, 1])
    >>> targets[interleaved(torch.arange(6), targets)].tolist()
    [0, 1, 0, 0, 1, 0]
    """
    place = torch.empty(len(order), dtype=torch.float64)
    for label in range(int(targets.max()) + 1):
        members = torch.nonzero(targets[order] == label).flatten()
        place[members] = (torch.arange(len(members), dtype=torch.float64) + 0.5) / len(members)
    return order[place.argsort(stable=True)]


def choose(targets: Int[Tensor, "n"], limit: int | None, seed: int) -> Int[Tensor, "chosen"]:
    """At most ``limit`` samples drawn with the classes in their proportions, in rising order; all for ``None``.

    >>> targets = torch.tensor([0, 0, 0, 0, 1, 1])
    >>> targets[choose(targets, 3, seed=0)].tolist()
    [0, 0, 1]
    """
    require(
        limit is None or (isinstance(limit, int) and limit > 0), f"limit must be an int of at least 1, got {limit!r}"
    )
    if limit is None or limit >= len(targets):
        return torch.arange(len(targets))
    order = torch.randperm(len(targets), generator=generator(seed))
    return interleaved(order, targets)[:limit].sort().values
