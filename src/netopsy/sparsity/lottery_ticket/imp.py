"""Iterative magnitude pruning with resetting, around any training loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.masks import apply_masks, revived
from netopsy.core.modes import check_model
from netopsy.sparsity.lottery_ticket.magnitude import Rate, Scope
from netopsy.sparsity.lottery_ticket.output_layer import OutputLayer
from netopsy.sparsity.lottery_ticket.result import IMPResult, MaskSet, State
from netopsy.sparsity.lottery_ticket.rounds import Schedule, prune_and_train
from netopsy.training.trainer import Trainer


@runtime_checkable
class TrainingLoop(Protocol):
    """The caller's own training: trains ``model`` in place, from step ``start_step`` on.

    It calls ``on_step(done, model)`` after every step, with the number of steps done; a rewind step needs that, and so
    do masks where no `torch.optim.Optimizer` updates the weights. Each time it makes a new optimiser and draws the same
    batches.
    """

    def __call__(self, model: nn.Module, *, start_step: int, on_step: Callable[[int, nn.Module], None]) -> Any: ...


@checked
def iterative_magnitude_pruning(
    model: nn.Module,
    fit: TrainingLoop,
    rounds: int,
    *,
    rate: Rate = 0.2,
    scope: Scope = "layer",
    output_rate_factor: float = 0.5,
    output_layer: str | None = None,
    exclude: Sequence[str] = (),
    rewind_step: int = 0,
    reset: bool = True,
    evaluate: Callable[[nn.Module], Any] | None = None,
    checkpoint: str | Path | None = None,
) -> IMPResult:
    """Find winning tickets: train, prune the smallest weights, reset the rest, and again.

    Frankle and Carbin 2019, section 2. The network is trained ``rounds + 1`` times; round 0 is dense. Biases, norms and
    their statistics are reset with the weights. ``model`` is trained in place and ends as the last round left it.

    Args:
        fit: the training loop; `netopsy.training.trainer` makes one from a data set and a recipe.
        rounds: how many times to prune.
        rate: share of surviving weights pruned in a round, or one rate a parameter name.
        scope: prune within each ``"layer"``, or ``"global"``.
        output_rate_factor: the output layer's rate relative to the others, for ``scope="layer"``. With ``"global"`` the
            paper leaves the output layer alone: name it in ``exclude``.
        output_layer: name of the output layer's weight; by default that of the linear layer that runs last.
        exclude: names of modules that are never pruned.
        rewind_step: reset to the state after this many steps of round 0, and train on from that step (late rewinding).
        reset: ``False`` trains on between rounds and resets once, for the last one (continued training, appendix B).
        evaluate: called with the trained network of each round.

        checkpoint: a file that holds the finished rounds. The same call goes on behind the last of them to the same
            end; a finished search is handed back and nothing is trained. An interruption puts the initial values of the
            network back.

    Raises:
        InputError: nothing to prune, a layer that computes its weight (see `prunable_parameters`), a number out of
            range, a loop that never reaches ``rewind_step``, one that brings masked weights back, or a checkpoint of
            another search.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> from netopsy.training import Recipe, trainer
    >>> found = iterative_magnitude_pruning(mlp([64, 20, 10]), trainer(digits(), Recipe(steps=20)), rounds=2)
    >>> [round(share, 2) for share in found.density]
    [1.0, 0.81, 0.66]
    """
    schedule = Schedule(rounds, rate, scope, output_rate_factor, output_layer, exclude, rewind_step, reset)
    require(callable(fit), f"fit must be a training loop, such as netopsy.training.trainer makes, got {fit!r}")
    check_model(model)
    watched = OutputLayer(model)

    def train(masks: list[MaskSet], start: int) -> tuple[list[Any], list[State | None]]:
        reached: list[State | None] = [None]
        last = start

        def remember(done: int, trained: nn.Module) -> None:
            nonlocal last
            require(
                done == last + 1 or not revived(model, masks[0]),
                f"fit brought masked weights back between steps {last} and {done}: without a torch.optim optimizer it "
                "must call on_step after each step",
            )
            applied.enforce()
            last = done
            if done == rewind_step and reached[0] is None:
                reached[0] = {name: value.detach().clone() for name, value in trained.state_dict().items()}

        with apply_masks(model, masks[0]) as applied, watched:
            return [fit(model, start_step=start, on_step=remember)], reached

    known = fit.identity(model) if checkpoint is not None and isinstance(fit, Trainer) else None
    return prune_and_train(
        [model],
        train,
        schedule,
        output=lambda: watched.weight,
        evaluate=evaluate,
        checkpoint=checkpoint,
        training=known,
    )[0]
