"""Dropout that is not half of an epoch: on a processor torch draws its masks one coin after another."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

_LEVELS = 2**16
"""Four draws are cut from every random integer, so that chances are multiples of 1 in 65,536."""


def dropout(x: Tensor, p: float, training: bool) -> Tensor:
    """As `torch.nn.functional.dropout`, of the same distribution but with other draws, in about a quarter of the time.

    >>> dropped = dropout(torch.ones(10_000), 0.75, True)
    >>> dropped.unique().tolist(), bool(0.9 < dropped.mean() < 1.1)
    ([0.0, 4.0], True)
    """
    count = x.numel()
    gone = round(p * _LEVELS)
    if x.device.type != "cpu" or not training or not 0 < gone < _LEVELS or not count:
        return functional.dropout(x, p, training)
    bits = torch.empty(-(-count // 4), dtype=torch.int64, device=x.device).random_(-(2**63), None)
    noise = bits.view(torch.int16)[:count].view(x.shape).float()
    return x * noise.ge_(gone - _LEVELS // 2).mul_(_LEVELS / (_LEVELS - gone)).to(x.dtype)


class Dropout(nn.Dropout):
    """`torch.nn.Dropout` by `dropout`."""

    def forward(self, input: Tensor) -> Tensor:
        """What is left of ``input``, scaled up in training."""
        return dropout(input, self.p, self.training)
