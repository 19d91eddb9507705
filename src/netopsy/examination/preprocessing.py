"""How images become a network's inputs: as the caller says, otherwise as the network's own settings say."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import torch
from torch import nn

from netopsy.core.errors import require
from netopsy.data import Dataset, Normalisation
from netopsy.data.load import EMBEDDED, load_data
from netopsy.data.pictures import Interpolation


@dataclass(frozen=True)
class Preprocessing:
    """Size, channels and standardisation of images; what is ``None`` is left as it is."""

    size: int | None = None
    """Pixels a side of the square that is cut out of the middle."""
    resize: int | None = None
    """Pixels that the shorter side is scaled to before."""
    interpolation: Interpolation | None = None
    channels: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def otherwise(self, other: Preprocessing) -> Preprocessing:
        """This, with what it leaves open taken from ``other``; a size of its own leaves the other's scaling aside."""
        if self.size is not None:
            other = replace(other, resize=None)
        return replace(other, **{name: given for name, given in vars(self).items() if given is not None})

    def for_network(self, model: nn.Module, spec: str) -> Preprocessing:
        """This, with what it leaves open as the network's own settings say; embedded images keep their one size."""
        return self if spec in EMBEDDED else self.otherwise(preprocessing_of(model))

    def read(self, spec: str, *, split: str, limit: int | None = None, seed: int = 0) -> Dataset:
        """The data that ``spec`` stands for (see `netopsy.data.load_data`), as the network is to be shown them.

        Raises:
            InputError: as `load_data`, and a mean or deviation for another number of channels.
        """
        framing: dict[str, Any] = {"channels": self.channels, "size": self.size, "resize": self.resize}
        data = load_data(
            spec, split=split, limit=limit, seed=seed, interpolation=self.interpolation or "bilinear", **framing
        )
        return self.standardised(data)

    def standardised(self, data: Dataset) -> Dataset:
        """``data`` with the mean taken off each channel and divided by the deviation, where there are any."""
        if self.mean is None and self.std is None:
            return data
        mean = self.mean or (0.0,) * len(self.std or ())
        std = self.std or (1.0,) * len(mean)
        require(len(mean) == len(std), f"--mean and --std must be as many, got {len(mean)} and {len(std)}")
        require(all(each > 0 for each in std), f"--std must be positive, got {','.join(f'{each:g}' for each in std)}")
        there = data.inputs.shape[1]
        require(
            len(mean) in (1, there), f"--mean and --std must be one number or one a channel, {there}, got {len(mean)}"
        )
        return data.standardise(Normalisation(torch.tensor(mean)[:, None, None], torch.tensor(std)[:, None, None]))


def preprocessing_of(model: nn.Module) -> Preprocessing:
    """What the network's own settings say (``pretrained_cfg``, as timm's networks carry it), as far as they do.

    >>> model = nn.Flatten()
    >>> model.pretrained_cfg = {"input_size": (3, 224, 224), "crop_pct": 0.875, "mean": (0.5,), "std": (0.5,)}
    >>> found = preprocessing_of(model)
    >>> found.size, found.resize, found.mean
    (224, 256, (0.5,))
    """
    settings = getattr(model, "pretrained_cfg", None) or getattr(model, "default_cfg", None)
    if not isinstance(settings, Mapping):
        return Preprocessing()
    shape = settings.get("input_size")
    size = channels = resize = None
    if isinstance(shape, Sequence) and len(shape) == 3 and shape[1] == shape[2]:
        channels, size = int(shape[0]), int(shape[1])
        share = settings.get("crop_pct")
        resize = math.floor(size / share) if isinstance(share, int | float) and 0 < share <= 1 else None
    way = settings.get("interpolation")
    return Preprocessing(
        size,
        resize,
        way if way in get_args(Interpolation) else None,
        channels if channels in (1, 3) else None,
        _numbers(settings.get("mean")),
        _numbers(settings.get("std")),
    )


def _numbers(given: Any) -> tuple[float, ...] | None:
    numeric = isinstance(given, Sequence) and given and all(isinstance(each, int | float) for each in given)
    return tuple(float(each) for each in given) if numeric else None
