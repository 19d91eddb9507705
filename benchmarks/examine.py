"""A whole examination in bounded time, and how many passes of the data forward and backward it is worth."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from benchmarks.timing import seconds
from netopsy.data import Dataset
from netopsy.examination import examine
from netopsy.models import resnet18

THREADS = 2


@dataclass(frozen=True)
class Examined:
    """An examination as it is by default, which should take at most so many seconds; then with all instruments."""

    name: str
    model: nn.Module
    data: Dataset
    bound: float

    def report(self) -> bool:
        """Time and print; true if the bound is kept."""
        once = seconds(self._forward_and_backward)
        by_default = examine(self.model, self.data)
        took = by_default.seconds
        met = took <= self.bound
        missed = "" if met else "  MISSED"
        whole = examine(self.model, self.data, budget=1e6)
        print(f"forward and backward {once:.1f} s, examination {took:.1f} s, {took / once:.1f} times as long")
        for words, found in (("by default", by_default), ("without a budget", whole)):
            print(f"{words}: {len(found.readings)} findings in {found.seconds:.0f} s")
        print(f"{self.name} seconds={took:.0f} target<={self.bound:.0f}{missed}\n")
        return met

    def _forward_and_backward(self) -> None:
        for some in torch.arange(len(self.data)).split(32):
            self.model(self.data.inputs[some]).sum().backward()
        self.model.zero_grad()


def benchmarks() -> Iterator[Examined]:
    """500 images of 32 pixels through a ResNet-18, 50 of 224 through an EfficientNet-lite0 where that is installed."""
    yield Examined("examine_resnet18", resnet18(classes=10, seed=0).eval(), _noise(500, 32, 10), 120)
    try:
        library = importlib.import_module("efficientnet_lite_pytorch")
    except ImportError:
        print("efficientnet_lite_pytorch is not installed; examine_efficientnet_lite0 was left out\n")
        return
    make: Callable[..., nn.Module] = library.EfficientNet.from_name
    yield Examined("examine_efficientnet_lite0", make("efficientnet-lite0").eval(), _noise(50, 224, 10), 240)


def _noise(count: int, side: int, classes: int) -> Dataset:
    random = torch.Generator().manual_seed(0)
    return Dataset(torch.rand(count, 3, side, side, generator=random), torch.arange(count) % classes)
