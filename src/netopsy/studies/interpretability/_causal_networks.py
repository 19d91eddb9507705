"""The networks whose causal graphs are studied, and the images they are trained and judged on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from netopsy.core.errors import lookup
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive
from netopsy.data import Dataset, crop_and_flip, digits_split, hub_dataset
from netopsy.models import lenet, vgg
from netopsy.training import Recipe, fit

DIGITS = "digits"


@dataclass(frozen=True)
class Setting:
    """Which images and which network, and how it is trained."""

    data: str = DIGITS
    """The embedded 8x8 digits, or a set of the Hub."""
    network: str = "small lenet"
    steps: int = 400
    batch_size: int = 60
    lr: float = 5e-3

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Setting:
        """A setting from the parameters of a cell."""
        return cls(**parameters)


def _small_lenet(channels: int, size: int, classes: int, seed: int) -> nn.Sequential:
    return lenet((8, 16), (48,), kernel=3, channels=channels, size=size, classes=classes, seed=seed)


def _lenet(channels: int, size: int, classes: int, seed: int) -> nn.Sequential:
    return lenet(channels=channels, size=size, classes=classes, seed=seed)


def _vgg11(channels: int, size: int, classes: int, seed: int) -> nn.Sequential:
    return vgg(11, channels=channels, size=size, classes=classes, seed=seed)


NETWORKS: Mapping[str, Any] = {"small lenet": _small_lenet, "lenet": _lenet, "vgg11": _vgg11}
MAPPED: Mapping[str, str] = {
    "small lenet": "features.conv2",
    "lenet": "features.conv2",
    "vgg11": "stage3.conv2",
}
"""The convolution whose causal maps are compared with gradients: the last one, of VGG the last with an 8x8 grid."""


def trained(setting: Setting, seed: int) -> tuple[nn.Module, Dataset, Dataset]:
    """A network trained on the setting's images, those images, and others that it has not seen."""
    device = best_device()
    train, test = _data(setting.data)
    make = lookup("network", setting.network, NETWORKS)
    channels, size = train.inputs.shape[1], train.inputs.shape[2]
    model: nn.Module = make(channels, size, train.class_count, derive(seed, "init")).to(device)
    recipe = Recipe(steps=setting.steps, batch_size=setting.batch_size, lr=setting.lr, schedule="onecycle")
    augment = None if setting.data == DIGITS else crop_and_flip
    fit(model, train, recipe, seed=derive(seed, "order"), augment=augment)
    return model.eval(), train.to(device), test.to(device)


def _data(name: str) -> tuple[Dataset, Dataset]:
    if name == DIGITS:
        train, _, test = digits_split()
        return train, test
    train = hub_dataset(name, "train").standardise()
    return train, hub_dataset(name, "test").standardise(like=train)
