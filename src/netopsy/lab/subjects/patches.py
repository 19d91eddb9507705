"""The small networks that say which photograph a patch is from; or, at the papers' own scale, VGG-16 on a Hub set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from netopsy.core.modes import best_device
from netopsy.core.seeds import derive
from netopsy.data import PHOTOGRAPHS, Dataset, crop_and_flip, hub_dataset, photograph_patches
from netopsy.models import initialise, vgg
from netopsy.models.blocks import named
from netopsy.training import Recipe, fit

PATCHES, SIZE = "patches", 32
"""Of the photographs, and their pixels a side."""


THREE_CONVOLUTIONS, VGG = "three convolutions", "vgg"


LAYERS = ("features.act1", "features.act2", "features.act3", "classifier.act4", "classifier.output")
"""The five layers to look at, from the pixels to the scores."""


LAYERS_OF: Mapping[str, tuple[str, ...]] = {
    THREE_CONVOLUTIONS: LAYERS,
    VGG: ("stage1", "stage2", "stage3", "stage4", "output"),
}
"""Network to the layers to look at."""


@dataclass(frozen=True)
class PatchSetting:
    """How many images, which network, and how it is trained."""

    data: str = PATCHES
    """Or a set of the Hub."""
    network: str = THREE_CONVOLUTIONS
    train_images: int = 4000
    test_images: int = 1000
    widths: tuple[int, int, int] = (12, 24, 48)
    hidden: int = 128
    epochs: int = 6
    batch_size: int = 50
    lr: float = 6e-3

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps of one epoch."""
        return max(1, self.train_images // self.batch_size)

    @property
    def steps(self) -> int:
        """Optimiser steps of a whole training."""
        return self.epochs * self.steps_per_epoch


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network, in evaluation mode, with what belongs to it."""

    model: nn.Sequential
    train: Dataset
    test: Dataset
    states: Mapping[int, Mapping[str, Tensor]]
    """Number of steps done to the state then, on the CPU."""


def trained(setting: PatchSetting, seed: int, *, keep_states: Sequence[int] = ()) -> Trained:
    """A network with weights, images and order of its own seed, trained; with its states at the steps asked for."""
    train, test = images_of(setting, seed)
    model = network(setting, seed, channels=train.inputs.shape[1], classes=train.class_count).to(best_device())
    recipe = Recipe(steps=setting.steps, batch_size=setting.batch_size, lr=setting.lr, schedule="onecycle")
    augment = None if setting.data == PATCHES else crop_and_flip
    done = fit(model, train, recipe, seed=derive(seed, "order"), keep_states=keep_states, augment=augment)
    return Trained(model.eval(), train, test, done.states)


def images_of(setting: PatchSetting, seed: int) -> tuple[Dataset, Dataset]:
    """The training and the test images, in [0, 1]."""
    if setting.data == PATCHES:
        return photograph_patches(setting.train_images, setting.test_images, size=SIZE, seed=derive(seed, "patches"))
    train = hub_dataset(setting.data, "train", limit=setting.train_images, seed=seed)
    return train, hub_dataset(setting.data, "test", limit=setting.test_images, seed=seed)


def network(setting: PatchSetting, seed: int, *, channels: int = 1, classes: int = len(PHOTOGRAPHS)) -> nn.Sequential:
    """Three convolutions, each with a ReLU and max-pooling, and two dense layers; or VGG-16; untrained.

    Layers are called ``features.conv1``, ``features.act1``, ``features.pool1``, ..., ``classifier.fc4``,
    ``classifier.act4``, ``classifier.output``.
    """
    if setting.network == VGG:
        return vgg(16, channels=channels, classes=classes, width=setting.widths[0], seed=derive(seed, "init"))
    features: list[tuple[str, nn.Module]] = []
    inputs = [channels, *setting.widths]
    for number, side in enumerate((5, 3, 3), start=1):
        convolution = nn.Conv2d(inputs[number - 1], inputs[number], side, padding=side // 2)
        parts = {"conv": convolution, "act": nn.ReLU(), "pool": nn.MaxPool2d(2)}
        features += [(f"{name}{number}", part) for name, part in parts.items()]
    hidden, output = nn.Linear(inputs[-1] * (SIZE // 8) ** 2, setting.hidden), nn.Linear(setting.hidden, classes)
    classifier = named([("fc4", hidden), ("act4", nn.ReLU()), ("output", output)])
    model = named([("features", named(features)), ("flatten", nn.Flatten()), ("classifier", classifier)])
    return initialise(model, "he_normal", seed=derive(seed, "init"))
