"""What data sets of other libraries give as a sample: an input and a class, in a pair or by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Subset, default_collate

from netopsy.core.errors import InputError, require

INPUTS = ("pixel_values", "image", "img", "images", "input", "inputs", "x")
LABELS = ("label", "labels", "fine_label", "target", "targets", "y")
"""What the columns are called where samples are mappings, the first that is there."""


def pair_of(given: Any, argument: str) -> tuple[Any, Any]:
    """The input and the label of a sample, or those of a batch.

    Raises:
        InputError: it is neither a pair nor a mapping with an input and a label.

    >>> pair_of({"img": 1, "fine_label": 2, "coarse_label": 3}, "data")
    (1, 2)
    """
    if isinstance(given, Mapping):
        found = [next((key for key in names if key in given), None) for names in (INPUTS, LABELS)]
        if None in found:
            missing = "an input" if found[0] is None else "a label"
            names = ", ".join(INPUTS if found[0] is None else LABELS)
            raise InputError(
                f"{argument} has no column for {missing} ({names}), only {', '.join(map(str, list(given)[:10]))}"
            )
        return given[found[0]], given[found[1]]
    if isinstance(given, tuple | list) and len(given) >= 2:
        return given[0], given[1]
    raise InputError(
        f"{argument} must give pairs (input, label) or mappings with columns for both, got {type(given).__name__}"
    )


def collated(samples: Sequence[Any], argument: str) -> tuple[Tensor, Tensor]:
    """Samples as a batch; pictures as ``[channels, height, width]`` in [0, 1].

    Raises:
        InputError: inputs that differ in shape, or that hold no numbers.
    """
    pairs = [pair_of(sample, argument) for sample in samples]
    inputs = [_as_array(first, argument) for first, _ in pairs]
    shapes = {np.shape(each) for each in inputs}
    require(
        len(shapes) == 1,
        f"{argument} has samples of several shapes, {', '.join(map(str, sorted(shapes)[:2]))}: give it a transform "
        "that brings them to one",
    )
    try:
        return default_collate(inputs), torch.as_tensor([_number(label, argument) for _, label in pairs])
    except (TypeError, RuntimeError) as error:
        raise InputError(f"{argument} must give inputs of numbers and one class number each: {error}") from error


def rows_of(table: Any) -> Iterator[Mapping[str, Any]]:
    """The rows of a table of the Hugging Face library ``datasets``, its columns as they are described there."""
    described = table.features or {}
    image = next((key for key, kind in described.items() if type(kind).__name__ == "Image"), None)
    label = next((key for key, kind in described.items() if type(kind).__name__ == "ClassLabel"), None)
    for row in table:
        chosen = dict(row)
        if image in chosen and INPUTS[0] not in chosen:
            picture = chosen.pop(image)
            levels = isinstance(picture, Tensor) and picture.dtype == torch.uint8
            chosen = {INPUTS[0]: picture / 255 if levels else picture, **chosen}
        if label in chosen and not any(name in chosen for name in LABELS):
            chosen[LABELS[0]] = chosen.pop(label)
        yield chosen


def class_names(source: Any) -> tuple[str, ...]:
    """What a data set calls its classes: ``classes`` of torch's own, the label's names of ``datasets``."""
    if isinstance(source, Subset):
        return class_names(source.dataset)
    names = getattr(source, "classes", None)
    features = getattr(source, "features", None)
    if names is None and isinstance(features, Mapping):
        names = next((kind.names for kind in features.values() if type(kind).__name__ == "ClassLabel"), None)
    return tuple(names) if isinstance(names, list | tuple) and all(isinstance(name, str) for name in names) else ()


def file_names(source: Any) -> tuple[str, ...]:
    """The files of an image folder in the order of its samples; empty where a data set does not say.

    >>> from types import SimpleNamespace
    >>> folder = SimpleNamespace(samples=[("cat/1.png", 0), ("dog/1.png", 1)])
    >>> file_names(Subset(folder, [1]))
    ('dog/1.png',)
    """
    if isinstance(source, Subset):
        below = file_names(source.dataset)
        return tuple(below[index] for index in source.indices) if below else ()
    samples = getattr(source, "samples", None)
    paired = isinstance(samples, list) and all(
        isinstance(sample, tuple) and sample and isinstance(sample[0], str) for sample in samples
    )
    return tuple(sample[0] for sample in samples) if paired and isinstance(samples, list) else ()


def _as_array(given: Any, argument: str) -> Any:
    if isinstance(given, Image.Image):
        picture = np.asarray(given if given.mode in ("L", "RGB") else given.convert("RGB"), dtype=np.float32) / 255
        return torch.from_numpy(picture[None] if picture.ndim == 2 else picture.transpose(2, 0, 1).copy())
    try:
        return torch.as_tensor(np.asarray(given) if isinstance(given, list) else given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{argument} must give inputs of numbers, got {type(given).__name__}") from error


def _number(label: Any, argument: str) -> int | float:
    number = (
        label.item() if isinstance(label, Tensor | np.ndarray | np.generic) and np.asarray(label).size == 1 else label
    )
    require(
        isinstance(number, int | float), f"{argument} must give one class number a sample, got {type(label).__name__}"
    )
    return number
