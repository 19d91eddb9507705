"""Images of one object on a texture, with its box, and the networks that name it: for studies of localisation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.errors import InputError, lookup, require
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive, generator
from netopsy.core.shapes import Images, Labels
from netopsy.data import TEXTURES, Dataset, canvases, hub_dataset, photograph
from netopsy.interpretability.localisation import Boxes, tight_boxes
from netopsy.models import resnet18, small_conv_net
from netopsy.training import Recipe, fit

CANVASES = "canvases"
NETWORKS: Mapping[str, Any] = {"small_conv_net": small_conv_net, "resnet18": resnet18}
LAYERS: Mapping[str, tuple[str, str]] = {
    "small_conv_net": ("features.act3", "features.act4"),
    "resnet18": ("stage3", "stage4"),
}
"""The layers to look at: one before the last, and the last."""


@dataclass(frozen=True)
class Setting:
    """Which images and which network, and how it is trained."""

    data: str = CANVASES
    """A digit on a texture ("canvases"), or a set of the Hub, whose images are pasted on textures of 96x96."""
    network: str = "small_conv_net"
    train_images: int | None = 4000
    """``None``: as many as there are."""
    test_images: int = 1000
    epochs: int = 6
    batch_size: int = 50
    lr: float = 1e-2
    widths: tuple[int, ...] = (12, 24, 24, 48)
    radius: float = 0.1
    """Of the adversarial noise, per pixel, in images from 0 to 1."""
    step: float = 0.02
    attack_steps: int = 10

    @classmethod
    def of(cls, parameters: Mapping[str, Any]) -> Setting:
        """A setting from the parameters of a cell, in which tuples have become lists."""
        return cls(**{**parameters, "widths": tuple(parameters["widths"])})


PASTED = Setting(
    data="uoft-cs/cifar10",
    network="resnet18",
    train_images=None,
    test_images=5000,
    epochs=40,
    batch_size=128,
    lr=1e-3,
    widths=(64, 128, 256, 512),
    radius=8 / 255,
    step=2 / 255,
)
"""CIFAR-10 pasted on textures, and a large network: the setting of a paper's own scale."""


@dataclass(frozen=True, eq=False)
class Objects:
    """Images of one object each, in [0, 1], what it is, and where."""

    images: Images
    labels: Labels
    boxes: Boxes

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device) -> Objects:
        """The same on ``device``."""
        return Objects(self.images.to(device), self.labels.to(device), self.boxes.to(device))


def trained(setting: Setting, seed: int) -> tuple[nn.Module, dict[str, Tensor], Objects]:
    """A network trained on the setting's images, its state half way there, and images it has not seen."""
    make = lookup("network", setting.network, NETWORKS)
    train, test, augment = _data(setting, seed)
    model: nn.Module = make(
        channels=train.inputs.shape[1], classes=train.class_count, widths=setting.widths, seed=derive(seed, "init")
    ).to(best_device())
    steps = max(2, setting.epochs * len(train) // setting.batch_size)
    recipe = Recipe(steps=steps, batch_size=setting.batch_size, lr=setting.lr, schedule="onecycle")
    done = fit(model, train, recipe, seed=derive(seed, "order"), keep_states=[steps // 2], augment=augment)
    return model.eval(), dict(done.states[steps // 2]), test.to(best_device())


def training_objects(setting: Setting, seed: int) -> Objects:
    """The images that `trained` trains on, for the same setting and seed, with their boxes.

    Those of a set of the Hub as they look once pasted: in training they are pasted anew in every epoch.
    """
    if setting.data == CANVASES:
        return _canvases(setting, "train", seed)
    single = hub_dataset(setting.data, "train", limit=setting.train_images, seed=seed)
    images, boxes = paste(single.inputs, _textures("train"), _size(single), generator(derive(seed, "paste")))
    return Objects(images, single.targets, boxes)


def paste(
    images: Images, textures: Float[Tensor, "textures rows columns"], size: int, random: torch.Generator
) -> tuple[Float[Tensor, "batch channels size size"], Boxes]:
    """Every image at a random place of a random ``size`` by ``size`` crop of a random texture, and its box."""
    n, channels, height, width = images.shape
    rows, columns = textures.shape[1:]
    require(max(height, width) <= size <= min(rows, columns), f"size must hold the images and fit the textures: {size}")
    below = (len(textures), rows - size + 1, columns - size + 1, size - height + 1, size - width + 1)
    drawn = [torch.randint(most, (n,), generator=random, device=random.device).to(images.device) for most in below]
    which, top, left, y, x = (one[:, None, None] for one in drawn)
    side = torch.arange(size, device=images.device)
    shown = textures.to(images)[which, top + side[:, None], left + side][:, None].repeat(1, channels, 1, 1)
    down, across = y + torch.arange(height, device=y.device)[:, None], x + torch.arange(width, device=x.device)
    # Indexed places come before the channels that are sliced.
    shown[torch.arange(n, device=y.device)[:, None, None], :, down, across] = images.permute(0, 2, 3, 1)
    y, x = y.flatten(), x.flatten()
    return shown, torch.stack([y, x, y + height, x + width], 1)


def _data(setting: Setting, seed: int) -> tuple[Dataset, Objects, Any]:
    if setting.data == CANVASES:
        train = _canvases(setting, "train", seed)
        data = Dataset(train.images, train.labels, tuple("0123456789"), CANVASES)
        return data, _canvases(setting, "test", seed), None
    single = hub_dataset(setting.data, "train", limit=setting.train_images, seed=seed)
    unseen = hub_dataset(setting.data, "test", limit=setting.test_images, seed=seed)
    images, boxes = paste(unseen.inputs, _textures("test"), _size(single), generator(derive(seed, "paste")))
    return (
        single,
        Objects(images, unseen.targets, boxes),
        partial(_pasted, textures=_textures("train"), size=_size(single)),
    )


def _canvases(setting: Setting, split: Literal["train", "test"], seed: int) -> Objects:
    count = setting.train_images if split == "train" else setting.test_images
    if count is None:
        raise InputError("train_images must say how many canvases to draw")
    drawn = canvases(count, split=split, objects=1, seed=derive(seed, split))
    return Objects(drawn.images, drawn.classes[:, 0], tight_boxes(drawn.boxes[:, 0]))


def _textures(split: Literal["train", "test"]) -> Float[Tensor, "textures rows columns"]:
    """Photographs' upper two thirds for training, the rest for testing."""
    textures = torch.cat([photograph(name, grey=True) for name in TEXTURES])
    border = 2 * textures.shape[1] // 3
    return textures[:, :border] if split == "train" else textures[:, border:]


def _size(single: Dataset) -> int:
    return 3 * max(single.inputs.shape[2:])


def _pasted(images: Tensor, random: torch.Generator, *, textures: Tensor, size: int) -> Tensor:
    return paste(images, textures, size, random)[0]


def parameters_of(setting: Setting) -> dict[str, Any]:
    """What a cell keeps of a setting."""
    return dataclasses.asdict(setting)
