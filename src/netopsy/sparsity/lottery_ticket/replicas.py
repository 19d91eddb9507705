"""Iterative magnitude pruning of R replicas at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.modes import device_of, evaluating
from netopsy.data import Dataset
from netopsy.sparsity.lottery_ticket.magnitude import Rate, Scope
from netopsy.sparsity.lottery_ticket.output_layer import OutputLayer
from netopsy.sparsity.lottery_ticket.result import IMPResult, MaskSet, State
from netopsy.sparsity.lottery_ticket.rounds import Schedule, prune_and_train
from netopsy.training import Recipe, fit_many
from netopsy.training.checkpoint import run_identity


@checked
def iterative_magnitude_pruning_many(
    models: Sequence[nn.Module],
    data: Dataset,
    recipe: Recipe,
    rounds: int,
    *,
    seeds: Sequence[int],
    rate: Rate = 0.2,
    scope: Scope = "layer",
    output_rate_factor: float = 0.5,
    output_layer: str | None = None,
    exclude: Sequence[str] = (),
    rewind_step: int = 0,
    reset: bool = True,
    evaluate: Callable[[nn.Module], Any] | None = None,
    checkpoint: str | Path | None = None,
    **options: Any,
) -> list[IMPResult]:
    """`iterative_magnitude_pruning` of R networks of one architecture, trained as one stack by `fit_many`.

    Each network is pruned by its own weights. Small networks cost little more together than one costs alone.

    Args:
        seeds: one a network, for the order of its batches.
        options: further ones for `fit_many`: ``evaluation``, ``evaluate_every``.

    Other arguments, the result (one a network) and the errors are those of `iterative_magnitude_pruning`.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> nets = [mlp([64, 8, 10], seed=seed) for seed in (0, 1)]
    >>> found = iterative_magnitude_pruning_many(nets, digits()[:40], Recipe(steps=2), 1, seeds=(0, 1))
    >>> len(found), len(found[0].density)
    (2, 2)
    """
    require(len(models) > 0, "models is empty; give at least one network")
    schedule = Schedule(rounds, rate, scope, output_rate_factor, output_layer, exclude, rewind_step, reset)
    with OutputLayer(models[0]) as watched, torch.no_grad(), evaluating(models[0]):
        models[0](data.inputs[:2].to(device_of(models[0])))

    def train(masks: list[MaskSet], start: int) -> tuple[list[Any], list[State | None]]:
        fits = fit_many(
            models,
            data,
            recipe,
            seeds=seeds,
            masks=masks,
            start_step=start,
            keep_states=[rewind_step] if rewind_step else [],
            **options,
        )
        return fits, [fit.states.get(rewind_step) if rewind_step else None for fit in fits]

    known = None
    if checkpoint is not None:
        known = run_identity(models[0], data, recipe, seeds=list(seeds), **options)
    return prune_and_train(
        models,
        train,
        schedule,
        output=lambda: watched.weight,
        evaluate=evaluate,
        checkpoint=checkpoint,
        training=known,
    )
