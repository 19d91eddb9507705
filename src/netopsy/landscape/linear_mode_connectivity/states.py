"""The loss of many states of one network on one data set: points of a line, layers averaged, draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.func import vmap
from torch.nn.modules.batchnorm import _BatchNorm

from netopsy.core.arguments import checked
from netopsy.core.computed import call_with, copied
from netopsy.core.errors import InputError, require
from netopsy.core.modes import evaluating, running_on
from netopsy.core.outputs import single_output
from netopsy.core.parameters import State
from netopsy.core.progress import track
from netopsy.data import Dataset
from netopsy.landscape.curvature.loss import Losses, LossFunction, state_values
from netopsy.training.recalibration import recalibrated

TOGETHER = 2**22
"""Numbers that a stack of states may hold; a state too large for two of them in a stack goes by itself."""


@dataclass(frozen=True, eq=False)
class StateLosses:
    """What every state costs."""

    losses: Float[Tensor, "states"]
    """Mean losses, float64, on the CPU."""
    errors: Float[Tensor, "states"] | None
    """Shares of wrong answers, where targets are classes."""


@checked
def state_losses(
    model: nn.Module,
    states: Sequence[State],
    data: Dataset,
    *,
    loss: LossFunction = "cross_entropy",
    reset_norms: bool | Tensor = True,
    together: bool | None = None,
    batch_size: int = 1024,
) -> StateLosses:
    """The mean loss, and the share of wrong answers, of every state.

    Args:
        states: parameters and buffers by name, each for the whole network.
        loss: a loss by name, or a function of outputs and targets that gives one number a sample.
        reset_norms: take the running statistics of batch norms anew for every state, from the inputs of ``data`` or
            from inputs given here; ``False`` leaves those that a state holds.
        together: run the states as one stack (`torch.func.vmap`), or one by one; by default as a stack where they are
            small and without convolutions. The numbers are the same up to rounding.
        batch_size: samples that go through together.

    Raises:
        InputError: a state that does not fit the network, what `netopsy.landscape.curvature.sample_losses` refuses, or
            states asked to run as a stack that cannot, such as those of batch norms whose statistics are taken anew.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> states = [mlp([64, 8, 10], seed=seed).state_dict() for seed in (0, 1)]
    >>> state_losses(mlp([64, 8, 10]), states, digits()[:50]).losses.shape
    torch.Size([2])
    """
    require(len(states) > 0, "states is empty; give at least one")
    own = Losses(model, data, loss, batch_size=batch_size)
    values = [_fitting(own, state) for state in states]
    resets = reset_norms is not False and any(
        isinstance(each, _BatchNorm) and each.track_running_stats for each in model.modules()
    )
    require(not (together and resets), "together=True cannot take the statistics of batch norms anew")
    asked = together is not None
    if together is None:
        size = sum(value.numel() for value in values[0].values())
        flat = all(value.ndim <= 2 for value in values[0].values())
        together = flat and not resets and len(states) > 1 and 2 * size <= TOGETHER
    with torch.no_grad(), evaluating(model):
        if together:
            try:
                return _stacked(own, values)
            except InputError:  # a layer that no stack can run, such as an LSTM
                if asked:
                    raise
        inputs = (reset_norms if isinstance(reset_norms, Tensor) else data.inputs) if resets else None
        shown = track(values, "evaluating") if len(values) > 2 else values
        rows = [_single(own, _with_statistics(own, state, inputs)) for state in shown]
    return _joined([[loss for loss, _ in rows]], [[error for _, error in rows]])


def _fitting(own: Losses, state: State) -> State:
    """The state in the type and on the device of the network; `InputError` where it is that of another one."""
    wanted = own.state
    if all(name in state and state[name].shape == value.shape for name, value in wanted.items()):
        return {name: state[name].to(value) for name, value in wanted.items()}
    return state_values(own.model, state)


def _stacked(own: Losses, values: Sequence[State]) -> StateLosses:
    size = sum(value.numel() for value in values[0].values())
    chunk = max(1, TOGETHER // size)
    run = vmap(lambda state, inputs: single_output(call_with(own.model, state, inputs)), in_dims=(0, None))
    losses, errors = [], []
    for start in range(0, len(values), chunk):
        part = values[start : start + chunk]
        stack = {name: torch.stack([state[name] for state in part]) for name in part[0]}
        sums, wrong = [], []
        for inputs, targets in own.batches():
            with running_on(inputs, own.model):
                outputs = run(stack, inputs)
            again = targets.repeat(len(part), *[1] * (targets.ndim - 1))
            found = own.losses(outputs.flatten(0, 1), again).view(len(part), -1)
            sums.append(found.sum(1, dtype=torch.float64))
            wrong.append(_wrong(outputs.flatten(0, 1), again).view(len(part), -1).sum(1, dtype=torch.float64))
        losses.append((torch.stack(sums).sum(0) / len(own.data)).cpu())
        errors.append((torch.stack(wrong).sum(0) / len(own.data)).cpu())
    return _joined(losses, errors)


def outputs_at(own: Losses, state: State, inputs: Tensor) -> Tensor:
    """What the network answers to a batch with the parameters and buffers of a state."""
    with running_on(inputs, own.model):
        return single_output(call_with(own.model, state, inputs))


def _single(own: Losses, state: State) -> tuple[float, float]:
    total = wrong = 0.0
    for inputs, targets in own.batches():
        outputs = outputs_at(own, state, inputs)
        total += float(own.losses(outputs, targets).sum(dtype=torch.float64))
        wrong += float(_wrong(outputs, targets).sum(dtype=torch.float64))
    return total / len(own.data), wrong / len(own.data)


def _with_statistics(own: Losses, state: State, inputs: Tensor | None) -> State:
    """The state with the running statistics of ``inputs``, where there are any to take."""
    if inputs is None:
        return state
    there = copied(own.model)
    there.load_state_dict(dict(state), strict=False)
    fresh = recalibrated(there, inputs, batch_size=max(2, own.batch_size))
    return {**dict(fresh.named_parameters()), **dict(fresh.named_buffers())}


def _wrong(outputs: Tensor, targets: Tensor) -> Tensor:
    """Whether each answer is wrong; no number where targets are no classes."""
    if targets.ndim != 1 or targets.is_floating_point() or outputs.ndim != 2:
        return torch.full((len(outputs),), torch.nan)
    return (outputs.argmax(1) != targets).double()


def _joined(losses: Sequence[Any], errors: Sequence[Any]) -> StateLosses:
    each, wrong = (
        torch.cat([torch.as_tensor(part, dtype=torch.float64) for part in parts]) for parts in (losses, errors)
    )
    return StateLosses(each, None if wrong.isnan().any() else wrong)


def check_ends(a: State, b: State) -> None:
    """Raise `InputError` unless both hold the same names, with tensors of the same shapes."""
    for side, state in (("a", a), ("b", b)):
        require(isinstance(state, Mapping) and state, f"{side} must be a state, name to tensor, that is not empty")
    differing = sorted(set(a) ^ set(b))
    require(not differing, f"a and b must hold the same names: only one of them has {', '.join(differing[:4])}")
    for name, value in a.items():
        require(
            value.shape == b[name].shape and value.is_floating_point() == b[name].is_floating_point(),
            f"a and b must have tensors of one shape and kind: {name!r} is {tuple(value.shape)} of {value.dtype}, "
            f"and {tuple(b[name].shape)} of {b[name].dtype} in b",
        )


def check_losses(found: StateLosses, ends: Tensor) -> None:
    """Raise `InputError` where the loss of an end is not finite; the losses between may be what they like."""
    require(bool(ends.isfinite().all()), f"the loss at both ends must be finite, got {ends.tolist()}")
    require(bool(found.losses.isfinite().all()), "the loss between the ends is not finite: their weights are too large")
