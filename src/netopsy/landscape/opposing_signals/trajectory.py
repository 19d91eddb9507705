"""The loss of every example along training, with states and sharpness on the way."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from netopsy.core.arguments import checked
from netopsy.core.batches import finite
from netopsy.core.drawing import INK, PALETTE, panel
from netopsy.core.errors import InputError, require
from netopsy.core.modes import evaluating
from netopsy.core.progress import track
from netopsy.data import Dataset
from netopsy.landscape.curvature import LossFunction, hessian, top_eigenpairs
from netopsy.landscape.curvature.loss import Losses

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MakeOptimizer = Callable[[Iterable[Tensor]], torch.optim.Optimizer]


@dataclass(frozen=True, eq=False)
class Trajectory:
    """What full-batch training left behind."""

    losses: Float[Tensor, "points samples"]
    """Loss of every example before the first step, and after each."""
    states: dict[int, dict[str, Tensor]]
    """Steps done to parameters and buffers, on the CPU; the last one is always there."""
    sharpness: dict[int, float]
    """Steps done to the largest eigenvalue of the mean loss's Hessian."""
    lr: float
    """Learning rate; beyond ``2 / lr`` of sharpness gradient descent is unstable."""
    samples: Tensor
    """Which examples the columns of ``losses`` are."""
    mean: Float[Tensor, "points"]
    """The mean loss over all examples, whichever are kept."""

    @property
    def state(self) -> dict[str, Tensor]:
        """After the last step."""
        return self.states[len(self.losses) - 1]

    def plot(self, ax: Axes | None = None) -> Axes:
        """The mean loss against steps, with the sharpness on an axis of its own where it was measured."""
        axes = panel(ax)
        axes.semilogy(self.mean, color=PALETTE[0])
        axes.set(xlabel="steps", ylabel="mean loss")
        if self.sharpness:
            beside = axes.twinx()
            beside.plot(list(self.sharpness), list(self.sharpness.values()), "o-", color=PALETTE[1], markersize=3)
            beside.axhline(2 / self.lr, color=INK, linestyle="--", linewidth=1)
            beside.set_ylabel("sharpness", color=PALETTE[1])
            beside.grid(visible=False)
        return axes


@checked
def record_losses(
    model: nn.Module,
    data: Dataset,
    *,
    lr: float | int,
    steps: int,
    loss: LossFunction = "cross_entropy",
    optimizer: MakeOptimizer | None = None,
    snapshot_every: int | None = None,
    sharpness_every: int | None = None,
    samples: Sequence[int] | None = None,
    at: dict[str, Tensor] | None = None,
    batch_size: int = 1024,
) -> Trajectory:
    """Train by full-batch gradient descent and keep the loss of every example after every step.

    The losses come from the forward pass that the step needs anyway. A copy is trained, in evaluation mode, so that
    examples do not depend on one another and nothing is random: batch norms keep their statistics, of which a warning
    tells. The sharpness is found by Lanczos iterations that start from the last eigenvector.

    Source: section 2 of the paper.

    Args:
        model: where training starts; it is left as it was.
        lr: learning rate of gradient descent; with ``optimizer`` it only names the threshold ``2 / lr``.
        steps: how many.
        loss: a loss by name, or a function of outputs and targets that gives one number a sample.
        optimizer: makes another optimiser from the parameters, such as
            ``lambda parameters: SplitSGD(parameters, 0.1, 0.001)``.
        snapshot_every: keep the state every so many steps, the start included.
        sharpness_every: measure the sharpness every so many steps, the start included.
        samples: keep the losses of these examples only, for data too large to keep all.
        at: a state to start from instead of the model's own, such as one of a `Trajectory`.
        batch_size: examples that go through together; the step is always over all.

    Raises:
        InputError: numbers out of range, a network that does not run on the data or has no parameters, a loss that is
            reduced over samples, or training that diverges.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> run = record_losses(mlp([64, 10]), digits()[:50], lr=0.1, steps=5, sharpness_every=5)
    >>> tuple(run.losses.shape), sorted(run.sharpness)
    ((6, 50), [0, 5])
    """
    require(lr > 0 and lr < float("inf"), f"lr must be positive and finite, got {lr}")
    for name, every in (("steps", steps), ("snapshot_every", snapshot_every), ("sharpness_every", sharpness_every)):
        whole = isinstance(every, int) and not isinstance(every, bool) and every > 0
        require(whole or (every is None and name != "steps"), f"{name} must be an int of at least 1, got {every!r}")
    own = Losses(model, data, loss, at=at, batch_size=batch_size)
    _warn_of_batch_norms(model)
    kept = _chosen(samples, len(data))
    parameters = list(own.parameters.values())
    step_with = partial(_descended, parameters, float(lr)) if optimizer is None else _made(optimizer, parameters).step
    rows, means, states, sharpness = [], [], {}, {}
    top: Tensor | None = None
    with torch.inference_mode(False), torch.enable_grad(), evaluating(model):
        for step in track(range(steps + 1), "training"):
            losses = _descend(own, backward=step < steps)
            if not finite(losses):
                raise InputError(f"the loss is not finite after {step} steps: lr={lr} is too large, or the data is")
            rows.append(losses[kept].cpu())
            means.append(losses.double().mean().item())
            if step == steps or (snapshot_every and step % snapshot_every == 0):
                states[step] = {name: value.detach().to("cpu", copy=True) for name, value in own.state.items()}
            if sharpness_every and step % sharpness_every == 0:
                here = hessian(model, data, loss=loss, at=own.state, batch_size=batch_size)
                found = top_eigenpairs(here, v0=top)
                top, sharpness[step] = found.vectors[:, 0], found.values.item()
            if step < steps:
                step_with()
    return Trajectory(torch.stack(rows), states, sharpness, float(lr), kept, torch.tensor(means))


def _descend(own: Losses, *, backward: bool) -> Tensor:
    """The loss of every example, and the gradient of their mean left in the parameters."""
    for parameter in own.parameters.values():
        parameter.grad = None
    every = []
    for inputs, targets in own.batches():
        with torch.set_grad_enabled(backward):
            losses = own.losses(own.outputs(inputs), targets)
        if backward:
            require(losses.requires_grad, "the loss does not depend on the network's parameters")
            (losses.sum() / len(own.data)).backward()
        every.append(losses.detach())
    return torch.cat(every)


@torch.no_grad()
def _descended(parameters: list[Tensor], lr: float) -> None:
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.sub_(parameter.grad, alpha=lr)


def _made(optimizer: MakeOptimizer, parameters: list[Tensor]) -> torch.optim.Optimizer:
    require(callable(optimizer), f"optimizer must make one from the parameters, got {type(optimizer).__name__}")
    found = optimizer(parameters)
    got = type(found).__name__
    require(isinstance(found, torch.optim.Optimizer), f"optimizer must return a torch.optim.Optimizer, got {got}")
    return found


def _chosen(samples: Sequence[int] | None, count: int) -> Tensor:
    if samples is None:
        return torch.arange(count)
    kept = torch.as_tensor(samples)
    inside = (
        kept.ndim == 1 and len(kept) > 0 and not kept.is_floating_point() and kept.min() >= 0 and kept.max() < count
    )
    require(inside, f"samples must be indices from 0 to {count - 1}, at least one")
    return kept.long()


def _warn_of_batch_norms(model: nn.Module) -> None:
    if any(isinstance(layer, _BatchNorm) for layer in model.modules()):
        warnings.warn(
            "model has batch norms, which keep the statistics they have: those of the batch would make the loss of an "
            "example depend on the others",
            stacklevel=4,
        )
