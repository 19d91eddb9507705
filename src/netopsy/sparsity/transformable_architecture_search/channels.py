"""Channel-wise interpolation: feature maps of different widths brought to one."""

from __future__ import annotations

from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from netopsy.core.arguments import checked
from netopsy.models.blocks import require_count


@checked
def channel_interpolate(x: Float[Tensor, "batch channels *grid"], out_channels: int) -> Tensor:
    """As many channels as asked for, each the mean of a run of neighbouring ones; wider or narrower than given.

    Output channel i of C' averages the input channels from floor(i C / C') up to, without it, ceil((i + 1) C / C'):
    adaptive average pooling along the channels. Section 3.1 of Dong and Yang 2019.

    Args:
        x: ``[batch, channels, ...]``.
        out_channels: C'; the same number as given returns ``x`` itself.

    Returns:
        ``[batch, out_channels, ...]``.

    Raises:
        InputError: a number of channels below 1.

    >>> channel_interpolate(torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]]), 4)
    tensor([[1.5000, 2.5000, 4.5000, 5.5000]])
    """
    require_count("out_channels", out_channels)
    channels = x.shape[1]
    require_count("the number of channels of x", channels)
    if channels == out_channels:
        return x
    matrix = _averages(channels, out_channels).to(x)
    return (matrix @ x.flatten(2) if x.ndim > 2 else x @ matrix.T).reshape(len(x), out_channels, *x.shape[2:])


@checked
def zero_fill(x: Float[Tensor, "batch channels *grid"], out_channels: int) -> Tensor:
    """As many channels as asked for, zeros behind the given ones.

    >>> zero_fill(torch.ones(1, 2), 3)
    tensor([[1., 1., 0.]])
    """
    missing = out_channels - x.shape[1]
    return functional.pad(x, (0, 0) * (x.ndim - 2) + (0, missing)) if missing else x


@lru_cache(maxsize=4096)
def _averages(channels: int, out_channels: int) -> Tensor:
    """``[out_channels, channels]``."""
    i = torch.arange(out_channels)[:, None]
    place = torch.arange(channels)
    inside = (place >= i * channels // out_channels) & (place < -(-(i + 1) * channels // out_channels))
    return inside / inside.sum(1, keepdim=True)
