"""Image data sets of the Hugging Face Hub: parquet files, from a local copy where there is one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.data.choice import choose
from netopsy.data.dataset import Dataset
from netopsy.data.hub_files import class_names, find_files
from netopsy.data.matrix_sizes import weigh
from netopsy.data.pictures import Framing, Interpolation, held_in_memory, read_pictures

if TYPE_CHECKING:
    import pyarrow as pa

MOST_CLASSES = 100_000
"""A data set may have so many classes however few its images are."""

_LABELS = ("label", "labels", "target", "class", "fine_label")


@checked
def hub_dataset(
    name: str,
    split: str = "train",
    *,
    config: str | None = None,
    size: int | None = None,
    channels: int | None = None,
    resize: int | None = None,
    interpolation: Interpolation = "bilinear",
    limit: int | None = None,
    seed: int = 0,
) -> Dataset:
    """An image classification set of the Hub as tensors, ``[n, channels, height, width]`` in [0, 1].

    Read from ``hub/<owner>/<name>`` under the folder that ``NETOPSY_DATA`` names, if it is there; otherwise from the
    same place under netopsy's cache folder, fetched into it the first time.

    Args:
        name: as on the Hub: "ylecun/mnist", "uoft-cs/cifar10".
        split: "train", "test" or as the set calls its parts.
        config: which variant, for sets that come in several.
        size, channels, resize, interpolation: as for `image_folder`.
        limit: decode at most so many, drawn by ``seed`` with the classes in their proportions.

    Raises:
        InputError: the set, the split or the variant is not there, the Hub cannot be reached, or the files do not hold
            images with one integer label each.
    """
    require(
        isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", name),
        f"name must be that of a Hub data set, 'owner/name', got {name!r}",
    )
    framing = Framing(size, resize, channels, interpolation)
    files = find_files(name, split, config)
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        image, label = _columns(pq.read_schema(files[0]), name)
        for file in files:
            with file.open("rb") as opened:
                weigh(opened, ".parquet", f"file {file.name!r} of {name}")
        targets = torch.from_numpy(_labels(pq.read_table(files, columns=[label])[label], name))
        stored = pq.read_table(files, columns=[image])[image]
        first = _bytes(stored.slice(0, 1))
        chosen = choose(targets, held_in_memory([*first] * len(targets), framing, limit), seed)
        encoded = _bytes(stored.take(pa.array(chosen.numpy())))
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"the files of {name} cannot be read as parquet: {error}") from error
    called = [f"image {row} of {name} ({split})" for row in chosen.tolist()]
    inputs = read_pictures(encoded, called, framing)
    classes = class_names(name, files, label) or tuple(str(number) for number in range(int(targets.max()) + 1))
    return Dataset(inputs, targets[chosen], classes, f"{name} {split}", files=tuple(called))


def _columns(schema: pa.Schema, name: str) -> tuple[str, str]:
    """The names of the image and of the label column."""
    import pyarrow as pa

    images = [field.name for field in schema if _holds_bytes(field.type)]
    integers = [field.name for field in schema if pa.types.is_integer(field.type)]
    labels = [column for column in _LABELS if column in integers] or integers
    shown = ", ".join(schema.names)
    require(images, f"{name} has no column of encoded images among {shown}")
    require(labels, f"{name} has no column of integer labels among {shown}")
    require(
        len(labels) == 1 or labels[0] in _LABELS,
        f"{name} has several integer columns and none is called label: {shown}",
    )
    return images[0], labels[0]


def _holds_bytes(kind: pa.DataType) -> bool:
    import pyarrow as pa

    if pa.types.is_struct(kind):
        return any(field.name == "bytes" and _holds_bytes(field.type) for field in kind)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _labels(column: pa.ChunkedArray, name: str) -> np.ndarray:
    require(len(column) > 0, f"{name} has no rows in this split")
    require(column.null_count == 0, f"{name} has rows without a label in this split")
    labels = column.to_numpy().astype(np.int64)
    require(labels.min() >= 0, f"{name} has no labels in this split: they are {labels.min()}")
    most = max(MOST_CLASSES, len(labels))
    require(labels.max() < most, f"{name} has the label {labels.max()}, and classes are numbered from 0 without gaps")
    return labels


def _bytes(column: pa.ChunkedArray) -> Sequence[bytes]:
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_struct(column.type):
        column = pc.struct_field(column, "bytes")
    encoded: list[bytes] = column.to_pylist()
    require(all(encoded), "a row has no encoded image, only a path to one that is not in the file")
    return encoded
