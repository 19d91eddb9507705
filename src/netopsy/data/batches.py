"""Which samples make up which batch: a pure function of seed and step, so that training resumes anywhere."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import derive


@checked
def epoch_order(n: int, seed: int, epoch: int) -> Int[Tensor, "n"]:
    """A permutation of ``n`` samples that depends on ``seed`` and ``epoch`` alone.

    >>> bool((epoch_order(5, 0, 3) == epoch_order(5, 0, 3)).all())
    True
    """
    require(n > 0, f"n must be at least 1, got {n}")
    require(epoch >= 0, f"epoch must not be negative, got {epoch}")
    return torch.randperm(n, generator=torch.Generator().manual_seed(derive(seed, "epoch", epoch)))


@checked
def batches_per_epoch(n: int, batch_size: int) -> int:
    """How many full batches there are in ``n`` samples; 1 when the whole set is smaller than a batch.

    >>> batches_per_epoch(10, 4), batches_per_epoch(3, 4)
    (2, 1)
    """
    require(n > 0, f"n must be at least 1, got {n}")
    require(batch_size > 0, f"batch_size must be at least 1, got {batch_size}")
    return max(1, n // batch_size)


@checked
def batch_indices(n: int, batch_size: int, seed: int, step: int) -> Int[Tensor, "batch"]:
    """The samples of the batch at a global ``step``, counted from 0 over all epochs.

    The last, partial batch of an epoch is dropped; a set smaller than a batch is one batch.

    >>> epoch = torch.cat([batch_indices(6, 2, seed=0, step=step) for step in (3, 4, 5)])
    >>> epoch.sort().values.tolist()
    [0, 1, 2, 3, 4, 5]
    """
    return next(index_batches(n, batch_size, seed, start=step))


@checked
def index_batches(n: int, batch_size: int, seed: int, start: int = 0) -> Iterator[Int[Tensor, "batch"]]:
    """`batch_indices` of ``start``, ``start + 1``, ... without end, drawing each epoch's order once."""
    require(start >= 0, f"step must not be negative, got {start}")
    epoch, place = divmod(start, batches_per_epoch(n, batch_size))
    while True:
        order = epoch_order(n, seed, epoch)
        for first in range(place * batch_size, max(1, n - batch_size + 1), batch_size):
            yield order[first : first + batch_size]
        epoch, place = epoch + 1, 0
