"""Initial values for a network of which nobody says how it was first drawn."""

from __future__ import annotations

from torch import nn


def redraw(model: nn.Module) -> None:
    """Draw every layer anew the way torch first draws it, in place and from torch's global random state."""
    for module in model.modules():
        reset = getattr(module, "reset_parameters", None)
        if callable(reset):
            reset()
