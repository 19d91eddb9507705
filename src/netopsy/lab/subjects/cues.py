"""Images that are positive for different hidden reasons, and networks trained on the classes alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netopsy.core.errors import lookup, require
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive, generator
from netopsy.core.shapes import Images, Labels
from netopsy.data import Dataset, canvases, hub_dataset
from netopsy.lab.subjects.images import NETWORKS
from netopsy.training import Recipe, fit

PLANTED = "planted"
DIGIT, STAMP = 3, 3
"""The digit that is positive by itself, and the side of the stamp that makes any other positive."""

_VEHICLES = (0, 1, 8, 9)
"""Of CIFAR-10, the classes that are no animals: the positive superclass, each of which is a hidden reason."""


@dataclass(frozen=True)
class CueSetting:
    """Which images and which network, and how it is trained."""

    data: str = PLANTED
    """Canvases with planted cues ("planted"), or CIFAR-10 of the Hub with vehicles against animals."""
    network: str = "small_conv_net"
    layer: str = "flatten"
    """The penultimate layer."""
    train_images: int | None = 4000
    test_images: int = 1000
    size: int = 20
    epochs: int = 5
    batch_size: int = 50
    lr: float = 1e-2
    widths: tuple[int, ...] = (12, 24, 24, 48)


SUPERCLASSES = CueSetting(
    data="uoft-cs/cifar10",
    network="resnet18",
    train_images=None,
    test_images=5000,
    epochs=30,
    batch_size=128,
    lr=1e-3,
    widths=(64, 128, 256, 512),
)


@dataclass(frozen=True, eq=False)
class Cued:
    """Images, whether they are positive, and why."""

    images: Images
    labels: Labels
    """1 is positive."""
    cues: Int[Tensor, "batch"]
    """Number of the hidden reason of a positive image; -1 for negative ones."""

    def of(self, which: Tensor) -> Cued:
        """Those images alone."""
        return Cued(self.images[which], self.labels[which], self.cues[which])


def trained_on_cues(setting: CueSetting, seed: int) -> tuple[nn.Module, Cued, Cued]:
    """A network that has seen only the classes; what it was trained on, and images it has not seen."""
    if setting.data == PLANTED:
        require(setting.train_images is not None, "train_images must say how many canvases to draw")
        train = planted(int(setting.train_images or 0), setting.size, "train", derive(seed, "train"))
        test = planted(setting.test_images, setting.size, "test", derive(seed, "test"))
    else:
        train = _superclasses(setting.data, "train", setting.train_images, seed)
        test = _superclasses(setting.data, "test", setting.test_images, seed)
    make: Any = lookup("network", setting.network, NETWORKS)
    options = {"channels": train.images.shape[1], "classes": 2, "widths": setting.widths}
    model: nn.Module = make(**options, seed=derive(seed, "init")).to(best_device())
    steps = max(2, setting.epochs * len(train.images) // setting.batch_size)
    recipe = Recipe(steps=steps, batch_size=setting.batch_size, lr=setting.lr, schedule="onecycle")
    fit(model, Dataset(train.images, train.labels, ("negative", "positive")), recipe, seed=derive(seed, "order"))
    return model.eval(), train, test


def planted(n: int, size: int, split: Literal["train", "test"], seed: int) -> Cued:
    """A digit on a texture: half negative, a quarter with the positive digit, a quarter with a stamp in a corner.

    The stamp is a 3x3 checker of black and white, in a corner that the digit leaves free; digits with a stamp, and
    negative ones, are of the other nine classes.
    """
    drawn = canvases(12 * n, split=split, size=size, objects=1, seed=derive(seed, "canvases"))
    digits, quarter = drawn.classes[:, 0], n // 4
    with_digit, others = (digits == DIGIT).nonzero()[:, 0], (digits != DIGIT).nonzero()[:, 0]
    require(len(with_digit) >= quarter, "too few canvases with the positive digit")
    chosen = torch.cat([with_digit[:quarter], others[: n - quarter]])
    cues = torch.full((n,), -1)
    cues[:quarter], cues[quarter : 2 * quarter] = 0, 1
    random = generator(derive(seed, "order"))
    images = drawn.images[chosen].clone()
    stamped = cues == 1
    images[stamped] = _stamped(images[stamped], drawn.boxes[chosen][stamped, 0], random)
    order = torch.randperm(n, generator=random)
    return Cued(images, (cues >= 0).long(), cues).of(order)


def _stamped(images: Images, boxes: Tensor, random: torch.Generator) -> Images:
    side = images.shape[-1]
    stamp: Float[Tensor, "3 3"] = 1.0 - (torch.arange(STAMP)[:, None] + torch.arange(STAMP)) % 2
    corners = torch.zeros(4, side, side, dtype=torch.bool)
    for number in range(4):
        rows, columns = (slice(STAMP) if half else slice(side - STAMP, side) for half in (number // 2, number % 2))
        corners[number, rows, columns] = True
    free = ~(corners & boxes[:, None]).flatten(2).any(2)
    which = torch.multinomial(free.float(), 1, generator=random)[:, 0]
    where = corners[which]
    marked = images.clone()
    marked[:, 0][where] = stamp.flatten().repeat(len(images))
    return marked


def _superclasses(name: str, split: str, limit: int | None, seed: int) -> Cued:
    data = hub_dataset(name, split, limit=limit, seed=seed)
    vehicles = torch.tensor(_VEHICLES)
    positive = torch.isin(data.targets, vehicles)
    cues = torch.where(positive, (data.targets[:, None] == vehicles).long().argmax(1), -1)
    return Cued(data.inputs, positive.long(), cues)
