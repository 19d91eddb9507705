"""A network that takes pixels, with its standardisation as a layer: for what reads its layers one by one."""

from __future__ import annotations

from torch import nn

from netopsy.core.modes import device_of
from netopsy.examination.pixels import Standardised
from netopsy.robustness.safety_verification import Standardise


def layered(model: nn.Module) -> nn.Module:
    """The same function of pixels from 0 to 1, a chain of layers where it was a `Standardised` network."""
    if not isinstance(model, Standardised):
        return model
    first = Standardise(model.normalisation.mean, model.normalisation.std)
    return nn.Sequential(first.to(device_of(model.network)), model.network).eval()
