"""Data in any form a caller may have it, as a data set in memory."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, SequentialSampler
from torch.utils.data import Dataset as TorchDataset

from netopsy.core.errors import InputError, require
from netopsy.core.memory import most_bytes
from netopsy.data import Dataset
from netopsy.data.load import load_data
from netopsy.examination.samples import class_names, collated, file_names, pair_of, rows_of

MOST, BATCH = 10_000, 256
"""Samples taken from a data set that is not yet in memory, and at a time."""


def as_dataset(data: object, argument: str, *, split: str = "test") -> Dataset:
    """``data`` as a `Dataset`.

    Args:
        data: a `Dataset`, a pair of tensors or arrays, a torch data set or data loader, a table of the Hugging Face
            library ``datasets``, or a name that `load_data` understands.
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
        ordered = isinstance(data.sampler, SequentialSampler) or isinstance(data.dataset, IterableDataset)
        return _gathered(data, argument, source=data.dataset, ordered=ordered)
    if hasattr(data, "features") and hasattr(data, "__iter__"):
        return _gathered(_batches(rows_of(data), argument), argument, source=data)
    if isinstance(data, IterableDataset):
        return _gathered(_batches(data, argument), argument, source=data)
    if isinstance(data, TorchDataset) and isinstance(data, Sized):
        samples = (data[index] for index in range(len(data)))
        return _gathered(_batches(samples, argument), argument, source=data)
    if isinstance(data, Mapping) and data and all(hasattr(part, "features") for part in data.values()):
        raise InputError(f"{argument} has parts {', '.join(map(str, data))}: give one of them")
    raise InputError(
        f"{argument} must be a netopsy Dataset, a pair of tensors (inputs, labels), a torch data set or loader, a "
        f"table of datasets, or a name or folder; got {type(data).__name__}"
    )


def _batches(samples: Iterable[Any], argument: str) -> Iterator[tuple[Tensor, Tensor]]:
    left = iter(samples)
    while some := list(islice(left, BATCH)):
        yield collated(some, argument)


def _gathered(batches: Iterable[Any], argument: str, *, source: object, ordered: bool = True) -> Dataset:
    """As many batches as may be held in memory, with the names that their source has for classes and samples."""
    inputs: list[Tensor] = []
    labels: list[Tensor] = []
    count = size = 0
    for batch in batches:
        first, second = (_tensor(part, argument) for part in pair_of(batch, argument))
        require(
            first.ndim > 0 and second.ndim > 0 and len(second) == len(first),
            f"{argument} must give as many labels as inputs in a batch, got shapes {tuple(first.shape)} and "
            f"{tuple(second.shape)}",
        )
        inputs.append(first)
        labels.append(second)
        count += len(first)
        size += first.numel() * 4
        if count >= MOST or size * 2 >= most_bytes():
            break
    require(inputs, f"{argument} is empty; an examination needs samples")
    try:
        found = _paired(torch.cat(inputs), torch.cat(labels))
    except RuntimeError as error:
        raise InputError(f"{argument} has batches that do not fit together: {error}") from error
    files = file_names(source)[:count] if ordered else ()
    names = class_names(source)
    named = found.is_classification and len(names) > int(found.targets.max())
    whole = len(source) if isinstance(source, Sized) else None
    return replace(
        found,
        classes=names if named else (),
        files=files if len(files) == count else (),
        name="" if whole in (None, count) else f"{count:,} of {whole:,} given samples",
    )


def _paired(inputs: Tensor, labels: Tensor) -> Dataset:
    """Whole numbers of 64 bits stay what they are, since a network may look them up; others become float."""
    if not inputs.is_floating_point() and inputs.dtype != torch.int64:
        inputs = inputs.float()
    return Dataset(inputs, labels if labels.is_floating_point() else labels.long())


def _tensor(given: Any, argument: str) -> Tensor:
    """An array as a tensor, float64 as torch's own float: that is what networks are made of."""
    if isinstance(given, Tensor):
        return given
    try:
        tensor = torch.from_numpy(np.ascontiguousarray(given))
    except TypeError:
        raise InputError(f"{argument} must hold numbers, got {_described(given)}") from None
    return tensor.to(torch.get_default_dtype()) if tensor.dtype == torch.float64 else tensor


def _described(given: Any) -> str:
    return f"an array of {given.dtype}" if isinstance(given, np.ndarray) else type(given).__name__
