"""Tensors told apart by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.modes import check_model


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """A digest of names, kinds, shapes and values, the same on every device.

    >>> fingerprint({"a": torch.zeros(2)}) == fingerprint({"a": torch.zeros(2)})
    True
    >>> fingerprint({"a": torch.zeros(2)}) == fingerprint({"a": torch.zeros(1, 2)})
    False
    """
    total = hashlib.blake2b(digest_size=16)
    for name in sorted(tensors):
        value = tensors[name].detach().cpu().contiguous()
        total.update(f"{name} {tuple(value.shape)} {value.dtype};".encode())
        total.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return total.hexdigest()


def check_network(network: nn.Module, known: str, path: str | Path) -> None:
    """Raise `InputError` unless the weights have the fingerprint of those that the file at ``path`` is about."""
    check_model(network)
    require(
        fingerprint(network.state_dict()) == known,
        f"network must be the one, with the weights, that {str(path)!r} was written for: its weights are others",
    )
