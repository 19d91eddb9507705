"""Whether a sparse network ends where the dense one does, and where it itself ends with the data in another order."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.errors import UnknownNameError, require
from netopsy.core.masks import Masks, check_masks, check_tensors
from netopsy.core.modes import check_model
from netopsy.sparsity.late_rewinding.distances import masked_l2
from netopsy.sparsity.late_rewinding.runs import OneByOne, SeededLoop, copied_state, loop_of, steps_per_epoch_of
from netopsy.sparsity.late_rewinding.steps import parse_step
from netopsy.training.trainer import Trainer


@checked
def stability_to_pruning(
    model: nn.Module, state: Mapping[str, Tensor], masks: Masks, fit: SeededLoop, *, step: int | str, seed: int = 0
) -> float:
    """How far from the dense network a sparse one ends, when both are trained on from the weights of one step.

    ``|| m * A(W, u) - A(m * W, u) ||``, with ``A(W, u)`` where training from step ``k`` with weights ``W`` and data
    order ``u`` ends: the Euclidean distance over the surviving weights. Frankle et al. 2019, stability to pruning.
    Distances shrink with ``k`` for every mask: compare with that of a shuffled one (`shuffle_masks` of
    `netopsy.sparsity.lottery_ticket`).

    Args:
        model: the network's shape; it stays as it is.
        state: the network's ``state_dict()`` at step ``k``, batch norm statistics included.
        masks: parameter name to kept weights.
        fit: a trainer of `netopsy.training.trainer`, or a function from a seed to a training loop
            ``loop(model, *, start_step, on_step)`` that makes a new optimiser and goes by the schedule and the data of
            ``start_step``.
        step: ``k``, the number of steps done; ``"2ep"`` and the like where ``fit`` is a trainer.
        seed: of the data order ``u``.

    Raises:
        InputError: a state or masks of another network, masks that are not binary, or a step behind the end.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> from netopsy.training import Recipe, trainer
    >>> net = mlp([64, 10])
    >>> masks = {"output.weight": net.output.weight.abs() > 0.05}
    >>> stability_to_pruning(net, net.state_dict(), masks, trainer(digits(), Recipe(steps=5)), step=0) > 0
    True
    """
    start = _checked(model, state, masks, fit, step)
    dense = _end(model, state, None, fit, start, seed)
    return masked_l2(dense, _end(model, state, masks, fit, start, seed), masks)


@checked
def stability_to_data_order(
    model: nn.Module,
    state: Mapping[str, Tensor],
    masks: Masks,
    fit: SeededLoop,
    *,
    step: int | str,
    seeds: tuple[int, int] = (0, 1),
) -> float:
    """How far from itself a sparse network ends, when it is trained on twice with the data in two orders.

    ``|| A(m * W, u) - A(m * W, u') ||`` for the two ``seeds``; otherwise as `stability_to_pruning`. Frankle et al.
    2019, stability to data order.

    Raises:
        InputError: as `stability_to_pruning`.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> from netopsy.training import Recipe, trainer
    >>> net = mlp([64, 10])
    >>> masks, train = {"output.weight": net.output.weight.abs() > 0.05}, trainer(digits(), Recipe(steps=5))
    >>> [stability_to_data_order(net, net.state_dict(), masks, train, step=0, seeds=(3, u)) > 0 for u in (3, 4)]
    [False, True]
    """
    require(len(seeds) == 2, f"seeds must be two, got {len(seeds)}")
    start = _checked(model, state, masks, fit, step)
    one, other = (_end(model, state, masks, fit, start, seed) for seed in seeds)
    return masked_l2(one, other, masks)


def _checked(model: nn.Module, state: Mapping[str, Tensor], masks: Masks, fit: SeededLoop, step: int | str) -> int:
    """The step as a number, once all fits together."""
    check_model(model)
    check_masks(model, masks)
    check_tensors("state", state)
    wanted = model.state_dict()
    for name, value in wanted.items():
        if name not in state:
            raise UnknownNameError("entry of the network in state", name, state)
        got = tuple(state[name].shape)
        require(got == tuple(value.shape), f"state[{name!r}] must have shape {tuple(value.shape)}, got {got}")
    for name in state:
        if name not in wanted:
            raise UnknownNameError("entry of state", name, wanted)
    loop_of(fit, 0)
    start = parse_step(step, steps_per_epoch_of(fit))
    check_end(start, fit)
    return start


def check_end(step: int, fit: object) -> None:
    """Raise `InputError` for a step behind the end of training, where that is known."""
    if isinstance(fit, Trainer):
        require(step <= fit.recipe.steps, f"step must be from 0 to {fit.recipe.steps}, the end of training, got {step}")


def _end(
    model: nn.Module, state: Mapping[str, Tensor], masks: Masks | None, fit: SeededLoop, start: int, seed: int
) -> dict[str, Tensor]:
    network = copied(model)
    network.load_state_dict(state)
    OneByOne(fit)([network], [seed], masks=None if masks is None else [masks], start=start)
    return copied_state(network)
