"""Tickets rewound to several steps of training, each with both stabilities beside those of random masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from torch import nn

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.errors import require
from netopsy.core.masks import prunable_parameters
from netopsy.core.modes import check_model
from netopsy.core.progress import track
from netopsy.core.seeds import check_seed, derive
from netopsy.data import Dataset, batches_per_epoch
from netopsy.sparsity.late_rewinding.result import RewindSweep
from netopsy.sparsity.late_rewinding.rounds import Rounds
from netopsy.sparsity.late_rewinding.runs import (
    OneByOne,
    Run,
    SeededLoop,
    Stacked,
    copied_state,
    loop_of,
    steps_per_epoch_of,
)
from netopsy.sparsity.late_rewinding.stability import check_end
from netopsy.sparsity.late_rewinding.steps import parse_step
from netopsy.sparsity.lottery_ticket import reinitialise
from netopsy.sparsity.lottery_ticket.controls import Initialiser
from netopsy.sparsity.lottery_ticket.magnitude import Rate, Scope, check_rate
from netopsy.sparsity.lottery_ticket.output_layer import OutputLayer
from netopsy.sparsity.lottery_ticket.rounds import Schedule, prune_and_train
from netopsy.training import Recipe

Steps = Sequence[int | str]


@checked
def rewind_sweep(
    model: nn.Module,
    fit: SeededLoop,
    steps: Steps,
    rounds: int,
    *,
    rate: Rate = 0.2,
    scope: Scope = "global",
    output_rate_factor: float | int = 0.5,
    output_layer: str | None = None,
    exclude: Sequence[str] = (),
    seeds: tuple[int, int] = (0, 1),
    compared: Sequence[int] | None = None,
    evaluate: Callable[[nn.Module], Any] | None = None,
    init: Initialiser | None = None,
) -> RewindSweep:
    """Search for tickets by rewinding to each of several steps, and measure how stable they are.

    Frankle et al. 2019: iterative magnitude pruning with rewinding, and both stabilities. The dense network is trained
    once and its state kept at each step ``k``. From there on it goes as
    `netopsy.sparsity.lottery_ticket.iterative_magnitude_pruning` does from the start: train to the end with a new
    optimiser, prune, put the survivors back to their values at ``k``, and again. (With its own ``rewind_step`` that
    function lets the dense network keep its optimiser; without momentum the two are the same.) Three more masked
    networks start from the same weights: the ticket with the data in another order, and its mask shuffled within each
    layer with both orders. Distances shrink with ``k`` whatever the mask, so only what sets a ticket apart from the
    shuffled mask says something. Rewinding to 0 is the lottery ticket's own search; rewinding to the end trains
    nothing more.

    From each step on it takes one training for each round, the dense one included, and three more for each round
    compared. ``model`` stays as it is.

    Args:
        fit: a trainer of `netopsy.training.trainer`, or a function from a seed to a training loop
            ``loop(model, *, start_step, on_step)`` that makes a new optimiser, goes by the schedule and the data of
            ``start_step``, and calls ``on_step(done, model)`` after each step.
        steps: to rewind to: numbers, or texts of `parse_step`; epochs go with a trainer, whose epochs are known.
        rounds: how many times to prune.
        rate, scope, output_rate_factor, output_layer, exclude: as in `iterative_magnitude_pruning`; the rate that the
            paper prunes at in a round is 0.2, over all layers together.
        seeds: of the two orders of the data; the tickets are found with the first.
        compared: rounds in which the three others are trained, 0 being the dense network; all of them by default. In
            the others only the tickets' distances to the dense network are known.
        evaluate: called with each trained network; its answer, a number, is the ``metric``.
        init: how weights are drawn anew (`netopsy.sparsity.lottery_ticket.reinitialise`); adds the tickets' masks on
            such weights where ``steps`` holds 0.

    Raises:
        InputError: nothing to prune, a number out of range, a step behind the end of training or written another way,
            or a training loop that brings masked weights back.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> from netopsy.training import Recipe, trainer
    >>> train = trainer(digits(), Recipe(steps=8, optimizer="sgd", lr=0.1))
    >>> found = rewind_sweep(mlp([64, 8, 10]), train, steps=(0, "4it"), rounds=1, rate=0.5)
    >>> found.table["variant"].tolist()
    ['ticket', 'ticket', 'random', 'ticket', 'ticket', 'random']
    """
    check_model(model)
    loop_of(fit, 0)
    schedule = Schedule(rounds, rate, scope, float(output_rate_factor), output_layer, exclude, 0, True)
    at = _numbers(steps, steps_per_epoch_of(fit))
    check_end(max(at), fit)
    return _sweep([model], OneByOne(fit), at, schedule, [seeds], compared, evaluate, init)


@checked
def rewind_sweep_many(
    models: Sequence[nn.Module],
    data: Dataset,
    recipe: Recipe,
    steps: Steps,
    rounds: int,
    *,
    seeds: Sequence[tuple[int, int]],
    rate: Rate = 0.2,
    scope: Scope = "global",
    output_rate_factor: float | int = 0.5,
    output_layer: str | None = None,
    exclude: Sequence[str] = (),
    compared: Sequence[int] | None = None,
    evaluate: Callable[[nn.Module], Any] | None = None,
    init: Initialiser | None = None,
) -> RewindSweep:
    """`rewind_sweep` of several networks of one architecture, trained with all their comparisons as one stack.

    Args:
        seeds: the two orders of the data of each network.

    Other arguments, the result (whose ``network`` counts the networks) and the errors are those of `rewind_sweep`, and
    an `InputError` is raised for networks that cannot run as a stack (`netopsy.training.fit_many`).

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> nets, recipe = [mlp([64, 8, 10], seed=seed) for seed in (0, 1)], Recipe(steps=8, optimizer="sgd", lr=0.1)
    >>> found = rewind_sweep_many(nets, digits(), recipe, (0, 4), 1, seeds=((0, 1), (2, 3)))
    >>> sorted(found.table["network"].unique().tolist()), sorted(found.results)
    ([0, 1], [0, 4])
    """
    require(len(models) > 0, "models is empty; give at least one network")
    require(len(seeds) == len(models), f"seeds must have one pair a model, {len(models)}, got {len(seeds)}")
    for model in models:
        check_model(model)
    schedule = Schedule(rounds, rate, scope, float(output_rate_factor), output_layer, exclude, 0, True)
    at = _numbers(steps, batches_per_epoch(len(data), recipe.batch_size))
    require(max(at) <= recipe.steps, f"steps must be from 0 to {recipe.steps}, the end of training, got {max(at)}")
    return _sweep(models, Stacked(data, recipe), at, schedule, seeds, compared, evaluate, init)


def _numbers(steps: Steps, steps_per_epoch: int | None) -> list[int]:
    require(not isinstance(steps, str) and len(steps) > 0, f"steps must be a list of at least one step, got {steps!r}")
    found = [parse_step(step, steps_per_epoch) for step in steps]
    require(len(set(found)) == len(found), f"steps must all differ, got {found}")
    return found


def _sweep(
    models: Sequence[nn.Module],
    run: Run,
    steps: Sequence[int],
    schedule: Schedule,
    seeds: Sequence[tuple[int, int]],
    compared: Sequence[int] | None,
    evaluate: Callable[[nn.Module], Any] | None,
    init: Initialiser | None,
) -> RewindSweep:
    every = range(schedule.rounds + 1)
    compared = every if compared is None else compared
    for number in compared:
        require(number in every, f"compared must hold rounds from 0 to {schedule.rounds}, got {number!r}")
    for pair in seeds:
        require(len(pair) == 2, f"seeds must be pairs, got {pair!r}")
        for seed in pair:
            check_seed(seed)
    require(evaluate is None or callable(evaluate), f"evaluate must be a function of the network, got {evaluate!r}")
    check_rate(schedule.rate, prunable_parameters(models[0], exclude=schedule.exclude), schedule.scope)
    networks = [copied(model) for model in models]
    watched, orders = OutputLayer(networks[0]), [first for first, _ in seeds]
    others = (
        []
        if init is None or 0 not in steps
        else [_drawn_anew(*each, init) for each in zip(networks, orders, strict=True)]
    )
    with watched:
        fits, states = run(networks, orders, keep=steps)
    dense = fits, [copied_state(network) for network in networks]
    rows, results = [], {}
    for step in track(steps, "rewinding steps"):
        starts = [own[step] for own in states]
        for network, start in zip(networks, starts, strict=True):
            network.load_state_dict(start)
        anew, known = (others, dense) if step == 0 else ([], None)
        search = Rounds(networks, run, step, starts, seeds, compared, evaluate, anew, known)
        judge = None if evaluate is None else search.metric
        results[step] = prune_and_train(networks, search, schedule, output=lambda: watched.weight, evaluate=judge)
        rows += search.rows
    return RewindSweep(pd.DataFrame(rows), results)


def _drawn_anew(network: nn.Module, seed: int, init: Initialiser) -> dict[str, Any]:
    return copied_state(reinitialise(network, init=init, seed=derive(seed, "reinit")))
