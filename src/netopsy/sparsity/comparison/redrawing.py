"""Initial values for a network of which nobody says how it was first drawn."""

from __future__ import annotations

import inspect

import torch
from torch import nn


@torch.no_grad()
def redraw(model: nn.Module) -> None:
    """Draw every parameter anew, in place and from torch's global random state.

    Layers that know how draw theirs the way torch first draws them. What then is still as it was (parameters that a
    module holds by itself, the weight under a pruning mask, the parts of a computed weight) becomes normal with the
    mean and the standard deviation it has.
    """
    before = {parameter: parameter._version for parameter in model.parameters()}
    for module in model.modules():
        reset = getattr(module, "reset_parameters", None) or getattr(module, "_reset_parameters", None)
        if callable(reset) and _asks_for_nothing(reset):
            reset()
    for parameter, version in before.items():
        if parameter._version == version and parameter.is_floating_point() and parameter.numel() > 1:
            deviation, mean = torch.std_mean(parameter.float())
            parameter.normal_().mul_(deviation).add_(mean)


def _asks_for_nothing(function: object) -> bool:
    try:
        inspect.signature(function).bind()  # type: ignore[arg-type]
    except TypeError:
        return False
    return True
