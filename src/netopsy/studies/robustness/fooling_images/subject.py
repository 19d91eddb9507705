"""The images and the networks of the fooling-images study: pixels from 0 to 1, and any number of classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import nn

from netopsy.core.errors import lookup
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive
from netopsy.data import Dataset, hub_dataset, photograph_patches
from netopsy.lab.subjects import digit_networks, patches
from netopsy.lab.subjects.kept import kept
from netopsy.models import lenet, resnet18
from netopsy.robustness.queries import Queries
from netopsy.studies.robustness.fooling_images.plan import DIGITS, PATCHES, Source
from netopsy.training import Recipe, fit


def _digits(channels: int, size: int, classes: int, seed: int) -> nn.Module:
    return digit_networks.NETWORKS["cnn"](seed, classes)


def _convolutions(channels: int, size: int, classes: int, seed: int) -> nn.Module:
    return patches.network(patches.PatchSetting(), seed, channels=channels, classes=classes)


def _resnet(channels: int, size: int, classes: int, seed: int) -> nn.Module:
    return resnet18(channels=channels, classes=classes, seed=seed)


NETWORKS: Mapping[str, Callable[..., nn.Module]] = {
    "cnn": _digits,
    "three convolutions": _convolutions,
    "lenet": partial(lenet, (6, 16)),
    "resnet18": _resnet,
}


def images_of(source: Source, seed: int) -> tuple[Dataset, Dataset]:
    """Images to train on and images that no network sees, from 0 to 1."""
    if source.data == DIGITS:
        return digit_networks.digit_images()
    if source.data == PATCHES:
        count = source.train_images, source.test_images
        return photograph_patches(*count, size=patches.SIZE, seed=derive(seed, "patches"))
    return hub_dataset(source.data, "train"), hub_dataset(source.data, "test")


def trained(source: Source, train: Dataset, classes: int, seed: int) -> nn.Module:
    """A network of its own weights and order of the images, in evaluation mode."""
    model = _made(source, train, classes, seed)
    recipe = Recipe(steps=source.steps, batch_size=source.batch_size, lr=source.lr, schedule="onecycle")
    fit(model, train, recipe, seed=derive(seed, "order"))
    return model.eval()


def network(source: Source, seed: int) -> nn.Module:
    """The network trained on the source's own images, whose weights are kept on disk."""
    train, _ = images_of(source, seed)
    made = _made(source, train, train.class_count, seed)
    made.load_state_dict(kept(train_network, source=source, seed=seed))
    return made.eval()


def train_network(source: Source, seed: int) -> dict[str, torch.Tensor]:
    """Its weights."""
    train, _ = images_of(source, seed)
    return trained(source, train, train.class_count, seed).state_dict()


def _made(source: Source, train: Dataset, classes: int, seed: int) -> nn.Module:
    make = lookup("network", source.network, NETWORKS)
    _, channels, size, _ = train.inputs.shape
    return make(channels=channels, size=size, classes=classes, seed=derive(seed, "init")).to(best_device())


def accuracy(model: nn.Module, data: Dataset) -> float:
    """The share of images that are given their class."""
    return float((Queries(model)(data.inputs).argmax(1) == data.targets).float().mean())


def reference(train: Dataset, most: int) -> torch.Tensor:
    """The real images that evolved ones are compared with."""
    return train.inputs[:most]
