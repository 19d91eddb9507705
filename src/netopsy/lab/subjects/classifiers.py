"""Convolutional networks that name small images; their weights are drawn and trained anew with every seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from torch import nn

from netopsy.core.errors import lookup
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive
from netopsy.data import Dataset, crop_and_flip, digits_split, hub_dataset
from netopsy.models import lenet, vgg
from netopsy.training import Recipe, fit

DIGITS = "digits"


@dataclass(frozen=True)
class ClassifierSetting:
    """Which images and which network, and how it is trained."""

    data: str = DIGITS
    """The embedded 8x8 digits, or a set of the Hub."""
    network: str = "small lenet"
    steps: int = 400
    batch_size: int = 60
    lr: float = 5e-3


NETWORKS: Mapping[str, Callable[..., nn.Module]] = {
    "small lenet": partial(lenet, (8, 16), (48,), kernel=3),
    "lenet": lenet,
    "vgg11": partial(vgg, 11),
}


def trained(setting: ClassifierSetting, seed: int) -> tuple[nn.Module, Dataset, Dataset]:
    """A network trained on the setting's images, those images, and others that it has not seen."""
    if setting.data == DIGITS:
        train, _, test = digits_split()
    else:
        train = hub_dataset(setting.data, "train").standardise()
        test = hub_dataset(setting.data, "test").standardise(like=train)
    _, channels, size, _ = train.inputs.shape
    make = lookup("network", setting.network, NETWORKS)
    model = make(channels=channels, size=size, classes=train.class_count, seed=derive(seed, "init")).to(best_device())
    recipe = Recipe(steps=setting.steps, batch_size=setting.batch_size, lr=setting.lr, schedule="onecycle")
    augment = None if setting.data == DIGITS else crop_and_flip
    fit(model, train, recipe, seed=derive(seed, "order"), augment=augment)
    return model.eval(), train.to(best_device()), test.to(best_device())
