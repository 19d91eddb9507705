"""Data in any form a caller may have it, as a data set in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset

from netopsy.core.errors import InputError, require
from netopsy.data import Dataset
from netopsy.data.load import load_data

MOST = 10_000
"""Samples taken from a source that does not say how many it has."""


def as_dataset(data: object, argument: str, *, split: str = "test") -> Dataset:
    """``data`` as a `Dataset`.

    Args:
        data: a `Dataset`, a pair of tensors or arrays, a torch data set or data loader, or a name that `load_data`
            understands.
        argument: what the caller calls it, for error messages.
        split: which part of a named data set.

    Raises:
        InputError: none of these, or samples that do not make a batch.
    """
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str | os.PathLike):
        return load_data(Path(data) if isinstance(data, os.PathLike) else data, split=split)
    if (
        isinstance(data, tuple | list)
        and len(data) == 2
        and all(isinstance(part, Tensor | np.ndarray) for part in data)
    ):
        return _paired(_tensor(data[0], argument), _tensor(data[1], argument))
    if isinstance(data, DataLoader):
        return _gathered(data, argument)
    if isinstance(data, TorchDataset):
        loader: Any = DataLoader(data, batch_size=256)
        return _gathered(loader, argument)
    raise InputError(
        f"{argument} must be a netopsy Dataset, a pair of tensors (inputs, labels), a torch data set or loader, "
        f"or a name or folder; got {type(data).__name__}"
    )


def _gathered(batches: Iterable[Any], argument: str) -> Dataset:
    inputs, labels, count = [], [], 0
    for batch in batches:
        pair = isinstance(batch, tuple | list) and len(batch) >= 2 and all(isinstance(b, Tensor) for b in batch[:2])
        require(pair, f"{argument} must give batches of (inputs, labels) tensors, got {type(batch).__name__}")
        inputs.append(batch[0])
        labels.append(batch[1])
        count += len(batch[0])
        if count >= MOST:
            break
    require(inputs, f"{argument} is empty; an examination needs samples")
    return _paired(torch.cat(inputs), torch.cat(labels))


def _paired(inputs: Tensor, labels: Tensor) -> Dataset:
    """Whole numbers of 64 bits stay what they are, since a network may look them up; others become float."""
    if not inputs.is_floating_point() and inputs.dtype != torch.int64:
        inputs = inputs.float()
    return Dataset(inputs, labels if labels.is_floating_point() else labels.long())


def _tensor(given: Tensor | np.ndarray, argument: str) -> Tensor:
    """An array as a tensor, float64 as torch's own float: that is what networks are made of."""
    if isinstance(given, Tensor):
        return given
    try:
        tensor = torch.from_numpy(np.ascontiguousarray(given))
    except TypeError:
        raise InputError(f"{argument} must hold numbers, got an array of {given.dtype}") from None
    return tensor.to(torch.get_default_dtype()) if tensor.dtype == torch.float64 else tensor
