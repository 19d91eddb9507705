"""Cora, CiteSeer and PubMed: papers, their words, who cites whom, and the public split of Planetoid."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from netopsy.core.errors import InputError, lookup, require
from netopsy.core.memory import check_bytes
from netopsy.core.paths import cache_folder, data_folder
from netopsy.data.plain_pickles import read_pickle

if TYPE_CHECKING:
    from torch_geometric.data import Data

_NAMES = MappingProxyType({name: name for name in ("cora", "citeseer", "pubmed")})
PLANETOID = tuple(_NAMES)
"""The names `planetoid` knows."""

_PARTS = ("x", "tx", "allx", "y", "ty", "ally", "graph")


def planetoid(name: str) -> Data:
    """A citation network by name: "cora", "citeseer" or "pubmed".

    Read from a local copy in the folder that ``NETOPSY_DATA`` names (``planetoid/NAME/raw``), else from the cache, else
    fetched into it from where torch_geometric finds it. The files are published as pickles; they are read without
    running them (`netopsy.data.plain_pickles`).

    Returns:
        Features ``x [nodes, words]`` float32, ``edge_index [2, edges]`` with every edge both ways, no loops, classes
        ``y [nodes]`` int64, and ``train_mask``, ``val_mask``, ``test_mask`` ``[nodes]`` of the public split (20 nodes
        a class, 500, 1000).

    Raises:
        InputError: an unknown name, the files are neither here nor to be had, or one holds more than plain data.

    Source: Yang, Cohen and Salakhutdinov, Revisiting Semi-Supervised Learning with Graph Embeddings, ICML 2016.
    """
    lookup("Planetoid graph", name, _NAMES)
    raw = _local_copy(name) or _cached(name)
    if raw is None:
        raw = _fetch(name)
    try:
        return _read(raw, name)
    except Exception as error:  # whatever broken files lead to
        raise InputError(f"Planetoid graph {name!r} cannot be read from {raw}: {_reason(error)}") from error


def local_planetoid() -> tuple[str, ...]:
    """The graphs that `planetoid` reads without fetching anything.

    >>> set(local_planetoid()) <= set(PLANETOID)
    True
    """
    return tuple(name for name in PLANETOID if _local_copy(name) or _cached(name))


def without_fetching(names: Iterable[str]) -> tuple[str, ...]:
    """Those of the names that are no graph of Planetoid, or one that `local_planetoid` has.

    >>> without_fetching(["digits"])
    ('digits',)
    """
    here = local_planetoid()
    return tuple(name for name in names if name not in PLANETOID or name in here)


def _files(name: str) -> tuple[str, ...]:
    return tuple(f"ind.{name}.{part}" for part in (*_PARTS, "test.index"))


def _local_copy(name: str) -> Path | None:
    copy = data_folder()
    return None if copy is None else _whole(copy / "planetoid" / name / "raw", name)


def _cached(name: str) -> Path | None:
    return _whole(cache_folder() / "planetoid" / name / "raw", name)


def _whole(raw: Path, name: str) -> Path | None:
    return raw if all((raw / file).is_file() for file in _files(name)) else None


def _fetch(name: str) -> Path:
    """In a folder of its own that is moved into place when it is whole: two processes may do this at a time."""
    kept = cache_folder() / "planetoid"
    kept.mkdir(parents=True, exist_ok=True)
    raw = kept / name / "raw"
    with tempfile.TemporaryDirectory(dir=kept, prefix=f".{name}-") as folder:
        try:
            from torch_geometric.data import download_url
            from torch_geometric.datasets import Planetoid

            for file in _files(name):
                download_url(f"{Planetoid.url}/{file}", folder, log=False)
        except Exception as error:  # whatever fetching leads to
            raise InputError(f"Planetoid graph {name!r} cannot be fetched: {_reason(error)}") from error
        raw.mkdir(parents=True, exist_ok=True)
        for file in _files(name):
            os.replace(Path(folder, file), raw / file)
    return raw


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _read(raw: Path, name: str) -> Data:
    import torch
    from torch_geometric.data import Data
    from torch_geometric.utils import coalesce, index_to_mask, remove_self_loops

    parts: dict[str, Any] = {part: read_pickle(raw / f"ind.{name}.{part}") for part in _PARTS}
    test = np.loadtxt(raw / f"ind.{name}.test.index", dtype=np.int64, ndmin=1)
    first, count = len(parts["ally"]), int(test.max()) + 1
    require(int(test.min()) == first and len(np.unique(test)) == len(test), "its test nodes do not follow the others")
    check_bytes(4 * count * parts["allx"].shape[1], f"Planetoid graph {name!r}")
    # CiteSeer has test nodes without an edge that the files leave out: their features and classes are zeros.
    words = np.zeros((count, parts["allx"].shape[1]), dtype=np.float32)
    classes = np.zeros((count, parts["ally"].shape[1]), dtype=np.float32)
    words[:first], words[test] = parts["allx"].toarray(), parts["tx"].toarray()
    classes[:first], classes[test] = parts["ally"], parts["ty"]
    ends = [(node, other) for node, others in parts["graph"].items() for other in others]
    edges = torch.tensor(ends, dtype=torch.int64).reshape(-1, 2).T
    require(bool(((edges >= 0) & (edges < count)).all()), f"its edges lead to others than its {count} nodes")
    edges = coalesce(remove_self_loops(edges)[0], num_nodes=count, sort_by_row=False)
    train = len(parts["y"])
    masks = {
        "train_mask": torch.arange(train),
        "val_mask": torch.arange(train, train + 500),
        "test_mask": torch.from_numpy(np.sort(test)),
    }
    return Data(
        x=torch.from_numpy(words),
        edge_index=edges.contiguous(),
        y=torch.from_numpy(classes.argmax(axis=1)),
        **{mask: index_to_mask(index, size=count) for mask, index in masks.items()},
    )
