"""What the two ends of a line say about the barrier between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.parameters import State
from netopsy.data import Dataset
from netopsy.landscape.curvature.loss import Losses, LossFunction, twice_differentiable
from netopsy.landscape.linear_mode_connectivity.parts import entries_of
from netopsy.landscape.linear_mode_connectivity.states import check_ends, outputs_at


@dataclass(frozen=True)
class BarrierEstimate:
    """First and second derivative of the loss along the line, at both ends."""

    slopes: tuple[float, float]
    """By the share of the way, at its start and its end."""
    curvatures: tuple[float, float]
    """Second derivatives: the squared distance times the Hessian's Rayleigh quotient along the line."""
    squared_distance: float
    """Of the two networks, over the parameters that move."""

    @property
    def taylor(self) -> float:
        """The estimate half way from second-order Taylor expansions at both ends: ``at(0.5)``."""
        return self.at(0.5)

    @property
    def hermite(self) -> float:
        """The estimate half way of the polynomial of degree 5 with these derivatives: exact for those."""
        return 5 / 32 * (self.slopes[0] - self.slopes[1]) + sum(self.curvatures) / 64

    def at(self, share: float) -> float:
        """``t (1 - t) (s0 - s1) + t (1 - t) ((1 - t) c0 + t c1) / 2``: both expansions, mixed by ``t``."""
        weight = share * (1 - share)
        mixed = (1 - share) * self.curvatures[0] + share * self.curvatures[1]
        return weight * (self.slopes[0] - self.slopes[1] + mixed / 2)


@checked
def barrier_estimate(
    model: nn.Module,
    a: State,
    b: State,
    data: Dataset,
    *,
    layers: Sequence[str] | None = None,
    loss: LossFunction = "cross_entropy",
    batch_size: int = 1024,
) -> BarrierEstimate:
    """The barrier between two states, estimated from derivatives at the two alone.

    At two minima the slopes vanish, and ``taylor`` is the sum of both curvatures over 16: at most the largest Hessian
    eigenvalue times the squared distance over 8. The derivatives are those by the share of the way, one number, so
    that no Hessian is needed. Networks run in evaluation mode; batch norms keep the statistics of their end.

    Source: the kind of estimate that the paper analyses; its exact statement is unconfirmed, and this derivation ours.

    Args:
        layers: modules whose parameters move, all others staying those of their end: the estimate of
            `layerwise_barrier`; by default all of them.

    The other arguments are those of `netopsy.landscape.curvature.sample_losses`.

    Raises:
        InputError: states with other names or shapes, an unknown layer or one without parameters, a network in half
            precision.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> a, b = (mlp([64, 8, 10], seed=seed).state_dict() for seed in (0, 1))
    >>> found = barrier_estimate(mlp([64, 8, 10]), a, b, digits()[:50])
    >>> found.taylor == found.at(0.5), found.squared_distance > 0
    (True, True)
    """
    check_ends(a, b)
    moving = set(entries_of(model, layers)) if layers is not None else set(dict(model.named_parameters()))
    ends = [_derivatives(Losses(model, data, loss, at=end, batch_size=batch_size), a, b, moving) for end in (a, b)]
    distance = sum(float((b[name] - a[name]).double().square().sum()) for name in moving & set(a))
    (first, second), (third, fourth) = ends
    return BarrierEstimate((first, third), (second, fourth), distance)


def _derivatives(own: Losses, a: State, b: State, moving: set[str]) -> tuple[float, float]:
    """Slope and curvature of the mean loss where ``own`` stands."""
    moves = {name: (b[name] - a[name]).to(value) for name, value in own.parameters.items() if name in moving}
    require(moves, "the layers have no parameters that could move")
    fixed = {name: value.detach() for name, value in own.state.items()}
    slope = curvature = 0.0
    with twice_differentiable(own.model):
        for inputs, targets in own.batches():
            some = next(iter(moves.values()))
            share = torch.zeros((), dtype=some.dtype, device=some.device, requires_grad=True)
            place = {**fixed, **{name: fixed[name] + share * move for name, move in moves.items()}}
            mean = own.losses(outputs_at(own, place, inputs), targets).sum() / len(own.data)
            if not mean.requires_grad:
                continue
            (first,) = torch.autograd.grad(mean, share, create_graph=True)
            slope += float(first.detach())
            if first.requires_grad:
                (second,) = torch.autograd.grad(first, share, materialize_grads=True, allow_unused=True)
                curvature += float(second.detach())
    return slope, curvature
