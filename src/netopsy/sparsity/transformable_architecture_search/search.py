"""The search: weights and sizes in turns, on two parts of the data."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import lookup, require
from netopsy.core.progress import Task
from netopsy.core.seeds import check_seed, derive, generator, seeded
from netopsy.data import Dataset, batches_per_epoch, index_batches
from netopsy.models.blocks import require_count
from netopsy.sparsity.transformable_architecture_search.cost import cost_loss, expected_flops
from netopsy.sparsity.transformable_architecture_search.network import AGGREGATIONS, SearchNetwork
from netopsy.sparsity.transformable_architecture_search.result import SearchHistory, TASResult
from netopsy.sparsity.transformable_architecture_search.sizes import SizeLogits
from netopsy.sparsity.transformable_architecture_search.space import Shape, ShapeSpace
from netopsy.training.losses import LOSSES
from netopsy.training.plan import set_lr
from netopsy.training.schedules import cosine

Augment = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class SearchSettings:
    """How a search goes; the defaults are the paper's for CIFAR.

    Raises `InputError` when a number is out of range or a name is unknown.

    >>> [round(SearchSettings(epochs=3).tau_at(epoch), 2) for epoch in range(3)]
    [10.0, 5.05, 0.1]
    """

    epochs: int = 600
    batch_size: int = 256
    lr: float = 0.1
    """Of the weights: SGD with Nesterov momentum, along half a cosine."""
    momentum: float = 0.9
    weight_decay: float = 5e-4
    arch_lr: float = 1e-3
    """Of the sizes: Adam. Short searches need a larger one."""
    arch_betas: tuple[float, float] = (0.5, 0.999)
    arch_weight_decay: float = 1e-3
    lam_cost: float = 2.0
    """Weight of the cost."""
    tol: float = 0.05
    """The share of the budget within which the cost has no say."""
    n_sample: int = 2
    """Widths that are drawn in each layer."""
    tau: tuple[float, float] = (10.0, 0.1)
    """Temperature of the first and the last epoch, linear in between."""
    aggregate: str = "interpolate"
    """How feature maps of different widths are added: "interpolate", or "pad" with zeros."""
    loss: str = "cross_entropy"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "n_sample"):
            require_count(name, getattr(self, name))
        for name in ("lr", "arch_lr"):
            value = getattr(self, name)
            require(0 < value < math.inf, f"{name} must be positive and finite, got {value}")
        for name in ("momentum", "weight_decay", "arch_weight_decay", "lam_cost", "tol"):
            value = getattr(self, name)
            require(0 <= value < math.inf, f"{name} must be finite and not negative, got {value}")
        fits = len(self.tau) == 2 and all(0 < each < math.inf for each in self.tau)
        require(fits, f"tau must be two positive numbers, of the first and the last epoch, got {self.tau!r}")
        lookup("aggregate", self.aggregate, AGGREGATIONS)
        lookup("loss", self.loss, LOSSES)

    def tau_at(self, epoch: int) -> float:
        """The temperature of an epoch, counted from 0."""
        return self.tau[0] + (self.tau[1] - self.tau[0]) * epoch / max(1, self.epochs - 1)


@checked
def tas_search(
    space: ShapeSpace,
    data: Dataset,
    *,
    flops_ratio: float | int,
    validation: Dataset | None = None,
    settings: SearchSettings | None = None,
    select: Literal["last_within", "last"] = "last_within",
    augment: Augment | None = None,
    seed: int = 0,
) -> TASResult:
    """Widths and depths for a network that may cost a share of the full one, learnt together with its weights.

    In turns, the weights learn from a batch of one part of the data and the logits of the sizes from a batch of the
    other, there with the cost: log of the expected operations, upwards or downwards, while the most probable sizes are
    outside the budget. Every forward pass draws sizes anew. Algorithm 1 of Dong and Yang 2019. The weights of the
    search are left behind: train `TASResult.build` anew, best with `distill`.

    Args:
        space: the sizes to choose from.
        data: what to learn from.
        flops_ratio: the budget, as a share of the full network's operations.
        validation: what the sizes learn from; by default half of ``data``, drawn at random.
        settings: of the search, the paper's by default.
        select: "last_within" takes the sizes of the last epoch that is within the budget, and those nearest to it where
            none is; "last" the sizes of the last epoch, as the paper does: in short searches they may lie beside the
            budget.
        augment: called with each batch of inputs and a generator; returns the inputs to learn from.
        seed: of weights, logits, batches and draws; torch's global random state stays as it is.

    Raises:
        InputError: a budget below what the smallest sizes cost or above 1, more draws than candidates, data that does
            not fit, losses that are no longer finite.

    >>> from netopsy.data import digits
    >>> data = digits()
    >>> flat = Dataset(data.inputs.flatten(1)[:200], data.targets[:200])
    >>> space = ShapeSpace.mlp((64, 30, 10))
    >>> found = tas_search(space, flat, flops_ratio=0.5, settings=SearchSettings(epochs=2, batch_size=50))
    >>> found.widths["hidden1"] in space.candidates["hidden1"], len(found.history.ratio)
    (True, 2)
    """
    own = settings or SearchSettings()
    check_seed(seed)
    _check(space, data, validation, float(flops_ratio), own)
    lookup("select", select, {"last_within": None, "last": None})
    search = _Search(space, *_halves(data, validation, seed), float(flops_ratio), own, augment, seed)
    with seeded(derive(seed, "forward")), torch.enable_grad(), Task("searching sizes", own.epochs) as task:
        for epoch in range(own.epochs):
            search.run(epoch)
            task.advance()
    history = search.history()
    epoch = _chosen(history, float(flops_ratio), own.tol) if select == "last_within" else own.epochs - 1
    width, depth = search.sizes.probabilities()
    return TASResult(
        space,
        history.shapes[epoch],
        epoch,
        float(flops_ratio),
        own.tol,
        {name: value.detach().cpu() for name, value in width.items()},
        {name: value.detach().cpu() for name, value in depth.items()},
        history,
    )


class _Search:
    def __init__(
        self,
        space: ShapeSpace,
        train: Dataset,
        validation: Dataset,
        flops_ratio: float,
        settings: SearchSettings,
        augment: Augment | None,
        seed: int,
    ) -> None:
        self.space, self.settings, self.augment = space, settings, augment
        self.full = space.flops()
        self.target = flops_ratio * self.full
        device = train.inputs.device
        network = SearchNetwork(space, aggregate=settings.aggregate, seed=derive(seed, "init"))
        self.network, self.sizes = network.to(device), SizeLogits(space, seed=derive(seed, "sizes")).to(device)
        self.loss = LOSSES[settings.loss]
        self.weights = torch.optim.SGD(
            self.network.parameters(),
            lr=settings.lr,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
            nesterov=settings.momentum > 0,
        )
        self.logits = torch.optim.Adam(
            self.sizes.parameters(),
            lr=settings.arch_lr,
            betas=settings.arch_betas,
            weight_decay=settings.arch_weight_decay,
        )
        self.noise = generator(derive(seed, "noise"), device)
        self.augmentation = generator(derive(seed, "augment"))
        self.train = _batches(train, settings.batch_size, derive(seed, "train"))
        self.validation = _batches(validation, settings.batch_size, derive(seed, "validation"))
        self.per_epoch = batches_per_epoch(len(train), settings.batch_size)
        self.step = 0
        self.rows: list[tuple[float, ...]] = []
        self.shapes: list[Shape] = []

    def run(self, epoch: int) -> None:
        tau, losses = self.settings.tau_at(epoch), []
        for _ in range(self.per_epoch):
            set_lr(self.weights, self.settings.lr * cosine(self.step, self.settings.epochs * self.per_epoch))
            losses.append(torch.stack([self.train_weights(tau), self.train_sizes(tau)]))
            self.step += 1
        mean = torch.stack(losses).mean(0)
        finite = bool(mean.isfinite().all()) and all(bool(each.isfinite().all()) for each in self.sizes.parameters())
        require(finite, "the losses are no longer finite: a smaller lr or arch_lr may help")
        with torch.no_grad():
            expected = float(expected_flops(self.space, *self.sizes.probabilities())) / self.full
        self.shapes.append(self.sizes.shape())
        self.rows.append((self.space.macs(self.shapes[-1]) / self.full, expected, tau, *mean.tolist()))

    def train_weights(self, tau: float) -> Tensor:
        """One step of the weights; sizes are drawn and get no gradient."""
        with torch.no_grad():
            sample = self.sizes.sample(tau, self.settings.n_sample, self.noise)
        inputs, targets = next(self.train)
        loss = self.loss(self.network(self._seen(inputs), sample), targets).mean()
        self.weights.zero_grad()
        loss.backward()
        self.weights.step()
        return loss.detach()

    def train_sizes(self, tau: float) -> Tensor:
        """One step of the logits; the weights get no gradient."""
        inputs, targets = next(self.validation)
        sample = self.sizes.sample(tau, self.settings.n_sample, self.noise)
        loss = self.loss(self.network(self._seen(inputs), sample), targets).mean()
        actual = self.space.macs(self.sizes.shape())
        expected = expected_flops(self.space, *self.sizes.probabilities())
        cost = cost_loss(expected, actual, self.target, self.settings.tol)
        parameters = [each for each in self.sizes.parameters() if each.numel()]
        total = loss + self.settings.lam_cost * cost
        gradients = torch.autograd.grad(total, parameters)
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = gradient
        self.logits.step()
        return loss.detach()

    def history(self) -> SearchHistory:
        ratio, expected, tau, train, validation = torch.tensor(self.rows).T
        return SearchHistory(ratio, expected, tau, train, validation, tuple(self.shapes))

    def _seen(self, inputs: Tensor) -> Tensor:
        return inputs if self.augment is None else self.augment(inputs, self.augmentation)


def _batches(data: Dataset, batch_size: int, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
    for indices in index_batches(len(data), batch_size, seed):
        yield data.inputs[indices], data.targets[indices]


def _halves(data: Dataset, validation: Dataset | None, seed: int) -> tuple[Dataset, Dataset]:
    if validation is not None:
        return data, validation
    order = torch.randperm(len(data), generator=generator(derive(seed, "halves")))
    return data[order[: len(data) // 2]], data[order[len(data) // 2 :]]


def _chosen(history: SearchHistory, ratio: float, tol: float) -> int:
    """The last epoch within the tolerance, or the nearest one; of equally near ones the last."""
    gaps = [abs(found - ratio) for found in history.ratio.tolist()]
    within = [epoch for epoch, gap in enumerate(gaps) if gap <= tol * ratio]
    return within[-1] if within else min(reversed(range(len(gaps))), key=gaps.__getitem__)


def _check(space: ShapeSpace, data: Dataset, validation: Dataset | None, ratio: float, own: SearchSettings) -> None:
    for name, part in (("data", data), ("validation", validation)):
        if part is None:
            continue
        require(isinstance(part, Dataset), f"{name} must be a netopsy Dataset, got {type(part).__name__}")
        shape = tuple(part.inputs.shape[1:])
        require(shape == space.input_shape, f"{name} must have samples of shape {space.input_shape}, got {shape}")
    require(validation is not None or len(data) >= 4, f"data must hold at least 4 samples, got {len(data)}")
    least = space.flops(space.smallest) / space.flops()
    require(least <= ratio <= 1, f"flops_ratio must lie between {least:.3g}, the smallest sizes, and 1, got {ratio:g}")
    most = max(map(len, space.candidates.values()))
    require(own.n_sample <= most, f"n_sample must be at most {most}, the candidates of a layer, got {own.n_sample}")
    highest = 0 if own.loss != "cross_entropy" else int(data.targets.max())
    require(highest < space.head.width, f"data has a class {highest}, and the space only {space.head.width} outputs")
