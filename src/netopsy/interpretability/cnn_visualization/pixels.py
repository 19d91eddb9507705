"""Which values a pixel may take, so that every step, penalty and blur is in the same units: shares of that range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.errors import InputError, require
from netopsy.core.shapes import Images

Bound = float | Tensor
"""A number, or a tensor that broadcasts to ``[channels, height, width]``."""
Limits = tuple[Bound, Bound] | None
"""The darkest and the brightest value a pixel may have, as the network is shown it; ``None`` for no limits."""


@dataclass(frozen=True, eq=False)
class Pixels:
    """The images that a search moves through, as shares of the allowed range: 0 the darkest value, 1 the brightest."""

    shape: tuple[int, int, int]
    """Channels, height, width."""
    low: Float[Tensor, "channels height width"]
    span: Float[Tensor, "channels height width"]
    mean: Float[Tensor, "channels height width"]
    """The image without anything in it, as shares of the range."""
    bounded: bool

    def shown(self, shares: Images) -> Images:
        """The images as the network is shown them."""
        return self.low + self.span * shares

    def shares(self, images: Images) -> Images:
        """The way back from `shown`."""
        return (images.to(self.low) - self.low) / self.span

    def clipped(self, shares: Images) -> Images:
        """Nothing beyond the limits, where there are any."""
        return shares.clamp(0, 1) if self.bounded else shares


def pixels(model: nn.Module, shape: Sequence[int], limits: Limits, mean: Bound | None) -> Pixels:
    """The pixels of images of ``shape``, on the device and in the precision of ``model``.

    Raises:
        InputError: a shape that is no ``(channels, height, width)``, limits that are no range, or a mean that does not
            broadcast to the shape.
    """
    shape = tuple(shape)
    require(
        len(shape) == 3 and all(isinstance(side, int) and side > 0 for side in shape),
        f"shape must be (channels, height, width) of one image, got {shape}",
    )
    like = next((one for one in chain(model.parameters(), model.buffers()) if one.is_floating_point()), torch.empty(0))
    low, high = (0.0, 1.0) if limits is None else _pair(limits)
    bottom, top = _full("limits", low, shape, like), _full("limits", high, shape, like)
    require(bool((top > bottom).all()), "limits must be two values, the first below the second")
    span = top - bottom
    if mean is None:
        middle = torch.full_like(bottom, 0.0 if limits is None else 0.5)
    else:
        middle = (_full("mean", mean, shape, like) - bottom) / span
    channels, height, width = shape
    return Pixels((channels, height, width), bottom, span, middle, limits is not None)


def _pair(limits: object) -> tuple[Bound, Bound]:
    require(isinstance(limits, Sequence) and len(limits) == 2, f"limits must be two values or None, got {limits!r}")
    assert isinstance(limits, Sequence)
    return limits[0], limits[1]


def _full(name: str, value: Bound, shape: Sequence[int], like: Tensor) -> Tensor:
    given = torch.as_tensor(value, dtype=like.dtype, device=like.device).detach()
    require(bool(given.isfinite().all()), f"{name} must be finite, got NaN or infinity")
    try:
        return given.expand(*shape).clone()
    except RuntimeError:
        raise InputError(
            f"{name} must be a number or broadcast to the image's shape {tuple(shape)}, got {tuple(given.shape)}"
        ) from None
