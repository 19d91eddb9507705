"""Images with objects to point at, and the networks trained to see them: for studies of saliency and localisation."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from netopsy.core.errors import InputError, lookup, require
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive, generator
from netopsy.core.shapes import Images
from netopsy.data import TEXTURES, Dataset, canvases, crop_and_flip, hub_dataset, photograph
from netopsy.interpretability.localisation import Boxes, tight_boxes
from netopsy.lab.subjects.kept import kept
from netopsy.models import resnet18, small_conv_net
from netopsy.training import Recipe, evaluate, fit

CANVASES = "canvases"
NETWORKS: Mapping[str, Callable[..., nn.Module]] = {"small_conv_net": small_conv_net, "resnet18": resnet18}
LAYERS: Mapping[str, tuple[str, ...]] = {
    "small_conv_net": tuple(f"features.act{number}" for number in range(1, 5)),
    "resnet18": tuple(f"stage{number}" for number in range(1, 5)),
}
"""Where to look in a network, first layer first."""
CONVOLUTIONS: Mapping[str, tuple[str, ...]] = {
    "small_conv_net": tuple(f"features.conv{number}" for number in range(1, 5)),
    "resnet18": tuple(f"stage{number}.block2.conv2" for number in range(1, 5)),
}


@dataclass(frozen=True)
class ImageSubject:
    """Which images and which network, and how it is trained.

    ``data`` is "canvases", ``objects`` digits each on a texture, or a set of the Hub: with one object its images are
    pasted on larger textures, with several the test images are mosaics of as many classes.
    """

    data: str = CANVASES
    objects: Literal[1, 2, 4, 9] = 2
    network: str = "small_conv_net"
    train_images: int | None = 4000
    """``None``: as many as there are."""
    test_images: int = 300
    epochs: int = 6
    batch_size: int = 50
    lr: float = 1e-2
    widths: tuple[int, ...] = (12, 24, 24, 48)

    @property
    def layers(self) -> tuple[str, ...]:
        """Where to look, first layer first."""
        return LAYERS[self.network]


PAPER_SCALE = ImageSubject(
    data="uoft-cs/cifar10",
    network="resnet18",
    train_images=None,
    test_images=1000,
    epochs=30,
    batch_size=128,
    lr=1e-3,
    widths=(64, 128, 256, 512),
)


@dataclass(frozen=True, eq=False)
class Scenes:
    """Images that each show objects of different classes, and where they are."""

    images: Images
    classes: Int[Tensor, "batch objects"]
    masks: Bool[Tensor, "batch objects height width"]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, which: slice) -> Scenes:
        return Scenes(self.images[which], self.classes[which], self.masks[which])

    @property
    def labels(self) -> Int[Tensor, "batch"]:
        """The class of the first object."""
        return self.classes[:, 0]

    @property
    def boxes(self) -> Boxes:
        """The tight box of the first object."""
        return tight_boxes(self.masks[:, 0])

    def batches(self, size: int = 50) -> Iterator[Scenes]:
        """The scenes in parts, in order."""
        return (self[slice(start, start + size)] for start in range(0, len(self), size))

    def to(self, device: torch.device) -> Scenes:
        """The same scenes on ``device``."""
        return Scenes(self.images.to(device), self.classes.to(device), self.masks.to(device))


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network in evaluation mode, its weights half way there, scenes it has not seen, and the share of
    their objects among as many top answers (of Hub sets: the accuracy on single test images)."""

    model: nn.Module
    half_way: Mapping[str, Tensor]
    scenes: Scenes
    recognised: float


def trained(subject: ImageSubject, seed: int) -> Trained:
    """The subject's network with weights, images and order of its own seed; its weights are kept on disk."""
    state = kept(train_weights, subject=subject, seed=seed)
    model = _network(subject, seed, Counts.of(subject))
    model.load_state_dict({name: value for name, value in state.items() if not name.startswith(_HALF)})
    half = {name.removeprefix(_HALF): value for name, value in state.items() if name.startswith(_HALF)}
    single, scenes = unseen_images(subject, seed)
    model = model.to(best_device()).eval()
    if single is not None:
        recognised = evaluate(model, single).accuracy
    else:
        with torch.no_grad():
            outputs = torch.cat([model(part.images.to(best_device())) for part in scenes.batches(250)]).cpu()
        found = outputs.topk(subject.objects).indices[:, :, None] == scenes.classes[:, None]
        recognised = float(found.any(1).float().mean())
    return Trained(model, half, scenes.to(best_device()), recognised)


_HALF = "half way: "


def train_weights(subject: ImageSubject, seed: int) -> dict[str, Tensor]:
    """The trained weights, and those half way there under names of their own."""
    data, augment = _training_data(subject, seed)
    model = _network(subject, seed, Counts(data.inputs.shape[1], len(data.classes))).to(best_device())
    steps = max(2, subject.epochs * len(data) // subject.batch_size)
    recipe = Recipe(
        steps=steps,
        batch_size=subject.batch_size,
        lr=subject.lr,
        schedule="onecycle",
        loss="cross_entropy" if data.is_classification else "bce",
    )
    done = fit(model, data, recipe, seed=derive(seed, "order"), keep_states=[steps // 2], augment=augment)
    return {**model.state_dict(), **{_HALF + name: value for name, value in done.states[steps // 2].items()}}


@dataclass(frozen=True)
class Counts:
    """What the first and the last layer need to know of the data."""

    channels: int
    classes: int

    @classmethod
    def of(cls, subject: ImageSubject) -> Counts:
        """Without drawing any canvas."""
        if subject.data == CANVASES:
            return cls(1, 10)
        few = hub_dataset(subject.data, "train", limit=1)
        return cls(few.inputs.shape[1], few.class_count)


def _network(subject: ImageSubject, seed: int, counts: Counts) -> nn.Module:
    make = lookup("network", subject.network, NETWORKS)
    return make(channels=counts.channels, classes=counts.classes, widths=subject.widths, seed=derive(seed, "init"))


def scenes_of(subject: ImageSubject, split: Literal["train", "test"], seed: int) -> Scenes:
    """Canvases, or pasted images of a Hub set (those for training as they look in one of its epochs)."""
    count = subject.train_images if split == "train" else subject.test_images
    if subject.data == CANVASES:
        if count is None:
            raise InputError("train_images must say how many canvases to draw")
        require(subject.objects <= 2, f"a canvas has one or two objects, got {subject.objects}")
        drawn = canvases(count, split=split, objects=1 if subject.objects == 1 else 2, seed=derive(seed, split))
        return Scenes(drawn.images, drawn.classes, drawn.boxes)
    single = hub_dataset(subject.data, split, limit=count, seed=seed)
    pasted, boxes = paste(single.inputs, _textures(split), _size(single), generator(derive(seed, "paste")))
    return Scenes(pasted, single.targets[:, None], masks_of(boxes, pasted.shape[-1])[:, None])


def unseen_images(subject: ImageSubject, seed: int) -> tuple[Dataset | None, Scenes]:
    """Scenes to test on; with single test images where the network is trained on single ones."""
    if subject.data == CANVASES or subject.objects == 1:
        return None, scenes_of(subject, "test", seed)
    unseen = hub_dataset(subject.data, "test").standardise(like=hub_dataset(subject.data, "train"))
    return unseen, mosaics(unseen, subject.test_images, objects=subject.objects, seed=derive(seed, "mosaics"))


def _training_data(subject: ImageSubject, seed: int) -> tuple[Dataset, Any]:
    if subject.data == CANVASES:
        drawn = scenes_of(subject, "train", seed)
        names = tuple("0123456789")
        if subject.objects == 1:
            return Dataset(drawn.images, drawn.labels, names, CANVASES), None
        targets = torch.zeros(len(drawn), 10).scatter_(1, drawn.classes, 1.0)
        return Dataset(drawn.images, targets, names, CANVASES), None
    single = hub_dataset(subject.data, "train", limit=subject.train_images, seed=seed)
    if subject.objects == 1:
        return single, partial(_pasted, textures=_textures("train"), size=_size(single))
    return single.standardise(), crop_and_flip


def mosaics(data: Dataset, count: int, *, objects: int = 4, seed: int = 0) -> Scenes:
    """``count`` square grids of images of different classes; each image's own field is what to point at.

    The grid pointing game of Boehle et al. 2021, for a network trained on single images.
    """
    side = round(objects**0.5)
    require(side**2 == objects, f"objects must be a square number, got {objects}")
    members = [(data.targets == label).nonzero().flatten() for label in range(data.class_count)]
    present = torch.tensor([label for label, those in enumerate(members) if len(those)])
    require(
        len(present) >= objects,
        f"a mosaic needs images of {objects} classes, but {data.name} has those of {len(present)}",
    )
    random = generator(seed)
    classes = present[torch.rand(count, len(present), generator=random).argsort(1)[:, :objects]]
    draws = torch.rand(count, objects, generator=random)
    chosen = torch.stack(
        [
            members[label][int(draw * len(members[label]))]
            for label, draw in zip(classes.flatten().tolist(), draws.flatten().tolist(), strict=True)
        ]
    )
    images = data.inputs[chosen]
    channels, height, width = images.shape[1:]
    grid = images.reshape(count, side, side, channels, height, width).permute(0, 3, 1, 4, 2, 5)
    fields = torch.eye(objects, dtype=torch.bool).reshape(objects, side, side)
    masks: Bool[Tensor, "objects height width"] = fields.repeat_interleave(height, 1).repeat_interleave(width, 2)
    shape = (count, channels, side * height, side * width)
    return Scenes(grid.reshape(shape), classes, masks.expand(count, *masks.shape))


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


def masks_of(boxes: Boxes, size: int) -> Bool[Tensor, "batch size size"]:
    """True within each box (top, left, bottom, right; the last two outside)."""
    side = torch.arange(size, device=boxes.device)
    top, left, bottom, right = (edge[:, None] for edge in boxes.T)
    down, across = (side >= top) & (side < bottom), (side >= left) & (side < right)
    return down[:, :, None] & across[:, None, :]


def _textures(split: Literal["train", "test"]) -> Float[Tensor, "textures rows columns"]:
    """Photographs' upper two thirds for training, the rest for testing."""
    textures = torch.cat([photograph(name, grey=True) for name in TEXTURES])
    border = 2 * textures.shape[1] // 3
    return textures[:, :border] if split == "train" else textures[:, border:]


def _size(single: Dataset) -> int:
    return 3 * max(single.inputs.shape[2:])


def _pasted(images: Tensor, random: torch.Generator, *, textures: Tensor, size: int) -> Tensor:
    return paste(images, textures, size, random)[0]
