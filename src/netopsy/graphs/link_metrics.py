"""How well scores tell links from pairs that are none: AUC, average precision, hits at K and mean reciprocal rank."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require

LinkScores = Float[Tensor, "links"]
OtherScores = Float[Tensor, "others"]


@checked
def hits_at_k(pos: LinkScores, neg: OtherScores, k: int) -> float:
    """The share of links that score strictly above the k-th best of the pairs that are none.

    Raises:
        InputError: k below 1 or above the number of such pairs, no link, or scores that are NaN.

    Source: Hu et al. 2020, Open Graph Benchmark (arXiv 2005.00687).

    >>> hits_at_k(torch.tensor([0.9, 0.4]), torch.tensor([0.8, 0.5, 0.3]), 2)
    0.5
    """
    _check_one_list(pos, neg)
    require(isinstance(k, int) and 1 <= k <= len(neg), f"k must be from 1 to {len(neg)}, the negatives, got {k!r}")
    return float((pos > neg.topk(k).values[-1]).double().mean())


@checked
def mrr(pos: LinkScores, neg: OtherScores | Float[Tensor, "links others"]) -> float:
    """The mean over links of 1 / rank among the pairs that are none: all of them, or for each link its own row.

    Of equal scores a link is given the middle rank.

    Raises:
        InputError: no link, no other pair, or scores that are NaN.

    >>> round(mrr(torch.tensor([0.9, 0.4]), torch.tensor([0.8, 0.5, 0.3])), 4)
    0.6667
    """
    _check(pos, neg)
    if neg.ndim == 2:
        require(len(neg) == len(pos), f"neg must have a row for each of {len(pos)} links, got {len(neg)}")
        above, not_below = (neg > pos[:, None]).sum(1), (neg >= pos[:, None]).sum(1)
    else:
        ordered = neg.sort().values
        above = len(neg) - torch.searchsorted(ordered, pos, right=True)
        not_below = len(neg) - torch.searchsorted(ordered, pos)
    return float((1 / (1 + 0.5 * (above + not_below).double())).mean())


def auc(pos: LinkScores, neg: OtherScores) -> float:
    """Area under the ROC curve: how often a link scores above another pair, ties counting half.

    >>> auc(torch.tensor([0.9, 0.4]), torch.tensor([0.5]))
    0.5
    """
    _check_one_list(pos, neg)
    ordered = neg.sort().values
    below = torch.searchsorted(ordered, pos) + torch.searchsorted(ordered, pos, right=True)
    return float(below.double().mean() / (2 * len(neg)))


def average_precision(pos: LinkScores, neg: OtherScores) -> float:
    """Average precision: the mean over links of the precision among all pairs that score no lower.

    >>> round(average_precision(torch.tensor([0.9, 0.4]), torch.tensor([0.5])), 4)
    0.8333
    """
    _check_one_list(pos, neg)
    links = len(pos) - torch.searchsorted(pos.sort().values, pos)
    others = len(neg) - torch.searchsorted(neg.sort().values, pos)
    return float((links.double() / (links + others)).mean())


def link_metrics(pos: LinkScores, neg: OtherScores, ks: Sequence[int] = (20, 50, 100)) -> dict[str, float]:
    """All of them by name: "AUC", "AP", "MRR", and "Hits@K" for each K for which there are enough other pairs."""
    _check_one_list(pos, neg)
    every = {"AUC": auc(pos, neg), "AP": average_precision(pos, neg), "MRR": mrr(pos, neg)}
    return every | {f"Hits@{k}": hits_at_k(pos, neg, k) for k in ks if k <= len(neg)}


def _check_one_list(pos: Tensor, neg: Tensor) -> None:
    _check(pos, neg)
    require(
        neg.ndim == 1,
        f"neg must be the scores [others] of pairs that all links are compared with, got {tuple(neg.shape)}; only mrr "
        "takes a row for each link",
    )


def _check(pos: Tensor, neg: Tensor) -> None:
    require(pos.ndim == 1 and len(pos) > 0, f"pos must be the scores of at least one link, got {tuple(pos.shape)}")
    require(
        neg.ndim in (1, 2) and neg.shape[-1] > 0, f"neg must be the scores of at least one pair, got {tuple(neg.shape)}"
    )
    require(not (pos.isnan().any() or neg.isnan().any()), "scores must be numbers, got NaN")
