"""The shortcut without parameters that residual networks of the CIFAR papers use, and that shrinks with them."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.shapes import Activations


class PadShortcut(nn.Module):
    """Every ``stride``-th place, with channels of zeros on both sides: a shortcut without parameters."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        require(outputs >= inputs, f"shortcut='pad' needs widths that never fall, got {outputs} after {inputs}")
        self.stride = stride
        self.before = (outputs - inputs) // 2
        self.after = outputs - inputs - self.before

    @property
    def zeros(self) -> int:
        """How many channels of zeros it adds."""
        return self.before + self.after

    def remove_zeros(self, places: Tensor) -> None:
        """Add the channels of zeros at ``places`` no more; they are counted without the channels between the two sides.

        >>> import torch
        >>> shortcut = PadShortcut(2, 6, 1)
        >>> shortcut.remove_zeros(torch.tensor([0, 1, 3]))
        >>> shortcut.before, shortcut.after
        (0, 1)
        """
        before = int((places < self.before).sum())
        self.before, self.after = self.before - before, self.after - (len(places) - before)

    def forward(self, features: Activations) -> Float[Tensor, "batch outputs _ _"]:
        """The subsampled, widened ``features``."""
        return nn.functional.pad(features[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.before, self.after))
