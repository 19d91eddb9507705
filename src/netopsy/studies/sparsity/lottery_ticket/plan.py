"""The numbers of the lottery ticket study: the rows of the paper's table, and a small one for laptops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor, nn

from netopsy.data import Dataset, digits_split
from netopsy.data.augment import crop_and_flip
from netopsy.data.hub import hub_dataset
from netopsy.models import conv_net, lenet_300_100, mlp, resnet
from netopsy.training import Recipe

DENSE_RATE = 0.2
"""Share of the weights of a dense layer pruned in each round."""


@dataclass(frozen=True)
class Setting:
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
_LENET = partial(Setting, network=lenet_300_100, init="glorot_normal", recipe=_SMALL(steps=50_000, lr=1.2e-3))
_CONV = partial(Setting, "hub:uoft-cs/cifar10", init="glorot_normal", stacked=False)
_RESNET = partial(
    Setting,
    "hub:uoft-cs/cifar10",
    partial(resnet, 20),
    "he_normal",
    scope="global",
    exclude=("output",),
    stacked=False,
    augment=crop_and_flip,
)

SETTINGS = {
    "mlp-digits": Setting("digits", partial(mlp, [64, 300, 100, 10]), "glorot_normal", _SMALL(steps=1000, lr=1.2e-3)),
    "lenet-mnist": _LENET("hub:ylecun/mnist"),
    "lenet-fashion": _LENET("hub:zalando-datasets/fashion_mnist"),
    "conv2-cifar10": _CONV(partial(conv_net, 2), recipe=_SMALL(steps=20_000, lr=2e-4), conv_rate=0.1),
    "conv4-cifar10": _CONV(partial(conv_net, 4), recipe=_SMALL(steps=25_000, lr=3e-4), conv_rate=0.1),
    "conv6-cifar10": _CONV(partial(conv_net, 6), recipe=_SMALL(steps=30_000, lr=3e-4), conv_rate=0.15),
    "resnet20-high": _RESNET(recipe=_DEEP(lr=0.1)),
    "resnet20-low": _RESNET(recipe=_DEEP(lr=0.01)),
    "resnet20-warmup": _RESNET(recipe=_DEEP(lr=0.03, warmup=20_000)),
}


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    settings: tuple[str, ...] = ("mlp-digits",)
    """Names in `SETTINGS`; the first is the one the claims about small networks are judged on."""
    seeds: int = 8
    stack: int = 4
    """Seeds in one cell."""
    rounds: int = 15
    compared: tuple[int, ...] = (3, 7, 12, 15)
    """Rounds at which the controls are trained."""
    matched: int = 7
    """The round where a ticket should equal the dense network and learn faster: density about 21 %."""
    sparse: int = 12
    """The round where a ticket should beat its controls: density about 7 %."""
    evaluate_every: int = 20
    steps: int | None = None
    """Replaces the setting's own number of steps."""


PRESETS = {
    "smoke": Config(seeds=3, stack=3, rounds=3, compared=(1, 3), matched=1, sparse=3, steps=40),
    "laptop": Config(),
    "paper": Config(
        settings=(
            "lenet-mnist",
            "lenet-fashion",
            "conv2-cifar10",
            "conv4-cifar10",
            "conv6-cifar10",
            "resnet20-high",
            "resnet20-low",
            "resnet20-warmup",
        ),
        seeds=5,
        stack=1,
        evaluate_every=100,
    ),
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
