"""What the instruments that make images share: the range of a pixel, how many steps they get, small pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from netopsy.core.batches import finite
from netopsy.core.capture import capturing
from netopsy.core.errors import InputError
from netopsy.core.modes import evaluating
from netopsy.core.shapes import Images
from netopsy.examination.drawing import LARGEST
from netopsy.examination.instrument import NotNow
from netopsy.examination.subject import Subject

_REACHED = "images: layers"


@dataclass(frozen=True, eq=False)
class Range:
    """The values that pixels of the data may have, as the network is shown them, each ``[channels, 1, 1]``."""

    low: Tensor
    high: Tensor
    mean: Images
    """The average image, ``[1, channels, height, width]``."""

    @property
    def limits(self) -> tuple[Tensor, Tensor]:
        """Lowest and highest."""
        return self.low, self.high

    def shares(self, images: Images) -> Images:
        """The images from 0 at the lowest value to 1 at the highest, on the CPU."""
        return (images.cpu().float() - self.low) / (self.high - self.low)


def pixel_range(subject: Subject) -> Range:
    """From 0 to 1 where the images lie there before they are standardised, otherwise what the data shows."""
    data = subject.data
    images = data.images.cpu().float()
    low, high = images.amin((0, 2, 3))[:, None, None], images.amax((0, 2, 3))[:, None, None]
    if float(low.min()) >= 0 and float(high.max()) <= 1:
        low, high = torch.zeros_like(low), torch.ones_like(high)
    high = torch.where(high > low, high, low + 1)
    mean = data.inputs.cpu().float().mean(0, keepdim=True)
    if data.normalisation is not None:
        low, high = (data.normalisation.apply(each.expand(mean.shape))[0] for each in (low, high))
    return Range(low, high, mean)


def why_no_images(subject: Subject) -> str | None:
    """The reason why no image can be made for this network, if there is one."""
    if not subject.is_image_model:
        return "it makes images, and this network reads none"
    if not subject.data.inputs.is_floating_point():
        return "it makes images by following a gradient, and this network's inputs are no floats"
    return None


def search_for(
    subject: Subject, sizes: Sequence[tuple[int, int]], *, steps: int, fewest: int, share: float = 1.0
) -> tuple[int, int, int]:
    """The first of ``sizes``, of two factors whose product is how many images are made, that gets half the ``steps``.

    Returns:
        the two factors, and the steps; those of the last size where none gets as many.

    Raises:
        NotNow: even the last one gets fewer steps than ``fewest``.
    """
    for one, other in sizes:
        found = subject.affordable(3.0 * one * other, steps, share=share)
        if 2 * found >= steps:
            return one, other, found
    if found < fewest:
        brings = "" if subject.depth == "thorough" else "; `--depth thorough` may bring it in"
        raise NotNow(
            f"this network is so large that {fewest} steps for {one * other} images are more than an examination of "
            f"depth {subject.depth} spends on it{brings}"
        )
    return one, other, found


def small(images: Images) -> Images:
    """The images no larger than can be seen in a report."""
    factor = max(images.shape[2:]) / LARGEST
    if factor <= 1:
        return images
    size = [max(1, round(side / factor)) for side in images.shape[2:]]
    return F.interpolate(images, size=size, mode="area")


def weighted_layers(subject: Subject, most: int) -> tuple[str, ...]:
    """Convolutions and dense layers that the forward pass reaches, spread over the depth; or what the caller chose."""
    if subject.layers_wanted:
        return tuple(subject.layers_wanted)
    if _REACHED not in subject.notes:
        types = nn.Conv1d, nn.Conv2d, nn.ConvTranspose2d, nn.Linear
        found = [name for name, module in subject.model.named_modules() if name and isinstance(module, types)]
        subject.notes[_REACHED] = tuple(_reached(subject, found))
    return tuple(_spread(cast(tuple[str, ...], subject.notes[_REACHED]), most))


def _reached(subject: Subject, names: list[str]) -> list[str]:
    """Those that a forward pass runs and that put out finite numbers, seen in one pass where all put out tensors."""
    sample = subject.data.inputs[:1].to(subject.device)
    try:
        with torch.no_grad(), evaluating(subject.model), capturing(subject.model, names) as seen:
            subject.model(sample)
    except InputError:
        return [name for name in names if _reached(subject, [name])] if len(names) > 1 else []
    return [name for name in names if name in seen and finite(seen[name])]


def _spread(names: Sequence[str], most: int) -> list[str]:
    if len(names) <= most:
        return list(names)
    return [names[place] for place in torch.linspace(0, len(names) - 1, most).round().int().tolist()]
