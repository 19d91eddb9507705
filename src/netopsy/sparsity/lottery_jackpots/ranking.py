"""Which entries change sides: for the rows of a table at once, without sorting them."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netopsy.sparsity.largest import largest


def swapped(
    kept: Bool[Tensor, "rows n"],
    scores: Float[Tensor, "rows n"],
    zeros: Int[Tensor, "rows"],
    share: Float[Tensor, "rows"],
) -> tuple[Bool[Tensor, "rows n"], Int[Tensor, "rows"], Int[Tensor, "rows"]]:
    """The masks after one exchange, the pairs that the scores ask for, and those that were exchanged.

    The scores ask for a mask without the ``zeros[r]`` lowest entries of row r. Of the q pairs in which it differs from
    ``kept``, ``ceil(q * share[r])`` are exchanged: the removed entries of the highest scores for the kept entries of
    the lowest. As many enter as leave.
    """
    counts = (kept.shape[1] - zeros).tolist()
    wanted = torch.stack([largest(row, count) for row, count in zip(scores, counts, strict=True)])
    entering = wanted & ~kept
    pairs = entering.sum(1)
    allowed = (pairs * share).ceil().long()
    if torch.equal(allowed, pairs):
        return wanted, pairs, allowed
    leaving = kept & ~wanted
    return kept ^ _first(entering, -scores, allowed) ^ _first(leaving, scores, allowed), pairs, allowed


def _first(
    eligible: Bool[Tensor, "rows n"], values: Float[Tensor, "rows n"], counts: Int[Tensor, "rows"]
) -> Bool[Tensor, "rows n"]:
    """True at the ``counts[r]`` eligible entries of row r with the lowest values; only these few are sorted."""
    rows, columns = eligible.nonzero(as_tuple=True)
    order = values[rows, columns].argsort(stable=True)
    order = order[rows[order].argsort(stable=True)]
    rows, columns = rows[order], columns[order]
    each = eligible.sum(1)
    rank = torch.arange(len(rows), device=rows.device) - (each.cumsum(0) - each)[rows]
    chosen = rank < counts[rows]
    found = torch.zeros_like(eligible)
    found[rows[chosen], columns[chosen]] = True
    return found
