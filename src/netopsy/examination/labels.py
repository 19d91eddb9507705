"""Which output of the network is which class of the data."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from netopsy.core.errors import InputError, require
from netopsy.core.paths import file_from
from netopsy.data import Dataset

LARGEST = 2**24
"""Bytes of a file of names."""


def read_labels(path: str | os.PathLike[str]) -> list[str]:
    """Names of a network's outputs from a file: one a line, a JSON list, or a JSON object from number to name.

    Raises:
        InputError: the file cannot be read, or is none of these.
    """
    file = file_from(path, "file of labels")
    require(file.stat().st_size <= LARGEST, f"{str(file)!r} is too large for a file of labels")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the labels in {str(file)!r} cannot be read: {error}") from error
    if not text.lstrip().startswith(("[", "{")):
        names = [line.strip() for line in text.splitlines() if line.strip()]
        require(names, f"{str(file)!r} holds no labels: one a line is wanted")
        return names
    try:
        return names_from(json.loads(text))
    except InputError:
        raise
    except (ValueError, RecursionError) as error:
        raise InputError(f"{str(file)!r} is no JSON: {error}") from error


def names_from(given: Any) -> list[str]:
    """Names from a list, or from a mapping of every number from 0 up to a name.

    Raises:
        InputError: it is neither.

    >>> names_from({"1": "dog", "0": "cat"})
    ['cat', 'dog']
    """
    if isinstance(given, Mapping):
        numbered = {str(number): name for number, name in given.items()}
        require(
            numbered.keys() == {str(number) for number in range(len(numbered))},
            "labels by number must have one for every number from 0 up",
        )
        given = [numbered[str(number)] for number in range(len(numbered))]
    require(
        isinstance(given, Sequence) and not isinstance(given, str) and len(given) > 0,
        f"labels must be a list of names or a mapping from number to name, got {type(given).__name__}",
    )
    return [str(name) for name in given]


def names_of(model: nn.Module, outputs: int) -> list[str]:
    """What the network itself says that its outputs are called; empty where it does not say."""
    config = getattr(model, "config", None)
    known = getattr(config, "id2label", None)
    if not known:
        settings = getattr(model, "pretrained_cfg", None)
        known = settings.get("label_names") if isinstance(settings, Mapping) else None
    try:
        names = names_from(known) if known else []
    except InputError:
        return []
    anonymous = all(re.fullmatch(r"LABEL_\d+", name) for name in names)
    return names if len(names) == outputs and not anonymous else []


def by_output(data: Dataset, outputs: int, names: Sequence[str] = ()) -> Dataset:
    """The data with its classes numbered as the network's outputs are, and called by the names of these.

    Classes are found by name among ``names``, whatever the case, with ``_`` for a space, and by each of several names
    that commas divide ("tabby, tabby cat"). Without names, as many classes as outputs are taken in their order, and
    classes that are called by numbers by these.

    Raises:
        InputError: not as many names as outputs, a class that is none of them, or classes and outputs that differ in
            number where nobody said which is which.

    >>> data = Dataset(torch.rand(2, 1), torch.tensor([0, 1]), ("nine", "seven"))
    >>> by_output(data, 3, ["Seven", "eight", "nine"]).targets.tolist()
    [2, 0]
    """
    require(len(names) in (0, outputs), f"labels must be as many as the network's outputs, {outputs}, got {len(names)}")
    if not data.classes:
        return replace(data, classes=tuple(names)) if names else data
    if names:
        number = {alias: index for index, name in reversed(list(enumerate(names))) for alias in _aliases(name)}
        unknown = [name for name in data.classes if _plain(name) not in number]
        if unknown and len(data.classes) == outputs and len(unknown) == outputs:
            return data  # other names for the same classes, in their order
        require(not unknown, f"class {unknown[0] if unknown else ''!r} of the data is none of the network's {outputs}")
        return _numbered(data, [number[_plain(name)] for name in data.classes], tuple(names))
    if len(data.classes) == outputs:
        return data
    if all(name.isdecimal() and int(name) < outputs for name in data.classes):
        numbers = [int(name) for name in data.classes]
        called = dict(zip(numbers, data.classes, strict=True))
        return _numbered(data, numbers, tuple(called.get(number, str(number)) for number in range(outputs)))
    raise InputError(
        f"the data has {len(data.classes)} classes ({', '.join(map(repr, data.classes[:3]))}, ...) and the network "
        f"{outputs} outputs, and nothing says which output is which class: give the names of the outputs, one a line, "
        "with --labels FILE (labels= in Python), or name the folders by the outputs' numbers"
    )


def _numbered(data: Dataset, numbers: Sequence[int], classes: tuple[str, ...]) -> Dataset:
    require(len(set(numbers)) == len(numbers), "two classes of the data are one and the same output of the network")
    return replace(data, targets=torch.tensor(numbers).to(data.targets)[data.targets], classes=classes)


def _aliases(name: str) -> set[str]:
    return {_plain(name), *(_plain(part) for part in name.split(","))}


def _plain(name: str) -> str:
    return " ".join(name.replace("_", " ").casefold().split())
