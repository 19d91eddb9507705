"""How two groups pull at a network: their gradients at one point, and their losses over time."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from netopsy.core.arguments import checked
from netopsy.core.batches import check_finite
from netopsy.core.errors import require
from netopsy.core.parameters import State
from netopsy.data import Dataset
from netopsy.landscape.curvature import LossFunction, mean_gradient, sample_losses
from netopsy.landscape.opposing_signals.groups import Groups, check_groups


@dataclass(frozen=True)
class GroupReport:
    """Two groups at one point of training."""

    cosine: float
    """Between the mean gradients of the two groups; -1 where they are opposed."""
    up_norm: float
    """Length of the up group's mean gradient."""
    down_norm: float
    """Length of the down group's mean gradient."""
    whole_norm: float
    """Length of the mean gradient over all examples."""
    loss_share: float
    """Share of the total loss that both groups make up."""
    up_projection: float | None = None
    """Cosine of the up group's mean gradient with the top eigenvector, where it was given."""
    down_projection: float | None = None
    """The same of the down group."""


@checked
def group_report(
    model: nn.Module,
    data: Dataset,
    groups: Groups,
    *,
    loss: LossFunction = "cross_entropy",
    at: State | None = None,
    eigenvector: Float[Tensor, "size"] | None = None,
    batch_size: int = 1024,
) -> GroupReport:
    """Mean gradients of both groups, how they oppose each other, and their share of the loss.

    Three gradients are taken, one a group and one of all examples. Source: section 2 of the paper.

    Args:
        groups: from `opposing_groups`. Where they were chosen, in that very step, their opposition is true by
            construction: look at other steps.
        at: a state to look at, such as one of a `Trajectory`; the network's own by default.
        eigenvector: of the Hessian, from `top_eigenpairs`, to project the gradients on; its sign is arbitrary.

    Raises:
        InputError: groups that name examples which are not there, an eigenvector of another length, and what
            `mean_gradient` refuses.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> groups = Groups(torch.tensor([0, 1]), torch.tensor([2, 3]), -1, torch.zeros(20))
    >>> -1 <= group_report(mlp([64, 10]), digits()[:20], groups).cosine <= 1
    True
    """
    require(isinstance(data, Dataset), f"data must be a netopsy Dataset, got {type(data).__name__}")
    check_groups(groups, len(data))
    up, down, whole = (
        mean_gradient(model, part, loss=loss, at=at, batch_size=batch_size)
        for part in (data[groups.up], data[groups.down], data)
    )
    losses = sample_losses(model, data, loss=loss, at=at, batch_size=batch_size).double()
    check_finite(torch.cat([up, down, whole, losses.to(up)]), "the gradients or losses")
    along: list[float] = []
    if eigenvector is not None:
        fits = isinstance(eigenvector, Tensor) and eigenvector.shape == up.shape
        require(fits, f"eigenvector must be a tensor of shape {tuple(up.shape)}")
        along = [_cosine(each, eigenvector.to(each)) for each in (up, down)]
    return GroupReport(
        cosine=_cosine(up, down),
        up_norm=float(up.norm()),
        down_norm=float(down.norm()),
        whole_norm=float(whole.norm()),
        loss_share=float(losses[groups.both].sum() / losses.sum()) if losses.sum() != 0 else 0.0,
        up_projection=along[0] if along else None,
        down_projection=along[1] if along else None,
    )


@dataclass(frozen=True)
class Swings:
    """How the mean losses of two groups move over a stretch of steps."""

    correlation: float
    """Between the increments of the two; -1 where one gains what the other loses."""
    up_lag: float
    """Autocorrelation of the up group's increments from step to step; -1 where they change sign every step."""
    down_lag: float
    """The same of the down group."""


@checked
def swings(losses: Float[Tensor, "points n"], groups: Groups, *, start: int = 0, stop: int | None = None) -> Swings:
    """Correlations of the two groups' loss increments, between them and from step to step.

    At the edge of stability gradient descent changes sides with every step, so losses must be those of every step.
    Source: section 2 of the paper, figures of the groups' losses.

    Args:
        losses: of every example along training, as `record_losses` keeps them.
        groups: from `opposing_groups`.
        start, stop: rows to look at, as a slice.

    Raises:
        InputError: fewer than four rows, losses that are not finite, groups that name examples which are not there.

    >>> losses = torch.tensor([[1.0, 2.0], [2.0, 1.0], [1.0, 2.0], [2.0, 1.0]])
    >>> swings(losses, Groups(torch.tensor([0]), torch.tensor([1]), -1, torch.zeros(2))).correlation
    -1.0
    """
    matrix = isinstance(losses, Tensor) and losses.ndim == 2 and losses.is_floating_point()
    require(matrix, "losses must be floats [steps + 1, samples]")
    check_groups(groups, losses.shape[1])
    rows = losses[start:stop].double()
    require(len(rows) > 3, f"the stretch from start to stop must have at least four rows, got {len(rows)}")
    check_finite(rows, "losses")
    up, down = (rows[:, side].mean(1).diff() for side in (groups.up, groups.down))
    return Swings(_correlation(up, down), _correlation(up[1:], up[:-1]), _correlation(down[1:], down[:-1]))


def _cosine(one: Tensor, other: Tensor) -> float:
    return float(cosine_similarity(one.double(), other.double(), dim=0))


def _correlation(one: Tensor, other: Tensor) -> float:
    """Pearson's, 0 where one of the two does not vary; rounded, so that a perfect one reads as such."""
    first, second = one - one.mean(), other - other.mean()
    return round(_cosine(first, second), 12) if first.any() and second.any() else 0.0
