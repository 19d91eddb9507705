"""One-to-one: which unit of the other network is this one?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.batches import check_finite
from netopsy.core.errors import UnknownNameError, require

Mode = Literal["matching", "semi"]


@dataclass(frozen=True)
class Matching:
    """A partner for each unit."""

    index: Int[Tensor, "units"]
    """The partner's number; -1 where all are taken, as some are when the other network has fewer units."""
    value: Float[Tensor, "units"]
    """The correlation (or information) with the partner; NaN where there is none."""
    unused: Int[Tensor, "left"]
    """Units of the other network that are no one's partner."""

    @property
    def mean(self) -> float:
        """Of the values of the units that have a partner."""
        return float(self.value[self.index >= 0].mean())


@checked
def match_units(similarity: Float[Tensor, "units others"], mode: Mode = "matching") -> Matching:
    """Partners that make the sum of the similarities as large as can be; with "semi" each unit takes its best.

    Li et al. 2016, section 3: bipartite matching, and semi-matching, in which several may take the same partner: it is
    an upper bound for every unit, and no matching. Similarities are signed: units that are off when the other is on are
    not alike. Leave dead units out (`UnitStats.alive`) or let them match each other at 0.

    Raises:
        InputError: no unit on a side, values that are not finite, or an unknown mode.

    >>> match_units(torch.tensor([[0.9, 0.8], [0.8, 0.1]])).index.tolist()
    [1, 0]
    >>> match_units(torch.tensor([[0.9, 0.8], [0.8, 0.1]]), "semi").index.tolist()
    [0, 0]
    """
    if mode not in ("matching", "semi"):
        raise UnknownNameError("mode", mode, ("matching", "semi"))
    require(min(similarity.shape) > 0, f"similarity must have units on both sides, got {list(similarity.shape)}")
    check_finite(similarity, "similarity")
    index = torch.full((len(similarity),), -1)
    if mode == "semi":
        index = similarity.argmax(1).cpu()
    else:
        rows, columns = linear_sum_assignment(similarity.detach().cpu().double().numpy(), maximize=True)
        index[torch.from_numpy(rows)] = torch.from_numpy(columns)
    value = similarity.detach().cpu().gather(1, index.clamp(min=0)[:, None])[:, 0]
    taken = torch.zeros(similarity.shape[1], dtype=torch.bool)
    taken[index[index >= 0]] = True
    return Matching(index, torch.where(index >= 0, value, torch.nan), (~taken).nonzero()[:, 0])


@checked
def cycle_lengths(permutations: Sequence[Int[Tensor, "units"]]) -> list[int]:
    """Lengths of the cycles, longest first, of going through matchings in a loop (first network to second, ..., back).

    All are 1 where the loop brings every unit back to itself.

    Raises:
        InputError: matchings that are no permutations of the same units.

    >>> cycle_lengths([torch.tensor([1, 0, 2]), torch.tensor([0, 1, 2])])
    [2, 1]
    """
    require(len(permutations) > 0, "permutations is empty; give at least one matching")
    units = torch.arange(len(permutations[0]))
    place = units
    for permutation in permutations:
        fits = len(permutation) == len(units) and torch.equal(permutation.sort().values, units)
        require(fits, "permutations must each be a permutation of the same units, as a matching of equal widths is")
        place = permutation[place]
    left, found = set(units.tolist()), []
    while left:
        length, unit = 0, next(iter(left))
        while unit in left:
            left.discard(unit)
            unit, length = int(place[unit]), length + 1
        found.append(length)
    return sorted(found, reverse=True)
