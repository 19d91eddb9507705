"""Pictures in which things can be pointed at: one or two real digits on a real texture, and where they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import generator
from netopsy.data.dataset import Dataset
from netopsy.data.embedded import digits
from netopsy.data.patches import crops
from netopsy.data.photographs import TEXTURES, photograph

_DIGIT = 8


@dataclass(frozen=True, eq=False)
class Canvases:
    """Images that each show one digit, or two of different classes at places that do not overlap."""

    images: Float[Tensor, "n 1 size size"]
    """In [0, 1]."""
    labels: Float[Tensor, "n 10"]
    """1 for the classes that are there, 0 for the others."""
    classes: Int[Tensor, "n objects"]
    """The class of each digit."""
    boxes: Bool[Tensor, "n objects size size"]
    """True on the 8x8 box of each digit."""
    strokes: Bool[Tensor, "n objects size size"]
    """True on the pixels of the box where the digit has ink: the box without its empty corners."""

    def __len__(self) -> int:
        return len(self.images)

    def dataset(self) -> Dataset:
        """Images with their class where there is one digit, else with labels for a cross-entropy for every class."""
        targets = self.classes[:, 0] if self.classes.shape[1] == 1 else self.labels
        return Dataset(self.images, targets, tuple("0123456789"), "canvases")


@checked
def canvases(
    n: int,
    *,
    split: Literal["train", "test"] = "train",
    size: int = 24,
    scale: float = 0.35,
    objects: Literal[1, 2] = 2,
    seed: int = 0,
) -> Canvases:
    """``n`` crops of brick, grass and gravel, dimmed by ``scale``, with real 8x8 digits pasted by the maximum.

    Train and test canvases share neither digits (1200 and 597 of scikit-learn's) nor texture: the upper two thirds of
    the photographs are for training, the rest for testing. Boxes of a canvas never overlap.

    Args:
        n: how many, at least 1.
        size: pixels a side, 16 to 128: two boxes must fit beside each other.
        scale: brightness of the texture, 0 to 1, where ink is 1.
        objects: digits on a canvas.

    Raises:
        InputError: a number is out of its range or the split has another name.

    >>> drawn = canvases(5)
    >>> drawn.images.shape, drawn.boxes.sum((2, 3)).unique().tolist(), drawn.labels.sum(1).unique().tolist()
    (torch.Size([5, 1, 24, 24]), [64], [2.0])
    """
    require(isinstance(n, int) and n > 0, f"n must be an int of at least 1, got {n!r}")
    require(split in ("train", "test"), f"split must be 'train' or 'test', got {split!r}")
    require(
        isinstance(size, int) and 2 * _DIGIT <= size <= 128,
        f"size must be an int from {2 * _DIGIT} to 128, got {size!r}",
    )
    require(0 <= scale <= 1, f"scale must be from 0 to 1, got {scale}")
    require(objects in (1, 2), f"objects must be 1 or 2, got {objects!r}")
    random = generator(seed)
    train, test = digits().split(1200, 597, seed=0)
    source = train if split == "train" else test
    chosen = _digits(n, objects, source.targets, random)
    boxes = _boxes(n, objects, size, random)
    pasted = torch.zeros(n, objects, size, size)
    # Both the True pixels of a box and the pixels of a digit run row by row.
    pasted[boxes] = source.inputs[chosen].flatten()
    texture = scale * _backgrounds(n, size, split, random)
    classes = source.targets[chosen]
    labels = torch.zeros(n, 10).scatter_(1, classes, 1.0)
    return Canvases(torch.maximum(texture, pasted.amax(1))[:, None], labels, classes, boxes, pasted > 0)


def _digits(n: int, objects: int, targets: Tensor, random: torch.Generator) -> Int[Tensor, "n objects"]:
    """Single samples, or pairs of different classes, uniform among all such pairs."""
    chosen = torch.randint(len(targets), (n, objects), generator=random)
    if objects == 1:
        return chosen
    while len(same := (targets[chosen[:, 0]] == targets[chosen[:, 1]]).nonzero().flatten()):
        chosen[same] = torch.randint(len(targets), (len(same), 2), generator=random)
    return chosen


def _boxes(n: int, objects: int, size: int, random: torch.Generator) -> Bool[Tensor, "n objects size size"]:
    """Single boxes, or pairs that do not overlap, uniform among all such pairs."""
    corners = torch.randint(size - _DIGIT + 1, (n, objects, 2), generator=random)
    while objects == 2 and len(meeting := ((corners[:, 0] - corners[:, 1]).abs().amax(1) < _DIGIT).nonzero().flatten()):
        corners[meeting] = torch.randint(size - _DIGIT + 1, (len(meeting), 2, 2), generator=random)
    beyond = torch.arange(size) - corners[..., None]
    inside = (beyond >= 0) & (beyond < _DIGIT)
    return inside[:, :, 0, :, None] & inside[:, :, 1, None, :]


def _backgrounds(n: int, size: int, split: str, random: torch.Generator) -> Float[Tensor, "n size size"]:
    textures = torch.cat([photograph(name, grey=True) for name in TEXTURES])
    border = 2 * textures.shape[1] // 3
    textures = textures[:, :border] if split == "train" else textures[:, border:]
    return crops(textures, torch.randint(len(textures), (n,), generator=random), size, random)
