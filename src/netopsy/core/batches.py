"""What every method asks of the tensors it is given, before any work is done."""

from __future__ import annotations

import torch
from torch import Tensor

from netopsy.core.errors import require


def check_batch(batch: object, name: str = "inputs") -> None:
    """Raise `InputError` unless ``batch`` is a float tensor ``[batch, ...]`` of at least one finite sample."""
    got = f"a tensor of {batch.dtype}" if isinstance(batch, Tensor) else type(batch).__name__
    require(isinstance(batch, Tensor) and batch.is_floating_point(), f"{name} must be a float tensor, got {got}")
    check_tensor(batch, name)
    assert isinstance(batch, Tensor)
    require(batch.ndim >= 2 and len(batch) > 0, f"{name} must be a batch of at least one, got {tuple(batch.shape)}")
    check_finite(batch, name)


def check_tensor(values: object, name: str = "inputs") -> None:
    """Raise `InputError` unless ``values`` is a tensor of the ordinary kind, whose entries are there to be read.

    >>> check_tensor(torch.ones(2, device="meta"))
    Traceback (most recent call last):
    netopsy.core.errors.InputError: inputs must be an ordinary dense tensor, got one on the meta device, without values
    """
    require(isinstance(values, Tensor), f"{name} must be a tensor, got {type(values).__name__}")
    assert isinstance(values, Tensor)
    odd = (
        ("a nested one", values.is_nested),
        (f"one of layout {values.layout}", values.layout is not torch.strided),
        ("one on the meta device, without values", values.device.type == "meta"),
        ("a quantized one", values.is_quantized),
        ("one of complex numbers", values.is_complex()),
    )
    for what, so in odd:
        require(not so, f"{name} must be an ordinary dense tensor, got {what}")


def check_finite(values: Tensor, name: str = "inputs") -> None:
    """Raise `InputError` unless all entries are finite."""
    require(finite(values), f"{name} hold NaN or infinite values; they must be finite")


def finite(values: Tensor) -> bool:
    """Whether no entry is NaN or infinite.

    >>> finite(torch.tensor([1.0, 2.0])), finite(torch.tensor([1.0, torch.nan]))
    (True, False)
    """
    if not values.is_floating_point() or values.numel() == 0:
        return True
    low, high = torch.aminmax(values.detach())  # four times as fast as looking at every entry
    return bool(torch.isfinite(low) & torch.isfinite(high))
