"""The same network before any training."""

from __future__ import annotations

import torch
from torch import nn

from netopsy.core.seeds import derive, generator
from netopsy.examination.subject import Subject
from netopsy.sparsity.lottery_ticket.controls import reinitialise


def untrained(subject: Subject) -> nn.Module:
    """With weights drawn anew; the entries of those that no layer draws (attention, tokens, masked) are shuffled."""
    trained, seed = subject.in_single_precision.model, derive(subject.seed, "untrained")
    fresh = reinitialise(trained, init=subject.initialiser, seed=seed)
    random = generator(seed)
    with torch.no_grad():
        for before, weight in zip(trained.parameters(), fresh.parameters(), strict=True):
            if torch.equal(before, weight):
                weight.copy_(before.flatten()[torch.randperm(before.numel(), generator=random)].view_as(before))
    return fresh
