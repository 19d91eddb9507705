"""One word for any data set: embedded by name, on the Hub, or in a folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, UnknownNameError, require
from netopsy.core.paths import path_from
from netopsy.data.choice import choose
from netopsy.data.dataset import Dataset
from netopsy.data.embedded import digits_split, lfw_subset
from netopsy.data.folders import image_folder
from netopsy.data.hub import hub_dataset
from netopsy.data.pictures import Interpolation

_SPLITS = {"train": ("train",), "validation": ("validation", "valid", "val"), "test": ("test",)}

EMBEDDED: dict[str, Callable[[], tuple[Dataset, ...]]] = {
    "digits": digits_split,
    "lfw": lambda: lfw_subset().split(100, 40, 60),
}
"""Data sets that are always there, as train, validation and test parts."""


@checked
def load_data(
    spec: str | os.PathLike[str] | Dataset,
    *,
    split: str = "test",
    size: int | None = None,
    channels: int | None = None,
    resize: int | None = None,
    interpolation: Interpolation = "bilinear",
    limit: int | None = None,
    seed: int = 0,
) -> Dataset:
    """The data set that ``spec`` stands for.

    Args:
        spec: "digits" or "lfw" (always there, in parts that do not change), "hub:owner/name" for the Hugging Face Hub,
            or the path of an image folder; a `Dataset` is handed back as it is. A folder whose subfolders are
            ``train``, ``validation`` (or ``val``) and ``test``, each with class subfolders, is read by part; any other
            is one whole.
        split: "train", "validation" or "test"; for the Hub, what the set calls its parts.
        size, channels, resize, interpolation: as for `image_folder`; not for the embedded sets.
        limit: take at most so many, drawn by ``seed`` with the classes in their proportions.

    Raises:
        InputError: nothing is known by that name, or what is there cannot be read.

    >>> len(load_data("digits")), len(load_data("digits", split="train", limit=50))
    (500, 50)
    """
    if isinstance(spec, Dataset):
        return spec
    require(isinstance(spec, str | os.PathLike), f"data must be a name, a folder or a Dataset, got {spec!r}")
    text = os.fspath(spec)
    require(text, "data must be a name, 'hub:owner/name' or a folder, got an empty string")
    framing: dict[str, Any] = {"size": size, "channels": channels, "resize": resize, "interpolation": interpolation}
    if text.startswith("hub:"):
        name = text.removeprefix("hub:")
        return hub_dataset(name, split, **framing, limit=limit, seed=seed)
    if text in EMBEDDED:
        number = list(_SPLITS).index(split) if split in _SPLITS else None
        if number is None:
            raise UnknownNameError("split", split, _SPLITS)
        for option, given in (("size", size), ("channels", channels), ("resize", resize)):
            require(given is None, f"{option} is for image folders and Hub sets, not for {text!r}, got {given}")
        part = EMBEDDED[text]()[number]
        return part if limit is None else part[choose(part.targets, limit, seed)]
    folder = path_from(text, "data")
    if not folder.exists():
        known = ", ".join(map(repr, EMBEDDED))
        raise InputError(f"data must be one of {known}, 'hub:owner/name' or an image folder, and there is no {text!r}")
    return image_folder(_part(folder, split), **framing, limit=limit, seed=seed)


def _part(folder: Path, split: str) -> Path:
    """The subfolder of a part, for a folder that is divided into parts; otherwise the folder."""
    parts = {name: folder / name for names in _SPLITS.values() for name in names}
    divided = {name: path for name, path in parts.items() if path.is_dir() and any(e.is_dir() for e in path.iterdir())}
    if "train" not in divided and "test" not in divided:
        return folder
    for name in _SPLITS.get(split, (split,)):
        if name in divided:
            return divided[name]
    raise InputError(
        f"{str(folder)!r} has no part {split!r} with class subfolders; it has {', '.join(map(repr, divided))}"
    )
