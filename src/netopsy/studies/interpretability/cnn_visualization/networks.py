"""Grey patches of sixteen photographs, and the small networks that say which photograph a patch is from.

Or, at the papers' own scale, images of a set of the Hub and VGG-16.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.modes import best_device
from netopsy.core.seeds import derive, generator
from netopsy.data import PHOTOGRAPHS, Dataset, crop_and_flip, hub_dataset, photograph
from netopsy.models import initialise, vgg
from netopsy.studies.interpretability.cnn_visualization.plan import PATCHES, VGG, Setting
from netopsy.training import Recipe, evaluate, fit

SIZE = 32
"""Pixels a side of a patch."""
LEFT = 0.7
"""Training patches lie in this share of a photograph's width, from the left; test patches in the rest."""
_SHORTEST = 256


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network, in evaluation mode, with what belongs to it."""

    model: nn.Sequential
    train: Dataset
    test: Dataset
    states: Mapping[int, Mapping[str, Tensor]]
    """Number of steps done to the state then, on the CPU."""
    accuracy: float
    """On the test patches."""


def trained(setting: Setting, seed: int, *, keep_states: Sequence[int] = ()) -> Trained:
    """A network with weights, patches and order of its own seed, trained; with its states at the steps asked for."""
    train, test = images_of(setting, seed)
    model = network(setting, seed, channels=train.inputs.shape[1], classes=train.class_count).to(best_device())
    recipe = Recipe(steps=setting.steps, batch_size=setting.batch_size, lr=setting.lr, schedule="onecycle")
    augment = None if setting.data == PATCHES else crop_and_flip
    done = fit(model, train, recipe, seed=derive(seed, "order"), keep_states=keep_states, augment=augment)
    return Trained(model.eval(), train, test, done.states, evaluate(model, test).accuracy)


def images_of(setting: Setting, seed: int) -> tuple[Dataset, Dataset]:
    """The training and the test images, in [0, 1]."""
    if setting.data == PATCHES:
        return patches(seed, setting.train_patches, setting.test_patches)
    train = hub_dataset(setting.data, "train", limit=setting.train_patches, seed=seed)
    return train, hub_dataset(setting.data, "test", limit=setting.test_patches, seed=seed)


def network(setting: Setting, seed: int, *, channels: int = 1, classes: int = len(PHOTOGRAPHS)) -> nn.Sequential:
    """Three convolutions, each with a ReLU and max-pooling, and two dense layers; or VGG-16; untrained.

    Layers are called ``features.conv1``, ``features.act1``, ``features.pool1``, ..., ``classifier.fc4``,
    ``classifier.act4``, ``classifier.output``.
    """
    if setting.network == VGG:
        return vgg(16, channels=channels, classes=classes, width=setting.widths[0], seed=derive(seed, "init"))
    features, classifier = nn.Sequential(), nn.Sequential()
    inputs = channels
    for number, (width, side) in enumerate(zip(setting.widths, (5, 3, 3), strict=True), start=1):
        features.add_module(f"conv{number}", nn.Conv2d(inputs, width, side, padding=side // 2))
        features.add_module(f"act{number}", nn.ReLU())
        features.add_module(f"pool{number}", nn.MaxPool2d(2))
        inputs = width
    classifier.add_module("fc4", nn.Linear(inputs * (SIZE // 8) ** 2, setting.hidden))
    classifier.add_module("act4", nn.ReLU())
    classifier.add_module("output", nn.Linear(setting.hidden, classes))
    model = nn.Sequential()
    for name, part in (("features", features), ("flatten", nn.Flatten()), ("classifier", classifier)):
        model.add_module(name, part)
    initialise(model, "he_normal", seed=derive(seed, "init"))
    return model


def patches(seed: int, train: int, test: int) -> tuple[Dataset, Dataset]:
    """Patches ``[n, 1, 32, 32]`` in [0, 1] at random places, the photographs taking turns; no pixel is in both sets."""
    random = generator(derive(seed, "patches"))
    return _cut(_reduced(), train, random, right=False), _cut(_reduced(), test, random, right=True)


@cache
def _reduced() -> tuple[Float[Tensor, "height width"], ...]:
    """The photographs in grey; large ones reduced, so that a patch shows more than a spot of one tone."""
    found = []
    for name in PHOTOGRAPHS:
        image = photograph(name, grey=True)
        factor = min(1.0, _SHORTEST / min(image.shape[1:]))
        size = [round(factor * side) for side in image.shape[1:]]
        found.append(F.interpolate(image[None], size=size, mode="area")[0, 0])
    return tuple(found)


def _cut(images: Sequence[Tensor], count: int, random: torch.Generator, *, right: bool) -> Dataset:
    labels = torch.arange(count) % len(images)
    inputs = torch.empty(count, 1, SIZE, SIZE)
    for number, image in enumerate(images):
        own = (labels == number).nonzero()[:, 0]
        border = int(LEFT * image.shape[1])
        inputs[own, 0] = _crops(image[:, border:] if right else image[:, :border], len(own), random)
    return Dataset(inputs, labels, classes=PHOTOGRAPHS, name="patches")


def _crops(image: Float[Tensor, "height width"], count: int, random: torch.Generator) -> Float[Tensor, "n size size"]:
    rows, columns = (image.shape[axis] - SIZE + 1 for axis in (0, 1))
    top, left = (torch.randint(most, (count, 1, 1), generator=random) for most in (rows, columns))
    side = torch.arange(SIZE)
    return image[top + side[:, None], left + side]
