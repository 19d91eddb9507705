"""Pairs of networks that share their start or nothing, and what lies between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from netopsy.core.modes import best_device
from netopsy.core.parameters import State
from netopsy.core.seeds import derive, generator
from netopsy.data import Dataset
from netopsy.lab import Rows
from netopsy.landscape.linear_mode_connectivity import (
    activation_matching,
    apply_permutation,
    barrier_estimate,
    displacement_cosine,
    distance,
    forks,
    layers_with_parameters,
    layerwise_barrier,
    loss_barrier,
    partial_barriers,
    permutation_spec,
    random_permutation,
    repair,
    state_losses,
    weight_matching,
)
from netopsy.studies.landscape.linear_mode_connectivity.plan import (
    BY_ACTIVATIONS,
    LAYER,
    MATCHED,
    NAIVE,
    RANDOM,
    RANDOM_PART,
    REPAIRED,
    Aligned,
    Apart,
    Forks,
    Training,
    network,
    sets,
    steps_of,
)
from netopsy.training import Recipe, fit_many


def recipe(training: Training, steps: int) -> Recipe:
    return Recipe(
        steps=steps,
        batch_size=training.batch_size,
        optimizer="sgd",
        lr=training.lr,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
    )


def between(model: nn.Module, a: State, b: State, data: Dataset) -> dict[str, float]:
    """The barrier of a pair, and what its ends say of it."""
    found, guess = loss_barrier(model, a, b, data), barrier_estimate(model, a, b, data)
    assert found.error_height is not None
    return {
        "barrier": found.height,
        "midpoint": found.midpoint,
        "error": found.error_height,
        "taylor": guess.taylor,
        "hermite": guess.hermite,
        "squared": guess.squared_distance,
    }


def forked(seed: int, settings: Forks) -> Rows:
    """Runs parted after some epochs of a shared trunk: the barrier, and the way there."""
    training = settings.training
    train, _ = sets(training, seed)
    model = network(training, train, settings.width, settings.depth, derive(seed, "trunk")).to(best_device())
    in_epoch = steps_of(training, train, 1)
    end, longer = training.epochs * in_epoch, settings.longer * in_epoch
    watched = [epochs * in_epoch for epochs in settings.watched]
    at = [epochs * in_epoch for epochs in settings.at]
    found = forks(model, train, recipe(training, longer), at, seed=seed, keep_states=[*watched, end])
    measured = train[: training.measured]
    for epochs, fork in zip(settings.at, found, strict=True):
        one, other = fork.children
        yield {
            "measure": "forked",
            "epoch": epochs,
            "length": training.epochs,
            **between(model, one[end], other[end], measured),
        }
        if epochs == 0:
            row = between(model, one[longer], other[longer], measured)
            yield {"measure": "forked", "epoch": epochs, "length": settings.longer, **row}
        for name, ends in (("to each other", (one[end], other[end])), ("to the fork", (one[end], fork.trunk))):
            curve = loss_barrier(model, *ends, measured, refine=False)
            for share, value in zip(curve.shares.tolist(), curve.losses.tolist(), strict=True):
                yield {"measure": "curve", "epoch": epochs, "method": name, "share": share, "value": value}
        for since, step in zip((*settings.watched, training.epochs), (*watched, end), strict=True):
            a, b = one[step], other[step]
            yield {
                "measure": "way",
                "epoch": epochs,
                "since": since,
                "cosine": displacement_cosine(a, b, fork.trunk),
                "apart": distance(a, b),
                "from fork": distance(a, fork.trunk),
                "barrier": loss_barrier(model, a, b, measured, refine=False).height,
            }


def trained_pair(
    training: Training, train: Dataset, width: int, depth: int, seed: int, kept: Sequence[int]
) -> tuple[nn.Module, list[Mapping[int, dict[str, Any]]]]:
    """Two networks from first weights and orders of batches of their own: after the epochs ``kept`` and at the end."""
    models = [network(training, train, width, depth, derive(seed, "weights", n)).to(best_device()) for n in (0, 1)]
    in_epoch = steps_of(training, train, 1)
    orders = [derive(seed, "order", number) for number in (0, 1)]
    epochs = sorted({*kept, training.epochs})
    steps = [each * in_epoch for each in epochs]
    runs = fit_many(models, train, recipe(training, steps[-1]), seeds=orders, keep_states=steps)
    states = [{each: dict(run.states[step]) for each, step in zip(epochs, steps, strict=True)} for run in runs]
    return models[0], list(states)


def independent(seed: int, width: int, layers: bool, settings: Apart) -> Rows:
    """Runs that share nothing: the barrier along training, and layer by layer at its end."""
    training = settings.training
    train, test = sets(training, seed)
    model, (one, other) = trained_pair(training, train, width, settings.depth, seed, settings.watched)
    measured = train[: training.measured]
    for epochs in settings.watched:
        row = between(model, one[epochs], other[epochs], measured)
        yield {"measure": "independent", "epoch": epochs, **row}
    a, b = one[training.epochs], other[training.epochs]
    errors = state_losses(model, [a, b], test).errors
    assert errors is not None
    yield {"measure": "accuracy", "value": 1 - float(errors.mean())}
    if layers:
        yield {"measure": "whole", "value": loss_barrier(model, a, b, measured).midpoint}
        yield from _by_layer(model, a, b, measured, settings.draws, seed)


def _by_layer(model: nn.Module, a: State, b: State, data: Dataset, draws: int, seed: int) -> Rows:
    """Each layer averaged alone, beside as many parameters drawn at random from all of them."""
    single = layerwise_barrier(model, a, b, data)
    parameters = dict(model.named_parameters())
    total = sum(value.numel() for value in parameters.values())
    random = generator(derive(seed, "parts"))
    for layer in layers_with_parameters(model):
        guess = barrier_estimate(model, a, b, data, layers=[layer])
        size = sum(value.numel() for value in model.get_submodule(layer).parameters())
        row = {"value": single[layer], "taylor": guess.taylor, "squared": guess.squared_distance, "size": size}
        yield {"measure": "layers", "layer": layer, "method": LAYER, **row}
        parts = {}
        for draw in range(draws):
            chosen = torch.zeros(total, dtype=torch.bool)
            chosen[torch.randperm(total, generator=random)[:size]] = True
            pieces = chosen.split([value.numel() for value in parameters.values()])
            shaped = zip(parameters.items(), pieces, strict=True)
            parts[str(draw)] = {name: piece.view(value.shape) for (name, value), piece in shaped}
        values = partial_barriers(model, a, b, data, parts).values()
        yield {"measure": "layers", "layer": layer, "method": RANDOM_PART, "value": sum(values) / draws, "size": size}


def aligned(seed: int, width: int, settings: Aligned) -> Rows:
    """Runs that share nothing, with the units of the second in several orders."""
    training = settings.training
    train, test = sets(training, seed)
    model, (one, other) = trained_pair(training, train, width, settings.depth, seed, ())
    a, b = one[training.epochs], other[training.epochs]
    measured, shown = train[: training.measured], train.inputs[: settings.shown]
    spec = permutation_spec(model, shown[:2].to(best_device()))
    orders = {
        NAIVE: {},
        RANDOM: random_permutation(spec, seed=derive(seed, "random order")),
        MATCHED: weight_matching(spec, a, b, seed=seed),
        BY_ACTIVATIONS: activation_matching(model, spec, a, b, shown),
    }
    for method, order in orders.items():
        turned = apply_permutation(spec, order, b)
        found = loss_barrier(model, a, turned, measured)
        row = {"value": found.height, "distance": distance(a, turned), "error": found.error_height}
        yield {"measure": "aligned", "method": method, **row}
        if method == MATCHED:
            middle = repair(model, a, turned, shown)
            losses = state_losses(model, [a, b, middle], measured).losses
            rise = float(losses[2] - losses[:2].mean())
            yield {"measure": "midpoint", "method": MATCHED, "value": found.midpoint}
            yield {"measure": "midpoint", "method": REPAIRED, "value": rise}
    errors = state_losses(model, [a, b], test).errors
    assert errors is not None
    yield {"measure": "aligned accuracy", "value": 1 - float(errors.mean())}
