"""The searches of several networks at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.errors import require
from netopsy.core.modes import check_model, device_of
from netopsy.core.seeds import check_seed
from netopsy.data import Dataset, batches_per_epoch, index_batches
from netopsy.sparsity.lottery_jackpots.jackpot import Jackpot
from netopsy.sparsity.lottery_jackpots.loop import Batch, run
from netopsy.sparsity.lottery_jackpots.rates import LayerRates, Start, rates_of
from netopsy.sparsity.lottery_jackpots.settings import Power, Settings, check_power, check_runs, evaluations
from netopsy.sparsity.lottery_jackpots.stack import StackedSearch
from netopsy.training.checkpoint import architecture
from netopsy.training.checks import check_data
from netopsy.training.plan import EvaluationSets


@checked
def find_jackpots(
    models: Sequence[nn.Module],
    data: Dataset,
    *,
    seeds: Sequence[int],
    sparsity: float | int = 0.9,
    epochs: int = 30,
    batch_size: int = 256,
    init: Start | Sequence[Start] = "magnitude",
    layer_rates: LayerRates = "global",
    exclude: Sequence[str] | None = None,
    allow_empty: bool = False,
    restriction: Power | Sequence[Power] = 4.0,
    lr: float | int = 0.1,
    momentum: float | int = 0.9,
    weight_decay: float | int = 5e-4,
    gap: float | int = 0.01,
    loss: str = "cross_entropy",
    evaluation: EvaluationSets = None,
    evaluate_every: int | None = None,
) -> list[Jackpot]:
    """`find_jackpot` for R networks of one architecture at once, as a stack; the same as R searches, up to rounding.

    Small networks cost little more together than one costs alone. A network may be listed several times. Where two
    scores differ by rounding alone, the stack may keep another weight than a search alone, and go another way from
    there.

    Args:
        seeds: one a network, for the order of its batches and its random mask.
        init, restriction: one for all, or a list with one a network.

    Other arguments and the result, one a network, are those of `find_jackpot`.

    Raises:
        InputError: as in `find_jackpot`; networks of several architectures, or that cannot run as a stack; lists of
            other lengths.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> nets = [mlp([64, 16, 10], seed=seed) for seed in (0, 1)]
    >>> found = find_jackpots(nets, digits()[:300], seeds=(0, 1), epochs=2, batch_size=100)
    >>> [int(each.masks["fc1.weight"].sum()) for each in found]
    [102, 102]
    """
    _check(models, seeds)
    check_data("data", data)
    settings = Settings(
        sparsity, epochs, batch_size, layer_rates, exclude, allow_empty, lr, momentum, weight_decay, gap, loss
    )
    inits = _each("init", init, len(models), one=isinstance(init, str | Mapping))
    powers = _each("restriction", restriction, len(models), one=not isinstance(restriction, Sequence))
    for power in powers:
        check_power(power)
    steps = batches_per_epoch(len(data), batch_size)
    recipe = settings.recipe(steps)
    sets, at = evaluations(recipe, evaluation, evaluate_every)
    first, device = data.inputs[:2], device_of(models[0])
    check_runs(models[0], data, first, sets, loss)
    masks = [settings.start(model, each, first, seed) for model, each, seed in zip(models, inits, seeds, strict=True)]
    require(all(list(own) == list(masks[0]) for own in masks), "init must name the same layers for every network")
    with torch.inference_mode(False), torch.enable_grad():
        search = StackedSearch(models, masks, recipe, gap)
        order = _batches(data.to(device), batch_size, seeds)
        epoch = ((next(order) for _ in range(steps)) for _ in range(epochs))
        found = run(search, epoch, recipe, count=epochs, powers=powers, seeds=seeds, device=device, sets=sets, at=at)
    results = []
    for place, (model, statistics) in enumerate(zip(models, search.statistics(), strict=True)):
        own, scores = search.relaxed.of(place)
        asked, done = found.asked[:, place], found.done[:, place]
        results.append(
            Jackpot(own, scores, rates_of(own), found.histories[place], asked, done, statistics, copied(model))
        )
    return results


def _batches(data: Dataset, batch_size: int, seeds: Sequence[int]) -> Iterator[Batch]:
    orders = [index_batches(len(data), batch_size, seed) for seed in seeds]
    while True:
        indices: Tensor = torch.stack([next(each) for each in orders])
        yield data.inputs[indices], data.targets[indices]


def _each(name: str, given: Any, count: int, *, one: bool) -> list[Any]:
    if one:
        return [given] * count
    listed = isinstance(given, list | tuple) and len(given) == count
    require(listed, f"{name} must be one for all networks, or a list of {count}, got {given!r}")
    return list(given)


def _check(models: Sequence[nn.Module], seeds: Sequence[int]) -> None:
    require(isinstance(models, Sequence) and len(models) > 0, "models must be a list of at least one network")
    for model in models:
        check_model(model)
    same = all(architecture(model) == architecture(models[0]) for model in models)
    require(same, "models must all be of one architecture: their layers, or which parameters they train, differ")
    require(
        isinstance(seeds, Sequence) and len(seeds) == len(models),
        f"seeds must have one entry a network, {len(models)}, got {seeds!r}",
    )
    for seed in seeds:
        check_seed(seed)
