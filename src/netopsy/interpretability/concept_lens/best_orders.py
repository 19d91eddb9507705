"""The best order of the concepts there is, over all orders: what scores are to be held against."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.interpretability.concept_lens.masking import every_subset, masked_scores


def best_orders(
    function: Callable[[Tensor], Tensor], codes: Tensor
) -> tuple[Float[Tensor, "batch"], Float[Tensor, "batch"]]:
    """The lowest mean of the deletion curve and the highest of the insertion curve over all orders of the concepts.

    >>> best_orders(lambda codes: codes.sum(-1), torch.tensor([[1.0, 3.0]]))
    (tensor([1.6667]), tensor([2.3333]))
    """
    concepts = codes.shape[-1]
    values = masked_scores(function, codes, every_subset(concepts, codes)[None], 4096)
    orders = torch.tensor(list(itertools.permutations(range(concepts))), device=codes.device)
    without = torch.zeros(len(orders), concepts + 1, dtype=torch.int64, device=codes.device)
    without[:, 1:] = (2**orders).cumsum(1)
    kept = 2**concepts - 1 - without
    return values[:, kept].mean(2).amin(1), values[:, without].mean(2).amax(1)
