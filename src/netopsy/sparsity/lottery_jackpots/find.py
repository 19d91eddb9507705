"""A sparse network inside a trained one, its weights untouched: the whole search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Sized
from itertools import islice
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.errors import InputError, require
from netopsy.core.modes import check_model, device_of, running_on
from netopsy.core.seeds import check_seed, seeded
from netopsy.data import Dataset, batches_per_epoch, index_batches
from netopsy.sparsity.lottery_jackpots.jackpot import Jackpot
from netopsy.sparsity.lottery_jackpots.loop import Batch, run
from netopsy.sparsity.lottery_jackpots.rates import LayerRates, Start, rates_of
from netopsy.sparsity.lottery_jackpots.search import MaskSearch
from netopsy.sparsity.lottery_jackpots.settings import Power, Settings, check_power, check_runs, evaluations
from netopsy.training import Recipe, evaluate
from netopsy.training.plan import EvaluationSets


@checked
def find_jackpot(
    model: nn.Module,
    data: Dataset | Iterable[Batch],
    *,
    sparsity: float | int = 0.9,
    epochs: int = 30,
    batch_size: int = 256,
    init: Start = "magnitude",
    layer_rates: LayerRates = "global",
    exclude: Sequence[str] | None = None,
    allow_empty: bool = False,
    restriction: Power = 4.0,
    lr: float | int = 0.1,
    momentum: float | int = 0.9,
    weight_decay: float | int = 5e-4,
    gap: float | int = 0.01,
    loss: str = "cross_entropy",
    seed: int = 0,
    evaluation: EvaluationSets = None,
    evaluate_every: int | None = None,
) -> Jackpot:
    """Search a trained network for a sparse one that works with the weights as they are: learn which of them to keep.

    Zhang et al. 2023, section 3, with short restriction. Each step runs the network with its weights times the mask,
    moves a score of every weight down the straight-through gradient, ``weight * dL/d(weight * mask)``, and lets the
    weights of the highest scores be kept: as many in every layer as before. Batch norms learn the statistics of the
    masked network. ``model`` is left as it was, to the last bit; `Jackpot.export` gives the sparse one.

    Args:
        data: a `Dataset`, or a loader that gives batches ``(inputs, targets)``, can be gone through again and again,
            and has a length.
        sparsity, layer_rates, allow_empty: how much is removed and where; see `prune_rates`.
        epochs: passes over the data; the learning rate falls to 0 along a cosine meanwhile.
        batch_size: where ``data`` is a `Dataset`.
        init: start from the ``"magnitude"`` mask, from a ``"random"`` one of the same layer rates, or from masks by
            parameter name, whose layer rates are kept then.
        exclude: names of modules that stay whole; by default the linear layer that runs last, the classifier.
        restriction: in epoch e of E only the share ``(1 - e/E)**restriction`` of the swaps asked for is made, rounded
            up; ``None`` makes all. The power of 4 is the released code's; the paper's own schedule is unconfirmed.
        lr, momentum, weight_decay: of the scores.
        gap: scores of removed weights start at ``1 - gap``, of kept ones at 1.
        loss: name of a loss of `Recipe`; for others write the loop with `MaskSearch`.
        seed: for the order of the batches, the random mask and dropout.
        evaluation, evaluate_every: sets to evaluate the masked network on along the search, as in
            `netopsy.training.fit`, and every how many steps, the start included.

    Raises:
        InputError: nothing to prune, a number out of range, a layer that would be left without weights, masks or names
            that do not fit, data that the network does not take, or a search that runs away to infinity.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> found = find_jackpot(mlp([64, 16, 10]), digits()[:300], epochs=2, batch_size=100)
    >>> {name: round(rate, 2) for name, rate in found.layer_rates.items()}, len(found.history.train_loss)
    ({'fc1.weight': 0.9}, 6)
    """
    check_model(model)
    check_seed(seed)
    check_power(restriction)
    settings = Settings(
        sparsity, epochs, batch_size, layer_rates, exclude, allow_empty, lr, momentum, weight_decay, gap, loss
    )
    recipe = settings.recipe(_steps(data, batch_size))
    sets, at = evaluations(recipe, evaluation, evaluate_every)
    first = _first_inputs(data, seed)
    check_runs(model, data, first, sets, loss)
    masks = settings.start(model, init, first, seed)
    with torch.inference_mode(False), torch.enable_grad():
        own = MaskSearch(model, masks, lr=lr, momentum=momentum, weight_decay=weight_decay, gap=gap)
        found = run(
            _Single(own, recipe),
            _epochs(data, epochs, batch_size, seed),
            recipe,
            count=epochs,
            powers=[restriction],
            seeds=[seed],
            device=device_of(model),
            sets=sets,
            at=at,
        )
    rates, history = rates_of(own.masks), found.histories[0]
    return Jackpot(
        own.masks, own.scores, rates, history, found.asked[:, 0], found.done[:, 0], own.statistics, copied(model)
    )


class _Single:
    """The search of one network, as the loop asks for it."""

    def __init__(self, own: MaskSearch, recipe: Recipe) -> None:
        self.own, self.recipe = own, recipe

    def descend(self, inputs: Tensor, targets: Tensor, lr: float) -> Tensor:
        with running_on(inputs):
            outputs = self.own(inputs)
        loss = self._losses(outputs, targets).mean()
        self.own.step(loss, lr)
        return loss.detach()[None]

    def _losses(self, outputs: Any, targets: Tensor) -> Tensor:
        try:
            return self.recipe.loss_of(outputs, targets)
        except (IndexError, RuntimeError, ValueError) as error:  # batches of a loader are not known before
            raise InputError(f"data gave targets that do not fit what the network answers: {error}") from error

    def swap(self, share: Tensor) -> tuple[Tensor, Tensor]:
        report = self.own.swap(float(share))
        return torch.tensor([report.q]), torch.tensor([report.q_allowed])

    def finite(self) -> bool:
        return self.own.relaxed.finite()

    def evaluate(self, data: Dataset) -> tuple[Tensor, Tensor]:
        found = evaluate(self.own.export(), data, loss=self.recipe.loss)
        return torch.tensor([found.loss]), torch.tensor([found.accuracy])


def _steps(data: object, batch_size: int) -> int:
    """Batches in an epoch."""
    if isinstance(data, Dataset):
        return batches_per_epoch(len(data), batch_size)
    loader = isinstance(data, Iterable) and isinstance(data, Sized) and not isinstance(data, Tensor)
    require(
        loader and len(data) > 0,  # type: ignore[arg-type]
        "data must be a netopsy Dataset, or a loader of batches with a length of at least 1, got "
        f"{type(data).__name__}",
    )
    return len(data)  # type: ignore[arg-type]


def _epochs(data: Any, epochs: int, batch_size: int, seed: int) -> Iterator[Iterable[Batch]]:
    if not isinstance(data, Dataset):
        for _ in range(epochs):
            yield (_pair(batch) for batch in data)
        return
    order = index_batches(len(data), batch_size, seed)
    for _ in range(epochs):
        yield ((data.inputs[each], data.targets[each]) for each in islice(order, _steps(data, batch_size)))


def _first_inputs(data: Any, seed: int) -> Tensor:
    if isinstance(data, Dataset):
        return data.inputs[:2]
    with seeded(seed):  # a loader that shuffles draws from the global random state
        batch = next(iter(data), None)
    return _pair(batch)[0][:2]


def _pair(batch: object) -> Batch:
    found = tuple(batch) if isinstance(batch, list | tuple) else ()
    require(
        len(found) == 2 and all(isinstance(each, Tensor) for each in found),
        f"data must give batches (inputs, targets) of two tensors, got {type(batch).__name__}",
    )
    return found[0], found[1]
