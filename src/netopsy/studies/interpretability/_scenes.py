"""Images in which there is something to point at, and the networks trained to see it: for studies of saliency."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from netopsy.core.errors import InputError, lookup, require
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive, generator
from netopsy.core.shapes import Images
from netopsy.data import Dataset, canvases, crop_and_flip, hub_dataset
from netopsy.models import resnet18, small_conv_net
from netopsy.training import Recipe, evaluate, fit

CANVASES = "canvases"


@dataclass(frozen=True, eq=False)
class Scenes:
    """Images that each show several objects of different classes, and where they are."""

    images: Images
    classes: Int[Tensor, "batch objects"]
    masks: Bool[Tensor, "batch objects height width"]

    def __len__(self) -> int:
        return len(self.images)

    def batches(self, size: int = 50) -> Iterator[tuple[range, Scenes]]:
        """The scenes in parts, each with their numbers."""
        for start in range(0, len(self), size):
            which = range(start, min(start + size, len(self)))
            part = slice(which.start, which.stop)
            yield which, Scenes(self.images[part], self.classes[part], self.masks[part])

    def to(self, device: torch.device) -> Scenes:
        """The same scenes on ``device``."""
        return Scenes(self.images.to(device), self.classes.to(device), self.masks.to(device))


@dataclass(frozen=True)
class Setting:
    """Which images and which network, and how it is trained."""

    data: str = CANVASES
    """Two digits on a texture ("canvases"), or a set of the Hub, shown as 2x2 mosaics of different classes."""
    network: str = "small_conv_net"
    train_images: int | None = 4000
    """``None``: as many as there are."""
    test_images: int = 300
    epochs: int = 6
    batch_size: int = 50
    lr: float = 1e-2
    widths: tuple[int, ...] = (12, 24, 24, 48)

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Setting:
        """A setting from the parameters of a cell, in which tuples have become lists."""
        return cls(**{**parameters, "widths": tuple(parameters["widths"])})


NETWORKS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(
    {"small_conv_net": small_conv_net, "resnet18": resnet18}
)

LAYERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "small_conv_net": tuple(f"features.act{number}" for number in range(1, 5)),
        "resnet18": tuple(f"stage{number}" for number in range(1, 5)),
    }
)
"""Where to look in a network, first layer first."""

CONVOLUTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "small_conv_net": tuple(f"features.conv{number}" for number in range(1, 5)),
        "resnet18": tuple(f"stage{number}.block2.conv2" for number in range(1, 5)),
    }
)


def trained(setting: Setting, seed: int) -> tuple[nn.Module, Scenes, float]:
    """A network trained on the setting's images, scenes it has not seen, and how much of them it recognises.

    The last is the share of a scene's objects among as many top answers for canvases, and the accuracy on single test
    images for mosaics. Everything is on the GPU if there is one.
    """
    device = best_device()
    make = lookup("network", setting.network, NETWORKS)
    train, test, scenes = _data(setting, seed)
    model = make(
        channels=train.inputs.shape[1], classes=len(train.classes), widths=setting.widths, seed=derive(seed, "init")
    ).to(device)
    recipe = Recipe(
        steps=max(1, setting.epochs * len(train) // setting.batch_size),
        batch_size=setting.batch_size,
        lr=setting.lr,
        schedule="onecycle",
        loss="cross_entropy" if train.is_classification else "bce",
    )
    fit(model, train, recipe, seed=derive(seed, "order"), augment=crop_and_flip if train.is_classification else None)
    answers = evaluate(model, test, loss=recipe.loss)
    if test.is_classification:
        return model.eval(), scenes.to(device), answers.accuracy
    objects = scenes.classes.shape[1]
    recall = test.targets.gather(1, answers.outputs.topk(objects).indices).mean()
    return model.eval(), scenes.to(device), float(recall)


def mosaics(data: Dataset, count: int, *, side: int = 2, seed: int = 0) -> Scenes:
    """``count`` grids of ``side`` by ``side`` images of different classes; each image's own field is what to point at.

    The grid pointing game of Boehle et al. 2021, for a network trained on single images.
    """
    cells = side**2
    require(data.class_count >= cells, f"a mosaic needs {cells} classes, but {data.name} has {data.class_count}")
    random = generator(seed)
    members = [(data.targets == label).nonzero().flatten() for label in range(data.class_count)]
    present = torch.tensor([label for label, those in enumerate(members) if len(those)])
    require(len(present) >= cells, f"a mosaic needs images of {cells} classes, but there are those of {len(present)}")
    order = torch.rand(count, len(present), generator=random).argsort(1)[:, :cells]
    classes = present[order]
    draws = torch.rand(count, cells, generator=random)
    chosen = torch.tensor(
        [
            [int(members[label][int(draw * len(members[label]))]) for label, draw in zip(*row, strict=True)]
            for row in zip(classes.tolist(), draws.tolist(), strict=True)
        ]
    )
    images = data.inputs[chosen.flatten()]
    channels, height, width = images.shape[1:]
    grid = images.reshape(count, side, side, channels, height, width).permute(0, 3, 1, 4, 2, 5)
    fields = torch.eye(cells, dtype=torch.bool).reshape(cells, side, side)
    masks: Bool[Tensor, "objects height width"] = fields.repeat_interleave(height, 1).repeat_interleave(width, 2)
    return Scenes(
        grid.reshape(count, channels, side * height, side * width), classes, masks.expand(count, *masks.shape)
    )


def _data(setting: Setting, seed: int) -> tuple[Dataset, Dataset, Scenes]:
    if setting.data == CANVASES:
        if setting.train_images is None:
            raise InputError("train_images must say how many canvases to draw")
        train = canvases(setting.train_images, split="train", seed=derive(seed, "train"))
        test = canvases(setting.test_images, split="test", seed=derive(seed, "test"))
        return train.dataset(), test.dataset(), Scenes(test.images, test.classes, test.boxes)
    single = hub_dataset(setting.data, "train", limit=setting.train_images, seed=seed).standardise()
    unseen = hub_dataset(setting.data, "test").standardise(like=single)
    return single, unseen, mosaics(unseen, setting.test_images, seed=derive(seed, "mosaics"))
