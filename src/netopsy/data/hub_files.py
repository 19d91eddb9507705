"""Finding the parquet files of a Hub data set: on this machine, or on the Hub."""

from __future__ import annotations

import json
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from netopsy.core.errors import InputError, require
from netopsy.core.paths import cache_folder, data_folder

# Where a copy says nothing about its classes, the order they are known to have.
_KNOWN = {
    "uoft-cs/cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    "zalando-datasets/fashion_mnist": (
        *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
        *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
    ),
}
_CONVERTED = "refs/convert/parquet"


def find_files(name: str, split: str, config: str | None = None) -> list[Path]:
    """The parquet files of a split, in order: the local copy's, the cache's, or fetched into the cache."""
    copy = data_folder()
    if copy is not None and (copy / "hub" / name).is_dir():
        return _chosen(copy / "hub" / name, name, split, config)
    cached = cache_folder() / "hub" / name
    if cached.is_dir():
        parts = _parts(_listed(cached), split)
        if config in parts or (config is None and len(parts) == 1):
            files = parts[config or next(iter(parts))]
            if _complete(files):
                return [cached / file for file in files]
    _fetch(name, split, config, cached)
    return _chosen(cached, name, split, config)


def class_names(name: str, files: Sequence[Path], label: str) -> tuple[str, ...]:
    """What the files, the data set's card or common knowledge call the classes; empty where none does."""
    import pyarrow.parquet as pq

    stored = (pq.read_schema(files[0]).metadata or {}).get(b"huggingface")
    if stored:
        try:
            found = _names_in(_within(json.loads(stored), "info", "features", label))
        except (ValueError, RecursionError):
            _told(f"{name}: what {files[0].name} says about its columns is no JSON")
            found = ()
        if found:
            return found
    for folder in files[0].parents:
        card = folder / "README.md"
        if card.is_file():
            return _card_names(card, label, name) or _KNOWN.get(name, ())
        if folder.name == name.rpartition("/")[2]:
            break
    return _KNOWN.get(name, ())


def _chosen(folder: Path, name: str, split: str, config: str | None) -> list[Path]:
    return [folder / file for file in _one_config(_listed(folder), name, split, config)]


def _one_config(listed: Sequence[str], name: str, split: str, config: str | None) -> list[str]:
    """The files of the split in the variant asked for, or in the only one."""
    parts = _parts(listed, split)
    require(parts, f"{name} has no parquet files of a split {split!r}; it has {_splits(listed)}")
    variants = ", ".join(map(repr, parts))
    if config is None:
        require(len(parts) == 1, f"{name} comes in several variants, choose one as config: {variants}")
        return next(iter(parts.values()))
    require(config in parts, f"{name} has no variant {config!r} of the split {split!r}; it has {variants}")
    return parts[config]


def _parts(listed: Iterable[str], split: str) -> dict[str, list[str]]:
    """The files of a split by variant, laid out as ``variant/split-00000-of-00001`` or as ``variant/split/0000``."""
    parts = defaultdict(list)
    for text in sorted(listed):
        file = PurePosixPath(text)
        if file.stem == split or re.fullmatch(re.escape(split) + r"-\d+-of-\d+(-\w+)?", file.stem):
            parts[file.parent.name or "default"].append(text)
        elif file.parent.name == split:
            parts[file.parent.parent.name or "default"].append(text)
    return dict(parts)


def _splits(listed: Iterable[str]) -> str:
    names = set()
    for text in listed:
        file = PurePosixPath(text)
        names.add(file.parent.name if file.stem.isdigit() else re.sub(r"-\d+-of-\d+.*", "", file.stem))
    return ", ".join(map(repr, sorted(names))) or "no parquet files at all"


def _complete(files: Sequence[str]) -> bool:
    wanted = re.search(r"-of-(\d+)", PurePosixPath(files[0]).stem)
    return wanted is None or int(wanted[1]) == len(files)


def _listed(folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in folder.rglob("*.parquet") if file.is_file()]


def _fetch(name: str, split: str, config: str | None, folder: Path) -> None:
    """Bring the split's files, and the card with the names of the classes, into ``folder``."""
    import huggingface_hub
    from huggingface_hub.errors import HTTPError, RepositoryNotFoundError

    def remote(revision: str | None) -> list[str]:
        found = huggingface_hub.HfApi().dataset_info(name, revision=revision, timeout=20)
        return [file.rfilename for file in found.siblings or []]

    try:
        revision, listed = None, remote(None)
        card = "README.md" in listed
        if not _parts(_parquet(listed), split):
            # Sets kept in another format have a converted copy on a branch of its own.
            revision, listed = _CONVERTED, remote(_CONVERTED)
        files = _one_config(_parquet(listed), name, split, config)
        if card:
            huggingface_hub.hf_hub_download(name, "README.md", repo_type="dataset", local_dir=folder)
        for file in files:
            huggingface_hub.hf_hub_download(name, file, repo_type="dataset", revision=revision, local_dir=folder)
    except RepositoryNotFoundError as error:
        raise InputError(f"there is no data set {name!r} on the Hugging Face Hub") from error
    except (OSError, HTTPError) as error:
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{name} could not be fetched from the Hugging Face Hub ({reason}); NETOPSY_DATA can point at a local copy"
        ) from error


def _parquet(listed: Iterable[str]) -> list[str]:
    return [file for file in listed if file.endswith(".parquet")]


def _card_names(card: Path, label: str, name: str) -> tuple[str, ...]:
    from huggingface_hub import metadata_load

    try:
        found = _within(metadata_load(card), "dataset_info")
    except Exception as error:  # whatever the reader of YAML makes of it
        _told(f"{name}: its card README.md cannot be read ({type(error).__name__})")
        return ()
    for info in found if isinstance(found, list) else [found]:
        features = _within(info, "features")
        for feature in features if isinstance(features, list) else []:
            if _within(feature, "name") == label:
                return _names_in(_within(feature, "dtype", "class_label"))
    return ()


def _names_in(feature: object) -> tuple[str, ...]:
    """The names of a feature, a list or a mapping by number; none where they are something else."""
    names = _within(feature, "names")
    if isinstance(names, Mapping):
        numbers = {str(number): called for number, called in names.items()}
        names = [numbers.get(str(number)) for number in range(len(numbers))]
    plain = isinstance(names, list) and all(isinstance(each, str | int | float) for each in names)
    return tuple(map(str, names)) if plain else ()  # type: ignore[call-overload]


def _within(found: Any, *keys: str) -> Any:
    """What lies under these keys; ``None`` where there is something else on the way."""
    for key in keys:
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _told(what: str) -> None:
    warnings.warn(f"{what}; the classes may be called by their numbers", stacklevel=2)
