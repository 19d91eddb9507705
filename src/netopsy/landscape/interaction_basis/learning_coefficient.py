"""The local learning coefficient, estimated by Langevin dynamics around a minimum."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import vmap

from netopsy.core.arguments import checked
from netopsy.core.batches import finite
from netopsy.core.computed import call_with
from netopsy.core.errors import InputError, require
from netopsy.core.outputs import single_output
from netopsy.core.parameters import flatten, unflatten
from netopsy.core.progress import track
from netopsy.core.seeds import generator
from netopsy.data import Dataset
from netopsy.landscape.curvature import LossFunction, sample_losses
from netopsy.landscape.curvature.loss import Losses, twice_differentiable
from netopsy.landscape.interaction_basis.sections import check_count


@dataclass(frozen=True, eq=False)
class LearningCoefficient:
    """An estimate with one value a chain behind it."""

    mean: float
    std: float
    """Over the chains; NaN for a single one."""
    chains: Float[Tensor, "chains"]
    trace: Float[Tensor, "draws chains"]
    """The loss along each chain, burn-in included."""


@checked
def local_learning_coefficient(
    model: nn.Module,
    data: Dataset,
    *,
    loss: LossFunction = "cross_entropy",
    n_beta: float | int | None = None,
    gamma: float | int = 1.0,
    step: float | int = 1e-4,
    chains: int = 4,
    draws: int = 500,
    burn_in: int | None = None,
    batch_size: int | None = None,
    seed: int | torch.Generator = 0,
) -> LearningCoefficient:
    """How fast the volume of parameters around these grows with the loss that they may have: ``n beta (E[L(w)] - L*)``.

    The mean is over Langevin dynamics in the potential ``n beta L(w) + gamma/2 |w - w*|^2``. It is half the number of
    parameters at a regular minimum, and less where directions are degenerate. It depends on the temperature, on the
    localisation and on the step, which must be small against ``2 / (n beta)`` over the largest curvature: look at
    ``trace``, which has to be level after the burn-in.

    Source: Lau et al. 2023 (The local learning coefficient), the estimator that the paper names for degeneracy beyond
    second order.

    Args:
        data: with `netopsy.landscape.interaction_basis.behaviour` and ``loss=distance`` it is the behavioural loss.
        loss: a loss by name, or a function of outputs and targets that gives one number a sample.
        n_beta: inverse temperature times samples; by default ``n / log n``.
        gamma: how strongly the chains are held to where they start.
        step: of the dynamics.
        chains: run side by side.
        draws: steps of each chain.
        burn_in: draws that do not count; by default a fifth.
        batch_size: samples drawn for each step's gradient; by default all.
        seed: for the noise.

    Raises:
        InputError: a number out of range, a network that does not run on the data, or chains that diverge.

    >>> x = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    >>> found = local_learning_coefficient(
    ...     nn.Linear(2, 1, bias=False), Dataset(x, torch.zeros(2, 1)), loss="mse", n_beta=100.0, step=1e-3, gamma=0.0,
    ...     draws=20,
    ... )
    >>> found.trace.shape
    torch.Size([20, 4])
    """
    _check(gamma, step, n_beta, chains, draws, batch_size)
    own = Losses(model, data, loss)
    start = {name: value.detach() for name, value in own.parameters.items()}
    random = generator(seed)
    inputs, targets = data.inputs.to(own.device), data.targets.to(own.device)
    beta = len(data) / math.log(max(len(data), 2)) if n_beta is None else float(n_beta)
    center = flatten(start)
    noise = math.sqrt(step)

    def mean_loss(point: Tensor, x: Tensor, y: Tensor) -> Tensor:
        outputs = single_output(call_with(model, {**own.fixed, **unflatten(point, start)}, x))
        return own.losses(outputs, y).mean()

    along = vmap(mean_loss, (0, None, None), randomness="different")
    points, trace = center.repeat(chains, 1), []
    with twice_differentiable(model):
        least = float(sample_losses(model, data, loss=loss).double().mean())
        for _ in track(range(draws), "Langevin dynamics"):
            x, y = _drawn(inputs, targets, batch_size, random)
            values = along(points.requires_grad_(), x, y)
            [slopes] = torch.autograd.grad(values.sum(), [points])
            if not finite(values):
                raise InputError(f"the chains diverge: choose a smaller step than {step:g}, or a larger gamma")
            trace.append(values.detach().double())
            drawn = torch.randn(points.shape, generator=random, device=random.device, dtype=points.dtype)
            points = points.detach()
            points = points - step / 2 * (beta * slopes + gamma * (points - center)) + noise * drawn.to(points)
    losses = torch.stack(trace).cpu()
    kept = losses[draws // 5 if burn_in is None else burn_in :]
    require(len(kept) > 0, f"burn_in must leave some of {draws} draws, got {burn_in}")
    found = beta * (kept.mean(0) - least)
    return LearningCoefficient(float(found.mean()), float(found.std()) if chains > 1 else math.nan, found, losses)


def _drawn(inputs: Tensor, targets: Tensor, size: int | None, random: torch.Generator) -> tuple[Tensor, Tensor]:
    if size is None or size >= len(inputs):
        return inputs, targets
    some = torch.randperm(len(inputs), generator=random, device=random.device)[:size].to(inputs.device)
    return inputs[some], targets[some]


def _check(
    gamma: float | int,
    step: float | int,
    n_beta: float | int | None,
    chains: int,
    draws: int,
    batch_size: int | None,
) -> None:
    for name, value in (("chains", chains), ("draws", draws), ("batch_size", batch_size)):
        check_count(name, value, optional=name == "batch_size")
    require(0 <= gamma < math.inf, f"gamma must be finite and not negative, got {gamma}")
    require(0 < step < math.inf, f"step must be positive and finite, got {step}")
    require(n_beta is None or 0 < n_beta < math.inf, f"n_beta must be positive and finite, got {n_beta}")
