"""Cora, CiteSeer and PubMed: papers, their words, who cites whom, and the public split of Planetoid."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from netopsy.core.errors import InputError, lookup
from netopsy.core.paths import cache_folder, data_folder

if TYPE_CHECKING:
    from torch_geometric.data import Data

_NAMES = MappingProxyType({name: name for name in ("cora", "citeseer", "pubmed")})
PLANETOID = tuple(_NAMES)
"""The names `planetoid` knows."""


def planetoid(name: str) -> Data:
    """A citation network by name: "cora", "citeseer" or "pubmed".

    Read by torch_geometric from a local copy in the folder that ``NETOPSY_DATA`` names (``planetoid/NAME/raw``), else
    from the cache, else fetched from where torch_geometric finds it. What torch_geometric makes of the files is kept
    in the cache; the local copy is left as it is. The files come as pickles, as they are published.

    Returns:
        Features ``x [nodes, words]`` float32, ``edge_index [2, edges]`` with every edge both ways, no loops, classes
        ``y [nodes]`` int64, and ``train_mask``, ``val_mask``, ``test_mask`` ``[nodes]`` of the public split (20 nodes
        a class, 500, 1000).

    Raises:
        InputError: an unknown name, or the files are neither here nor to be had.

    Source: Yang, Cohen and Salakhutdinov, Revisiting Semi-Supervised Learning with Graph Embeddings, ICML 2016.
    """
    lookup("Planetoid graph", name, _NAMES)
    kept = cache_folder() / "planetoid"
    if not (kept / name / "processed" / "data.pt").is_file():
        _process(name, kept)
    return _read(kept, name)


def local_planetoid() -> tuple[str, ...]:
    """The graphs that `planetoid` reads without fetching anything.

    >>> set(local_planetoid()) <= set(PLANETOID)
    True
    """
    cached = cache_folder() / "planetoid"
    return tuple(
        name
        for name in PLANETOID
        if _local_copy(name) is not None or (cached / name / "processed" / "data.pt").is_file()
    )


def without_fetching(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the names that are no graph of Planetoid, or one that `local_planetoid` has.

    >>> without_fetching(["digits"])
    ('digits',)
    """
    here = local_planetoid()
    return tuple(name for name in names if name not in PLANETOID or name in here)


def _process(name: str, kept: Path) -> None:
    """In a folder of its own that is moved into place when it is whole: two processes may do this at a time."""
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept, prefix=f".{name}-") as folder:
        copy = _local_copy(name)
        if copy is not None:
            shutil.copytree(copy, Path(folder, name, "raw"), copy_function=shutil.copyfile)
        try:
            _read(Path(folder), name)
        except Exception as error:  # whatever fetching or broken files lead to
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            where = "cannot be fetched" if copy is None else f"cannot be read from {copy}"
            raise InputError(f"Planetoid graph {name!r} {where}: {reason}") from error
        place = kept / name
        if place.is_dir() and not (place / "processed" / "data.pt").is_file():
            shutil.rmtree(place, ignore_errors=True)
        try:
            os.replace(Path(folder, name), place)
        except OSError:  # another process was faster
            if not (place / "processed" / "data.pt").is_file():
                raise


def _local_copy(name: str) -> Path | None:
    copy = data_folder()
    raw = None if copy is None else copy / "planetoid" / name / "raw"
    return raw if raw is not None and (raw / f"ind.{name}.graph").is_file() else None


def _read(root: Path, name: str) -> Data:
    import warnings

    from torch_geometric.datasets import Planetoid

    class Quiet(Planetoid):
        """Processes without saying so; whether it says so cannot be asked for."""

        log = property(lambda self: False, lambda self, value: None)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # numpy and scipy find the pickles old
        found: Any = Quiet(str(root), name)[0]
    return found
