"""A whole examination in bounded time, and how many passes of the data forward and backward it is worth."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.timing import seconds
from netopsy.data import Dataset
from netopsy.examination import examine
from netopsy.models import resnet18

THREADS = 2
WRONG = 7
"""Of so many labels one is drawn without looking."""


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
        print(f"forward and backward {once:.1f} s, examination {took:.1f} s, {took / once:.1f} times as long")
        print(f"by default: {len(by_default.readings)} findings in {took:.0f} s")
        print(f"{self.name} seconds={took:.0f} target<={self.bound:.0f}{missed}", flush=True)
        whole = examine(self.model, self.data, budget=1e6)  # of a large network, for many minutes
        print(f"without a budget: {len(whole.readings)} findings in {whole.seconds:.0f} s\n")
        return met

    def _forward_and_backward(self) -> None:
        for some in torch.arange(len(self.data)).split(32):
            self.model(self.data.inputs[some]).sum().backward()
        self.model.zero_grad()


def benchmarks() -> Iterator[Examined]:
    """500 images of 32 pixels through a ResNet-18, 50 of 224 through an EfficientNet-lite0 where that is installed."""
    yield _examined("examine_resnet18", resnet18(classes=10, seed=0), _noise(500, 32), 120)
    try:
        library = importlib.import_module("efficientnet_lite_pytorch")
    except ImportError:
        print("efficientnet_lite_pytorch is not installed; examine_efficientnet_lite0 was left out\n")
        return
    make: Callable[..., nn.Module] = library.EfficientNet.from_name
    torch.manual_seed(0)  # the library draws its weights without a seed of its own
    network = make("efficientnet-lite0", num_classes=10)
    yield _examined("examine_efficientnet_lite0", network, _noise(50, 224), 240)


def _noise(count: int, side: int) -> Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


@torch.no_grad()
def _examined(name: str, model: nn.Module, inputs: Tensor, bound: float) -> Examined:
    """The network with labels that it mostly gets right: one at chance is hardly examined."""
    for layer in model.modules():  # statistics of untrained norms are not those of what they are given
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    model.train()(inputs[:32])
    scores = torch.cat([model.eval()(some) for some in inputs.split(32)])
    [*_, last] = [layer for layer in model.modules() if isinstance(layer, nn.Linear)]
    last.bias.copy_((last.bias - scores.mean(0)) / scores.std(0))  # an untrained network gives one answer to all
    last.weight /= scores.std(0)[:, None]
    labels = ((scores - scores.mean(0)) / scores.std(0)).argmax(1)
    labels[::WRONG] = torch.arange(len(labels[::WRONG])) % scores.shape[1]
    return Examined(name, model, Dataset(inputs, labels), bound)
