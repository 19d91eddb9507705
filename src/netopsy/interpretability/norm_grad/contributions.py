"""Phase 1: what each location adds to the gradient of a layer's weights.

Seen from one location, every layer considered here is a convolution in groups: within a group, each output channel is
joined to each tap of the input patch. So the contribution of a location is, group by group, an outer product of the
output gradient and the input patch, and is kept as these two factors. What phase 2 asks of it follows from the
factors alone; the outer product, ``channels^2 * taps`` numbers a location, is written out only when asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.linalg import vector_norm

from netopsy.core.errors import UnknownNameError, require
from netopsy.core.shapes import Activations
from netopsy.interpretability.norm_grad.windows import Window

Virtual = Literal["bias", "scaling", "conv", "depthwise"]
"""The virtual identity layers: adding 0, scaling by 1, a convolution that copies its input, and its depthwise kind."""

VIRTUAL: tuple[Virtual, ...] = ("bias", "scaling", "conv", "depthwise")


@dataclass(frozen=True)
class Contributions:
    """The contribution of every location to the gradient of a layer's weight, as factors.

    At a location u, the block of group γ is the outer product of ``gradient[:, γ, :, u]`` and the patch that
    ``window`` cuts from ``input[:, γ]`` around u. The methods reduce all entries of all blocks to one number a
    location (phase 2).
    """

    gradient: Float[Tensor, "batch groups outputs rows columns"]
    """With respect to the layer's output."""
    input: Float[Tensor, "batch groups inputs height width"]
    window: Window

    def sum(self) -> Float[Tensor, "batch rows columns"]:
        """The sum of all entries."""
        return (self.gradient.sum(2) * self.window.sums(self.input.sum(2))).sum(1)

    def norm(self) -> Float[Tensor, "batch rows columns"]:
        """The Frobenius norm: for one group, the length of the gradient times the length of the patch."""
        patch = self.window.sums(self.input.square().sum(2)).sqrt()
        return vector_norm(vector_norm(self.gradient, dim=2) * patch, dim=1)

    def filter_norm(self) -> Float[Tensor, "batch rows columns"]:
        """The Frobenius norm of the positive entries: those whose factors have the same sign."""
        squared = torch.zeros_like(self.gradient[:, 0, 0])
        for sign in (1, -1):
            patch = self.window.sums((sign * self.input).relu().square().sum(2)).sqrt()
            squared += (vector_norm((sign * self.gradient).relu(), dim=2) * patch).square().sum(1)
        return squared.sqrt()

    def max(self) -> Float[Tensor, "batch rows columns"]:
        """The largest entry, by value: it is a product of extremes of the factors."""
        extremes = self.gradient.amax(2), self.gradient.amin(2)
        patch = self.window.highest(self.input.amax(2)), -self.window.highest(-self.input.amin(2))
        return torch.stack([g * p for g in extremes for p in patch]).amax((0, 2))

    def max_abs(self) -> Float[Tensor, "batch rows columns"]:
        """The largest entry, by magnitude."""
        return (self.gradient.abs().amax(2) * self.window.highest(self.input.abs().amax(2))).amax(1)

    def entries(self) -> Float[Tensor, "batch entries rows columns"]:
        """All entries, ordered as in the weight: group, output channel, input channel, row and column of the tap."""
        batch, groups, _, rows, columns = self.gradient.shape
        patches = self.window.patches(self.input.flatten(1, 2)).reshape(batch, groups, 1, -1, rows, columns)
        return (self.gradient.unsqueeze(3) * patches).reshape(batch, -1, rows, columns)


def virtual_window(kind: Virtual, kernel_size: int) -> Window:
    """The window of a virtual layer.

    Raises:
        InputError: an unknown kind, an even kernel, a kernel size where there is no kernel.
    """
    if kind not in VIRTUAL:
        raise UnknownNameError("virtual layer", kind, VIRTUAL)
    window = Window.centred(kernel_size)
    require(
        kernel_size == 1 or kind in ("conv", "depthwise"),
        f"kernel_size belongs to 'conv' and 'depthwise', but the virtual layer is {kind!r}; leave it at 1",
    )
    return window


def virtual_contributions(
    activation: Activations, gradient: Activations, kind: Virtual = "conv", kernel_size: int = 1
) -> Contributions:
    """Those to the weight of a virtual identity layer at an activation: its input and output are both the activation.

    Raises:
        InputError: as `virtual_window`, and shapes that differ.
    """
    window = virtual_window(kind, kernel_size)
    require(
        activation.ndim == 4 and activation.shape == gradient.shape,
        f"activation and gradient must have one shape [batch, channels, rows, columns], got {tuple(activation.shape)} "
        f"and {tuple(gradient.shape)}",
    )
    if kind == "conv":
        return Contributions(gradient.unsqueeze(1), activation.unsqueeze(1), window)
    given = activation.new_ones(()).expand_as(activation) if kind == "bias" else activation
    return Contributions(gradient.unsqueeze(2), given.unsqueeze(2), window)


def real_contributions(
    conv: nn.Conv2d, given: Float[Tensor, "batch inputs height width"], gradient: Activations
) -> Contributions:
    """Those to the weight of an existing convolution, from what it was given and the gradient at its output.

    Stride, padding of every mode, dilation and groups are those of the layer.
    """
    gradient, given = (values.reshape(len(values), conv.groups, -1, *values.shape[2:]) for values in (gradient, given))
    return Contributions(gradient, given, Window.of(conv))


def spatial_contributions(
    activation: Activations, gradient: Activations, kind: Virtual = "conv", *, kernel_size: int = 1
) -> Float[Tensor, "batch entries rows columns"]:
    """What each location adds to the gradient of a virtual identity layer's weight, entry by entry.

    The layer changes nothing, so it can be imagined anywhere. Summed over locations, the contributions are the gradient
    of the target with respect to its weight, flattened.

    Args:
        activation: output of the layer behind which the virtual layer is imagined, ``[batch, channels, rows,
            columns]``.
        gradient: of the target with respect to ``activation``, same shape.
        kind: ``"bias"`` has one entry a channel, g; ``"scaling"`` one a channel, x g; ``"conv"`` has channels^2 *
            kernel_size^2, the outer product of g and the patch around the location; ``"depthwise"`` has channels *
            kernel_size^2, the gradient times the patch, channel by channel.
        kernel_size: of the two convolutions, odd; zero-padded at the border.

    Raises:
        InputError: an unknown kind, an even kernel size or one where there is no kernel, shapes that differ.

    >>> x, g = torch.rand(2, 5, 4, 4), torch.rand(2, 5, 4, 4)
    >>> spatial_contributions(x, g, "conv", kernel_size=3).shape
    torch.Size([2, 225, 4, 4])
    """
    return virtual_contributions(activation, gradient, kind, kernel_size).entries()
