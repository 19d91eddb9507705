"""A trained network with another head: what lies below stays as it was."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

from netopsy.core.seeds import generator


def other_heads(model: nn.Module, seed: int) -> Iterator[tuple[str, nn.Module]]:
    """The network with its last linear layer drawn anew, with its classes permuted, and without it."""
    random = generator(seed)
    for change in ("randomised", "permuted", "deleted"):
        other: Any = copy.deepcopy(model)
        head = other.output
        order = torch.randperm(head.out_features, generator=random).to(head.weight.device)
        with torch.no_grad():
            for value in (head.weight, head.bias):
                fresh = torch.randn(value.shape, generator=random).to(value)
                value.copy_(fresh if change == "randomised" else value[order])
        if change == "deleted":
            other.output = nn.Identity()
        yield change, other
