"""Random groups to compare with, of the same classes: different classes oppose each other anyway."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import generator
from netopsy.landscape.opposing_signals.groups import Groups, check_groups


@checked
def class_matched_controls(
    labels: Int[Tensor, "n"], groups: Groups, *, draws: int = 5, seed: int | torch.Generator = 0
) -> list[Groups]:
    """Random groups with as many examples of each class as the groups have, without their members.

    Args:
        labels: the class of every example.
        groups: from `opposing_groups`.
        draws: how many pairs of random groups.
        seed: for the draws.

    Raises:
        InputError: labels that are no class numbers or too few, or a class with too few other examples.

    >>> groups = Groups(torch.tensor([0]), torch.tensor([1]), 0, torch.zeros(6))
    >>> [control] = class_matched_controls(torch.tensor([0, 1, 0, 1, 2, 2]), groups, draws=1)
    >>> control.up.tolist(), control.down.tolist()
    ([2], [3])
    """
    whole = isinstance(labels, Tensor) and labels.ndim == 1 and not labels.is_floating_point()
    require(whole, "labels must be one class number an example")
    check_groups(groups, len(labels))
    require(isinstance(draws, int) and draws > 0, f"draws must be an int of at least 1, got {draws!r}")
    random, labels = generator(seed), labels.cpu()
    free = torch.ones(len(labels), dtype=torch.bool)
    free[groups.both] = False
    others = {number: (free & (labels == number)).nonzero()[:, 0] for number in labels[groups.both].unique().tolist()}
    for number, rest in others.items():
        wanted = int((labels[groups.both] == number).sum())
        require(
            wanted <= len(rest),
            f"class {number} has {len(rest)} examples beside the groups', but {wanted} are wanted: choose a smaller k",
        )
    found = []
    for _ in range(draws):
        drawn = {number: iter(rest[torch.randperm(len(rest), generator=random)]) for number, rest in others.items()}
        up, down = (torch.stack([next(drawn[int(labels[i])]) for i in side]) for side in (groups.up, groups.down))
        found.append(Groups(up, down, -1, groups.delta))
    return found
