"""Networks on the straight line between two, and what each answers."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from netopsy.core.computed import copied
from netopsy.core.progress import track
from netopsy.data import Dataset
from netopsy.lab.statistics import Estimate, mean_interval
from netopsy.training import evaluate
from netopsy.training.recalibration import recalibrated

POINTS = 11
Sample = NDArray[np.float64]


@dataclass(frozen=True)
class Walk:
    """Loss and errors at evenly spaced points from the one network to the other."""

    places: Sample
    """Shares of the way."""
    losses: Sample
    wrong: Sample
    """1 where a sample is answered wrong, ``[points, samples]``."""

    @property
    def errors(self) -> Sample:
        """Shares of wrong answers."""
        return np.asarray(self.wrong.mean(1))

    @property
    def rise(self) -> Sample:
        """Of the loss, above the chord between the ends."""
        return _above(self.losses, self.places)

    @property
    def rises(self) -> Sample:
        """Of the error of each sample, above its chord, ``[points, samples]``."""
        return _above(self.wrong, self.places)

    @property
    def top(self) -> int:
        """The point at which the error is highest above the chord."""
        return int(self.rises.mean(1).argmax())

    @property
    def barrier(self) -> Estimate:
        """How far the error rises there, over samples."""
        return mean_interval(self.rises[self.top])


def walk(a: nn.Module, b: nn.Module, samples: Dataset, ends: tuple[nn.Module, nn.Module] | None = None) -> Walk:
    """From ``a`` to ``b``, two networks of one architecture; running statistics are taken anew in between.

    Args:
        ends: what is run at the two ends, where that is something else around the same weights.
    """
    places = np.linspace(0, 1, POINTS)
    at_ends = dict(zip((0.0, 1.0), ends or (a, b), strict=True))
    walked = [_at(a, b, at_ends, float(t), samples) for t in track(places, "walking")]
    return Walk(places, np.array([loss for loss, _ in walked]), np.stack([each for _, each in walked]))


@torch.no_grad()
def _at(a: nn.Module, b: nn.Module, ends: dict[float, nn.Module], t: float, samples: Dataset) -> tuple[float, Sample]:
    """Loss of the network at that share of the way, and whether it is wrong, sample by sample."""
    model = ends[t] if t in ends else between(a, b, t)
    if t not in ends and any(isinstance(each, _BatchNorm) and each.track_running_stats for each in model.modules()):
        model = recalibrated(model, samples.inputs)
    found = evaluate(model, samples)
    return float(found.loss), (found.outputs.argmax(1) != samples.targets.cpu()).double().numpy()


def between(a: nn.Module, b: nn.Module, t: float) -> nn.Module:
    """A copy of ``a`` whose parameters and floating buffers are moved the share ``t`` of the way to those of ``b``."""
    moved, ends = copied(a), b.state_dict()
    state = {
        name: value if not value.is_floating_point() else value + t * (ends[name] - value)
        for name, value in a.state_dict().items()
    }
    moved.load_state_dict(copy.deepcopy(state))
    return moved


def _above(values: Sample, places: Sample) -> Sample:
    shares = places.reshape(-1, *[1] * (values.ndim - 1))
    return values - ((1 - shares) * values[0] + shares * values[-1])
