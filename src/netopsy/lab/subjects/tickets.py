"""Networks that are pruned and trained again, their data and how: the rows of the lottery ticket papers' table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from netopsy.data import Dataset, digits_split
from netopsy.data.augment import crop_and_flip
from netopsy.data.hub import hub_dataset
from netopsy.models import conv_net, lenet_300_100, mlp, resnet
from netopsy.sparsity.lottery_ticket import IMPResult, iterative_magnitude_pruning, iterative_magnitude_pruning_many
from netopsy.training import Fit, Recipe, fit, fit_many, trainer

DENSE_RATE = 0.2
"""Share of the weights of a dense layer pruned in each round."""


@dataclass(frozen=True)
class TicketSetting:
    """A network, its data and how it is trained and pruned: a row of the paper's table."""

    data: str
    network: Callable[..., nn.Module]
    init: str
    recipe: Recipe
    scope: str = "layer"
    conv_rate: float = DENSE_RATE
    exclude: tuple[str, ...] = ()
    stacked: bool = True
    """Whether the seeds train as one stack; large networks go one by one."""
    augment: Callable[..., Tensor] | None = None

    def rates(self, model: nn.Module) -> float | dict[str, float]:
        """The rate of each weight, where convolutions have one of their own; the output layer's is half of dense."""
        if self.scope == "global" or self.conv_rate == DENSE_RATE:
            return DENSE_RATE
        rates = {
            f"{name}.weight": self.conv_rate if isinstance(module, nn.Conv2d) else DENSE_RATE
            for name, module in model.named_modules()
            if isinstance(module, nn.Conv2d | nn.Linear)
        }
        return {**rates, list(rates)[-1]: DENSE_RATE / 2}

    def tickets(
        self,
        models: list[nn.Module],
        data: Dataset,
        recipe: Recipe,
        rounds: int,
        *,
        seeds: Sequence[int],
        **options: Any,
    ) -> list[IMPResult]:
        """A search for tickets from each of the networks; ``options`` are those of `netopsy.training.fit`."""
        how: Any = {"rate": self.rates(models[0]), "scope": self.scope, "exclude": self.exclude}
        if self.stacked:
            return iterative_magnitude_pruning_many(models, data, recipe, rounds, seeds=seeds, **how, **options)
        trainers = [trainer(data, recipe, seed=seed, augment=self.augment, **options) for seed in seeds]
        pairs = zip(models, trainers, strict=True)
        return [iterative_magnitude_pruning(model, train, rounds, **how) for model, train in pairs]

    def fits(
        self,
        models: list[nn.Module],
        data: Dataset,
        recipe: Recipe,
        *,
        seeds: Sequence[int],
        masks: list[Any],
        **options: Any,
    ) -> list[Fit]:
        """Each of the networks trained with its mask."""
        if self.stacked:
            return fit_many(models, data, recipe, seeds=seeds, masks=masks, **options)
        return [
            fit(model, data, recipe, seed=seed, masks=mask, augment=self.augment, **options)
            for model, seed, mask in zip(models, seeds, masks, strict=True)
        ]


_SMALL = partial(Recipe, optimizer="adam", batch_size=60)


_DEEP = partial(
    Recipe,
    steps=30_000,
    optimizer="sgd",
    momentum=0.9,
    weight_decay=1e-4,
    batch_size=128,
    schedule="step",
    milestones=(20_000, 25_000),
)


_LENET = partial(TicketSetting, network=lenet_300_100, init="glorot_normal", recipe=_SMALL(steps=50_000, lr=1.2e-3))


_CONV = partial(TicketSetting, "hub:uoft-cs/cifar10", init="glorot_normal", stacked=False)


_RESNET = partial(
    TicketSetting,
    "hub:uoft-cs/cifar10",
    partial(resnet, 20),
    "he_normal",
    scope="global",
    exclude=("output",),
    stacked=False,
    augment=crop_and_flip,
)


SETTINGS = {
    "mlp-digits": TicketSetting(
        "digits", partial(mlp, [64, 300, 100, 10]), "glorot_normal", _SMALL(steps=1000, lr=1.2e-3)
    ),
    "lenet-mnist": _LENET("hub:ylecun/mnist"),
    "lenet-fashion": _LENET("hub:zalando-datasets/fashion_mnist"),
    "conv2-cifar10": _CONV(partial(conv_net, 2), recipe=_SMALL(steps=20_000, lr=2e-4), conv_rate=0.1),
    "conv4-cifar10": _CONV(partial(conv_net, 4), recipe=_SMALL(steps=25_000, lr=3e-4), conv_rate=0.1),
    "conv6-cifar10": _CONV(partial(conv_net, 6), recipe=_SMALL(steps=30_000, lr=3e-4), conv_rate=0.15),
    "resnet20-high": _RESNET(recipe=_DEEP(lr=0.1)),
    "resnet20-low": _RESNET(recipe=_DEEP(lr=0.01)),
    "resnet20-warmup": _RESNET(recipe=_DEEP(lr=0.03, warmup=20_000)),
}


def load(data: str) -> tuple[Dataset, Dataset, Dataset]:
    """Training, validation and test part, standardised by the training part."""
    if data == "digits":
        train, validation, test = digits_split()
    else:
        name = data.removeprefix("hub:")
        whole, test = hub_dataset(name, "train"), hub_dataset(name, "test")
        train, validation = whole.split(len(whole) - 5000, 5000)
    train = train.standardise()
    return train, validation.standardise(train), test.standardise(train)
