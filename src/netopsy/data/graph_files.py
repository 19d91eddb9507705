"""Graphs from files: edge lists, Matrix Market, MATLAB and scipy's sparse matrices."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy import sparse

from netopsy.core.errors import InputError, lookup, require
from netopsy.core.paths import data_folder
from netopsy.data.edge_lists import read_edges
from netopsy.data.graphs import Graph


def read_graph(path: str | os.PathLike[str], *, variable: str | None = None) -> Graph:
    """The undirected graph in a file.

    By its ending: ``.csv``, ``.tsv``, ``.txt`` and ``.edges`` are edge lists, two nodes a line and maybe a weight;
    ``.mtx`` is Matrix Market, ``.mat`` MATLAB (versions up to 7), ``.npz`` a matrix kept by `scipy.sparse.save_npz`. An
    edge listed one way or both ways counts once, with the larger weight; edges from a node to itself and edges of
    weight 0 are left out.

    A first line of an edge list that names its columns says which are the nodes (source and target, from and to, ...)
    and the weight; other columns are not read. Nodes may be numbers or words; they are numbered in ascending order and
    their names kept. Names with separators or quotation marks in them stand in quotation marks; blanks around names do
    not count. Comments begin with ``#`` or ``%`` at the start of a line or after a blank.

    Args:
        variable: the name of the matrix in a MATLAB file, where it holds several.

    Raises:
        InputError: no such file, another ending, contents that are no graph or may be read in more than one way, or
            weights that are negative or no finite numbers.
    """
    file = Path(path)
    require(file.is_file(), f"graph file {str(path)!r} does not exist")
    read = lookup("graph file ending", file.suffix.lower(), _READERS)
    try:
        matrix, nodes = read(file, variable)
    except InputError:
        raise
    except Exception as error:  # whatever a reader makes of a broken file
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"graph file {file.name!r} cannot be read: {reason}") from error
    rows, columns = matrix.shape
    require(rows == columns, f"graph file {file.name!r} holds a {rows}x{columns} matrix; an adjacency matrix is square")
    require(rows > 0, f"graph file {file.name!r} holds no node")
    require(np.isfinite(matrix.data).all(), f"graph file {file.name!r} holds weights that are no finite numbers")
    least = matrix.data.min(initial=0.0)
    require(least >= 0, f"graph file {file.name!r} holds negative weights, down to {least:g}; an edge's is positive")
    matrix = matrix.maximum(matrix.T)
    matrix = sparse.csr_array(matrix - sparse.diags_array(matrix.diagonal()))
    matrix.eliminate_zeros()
    return Graph(matrix.astype(np.float64), file.stem, nodes)


def local_networks() -> dict[str, Path]:
    """The MATLAB files in the folder ``networks`` of what ``NETOPSY_DATA`` names, by the name of the network."""
    folder = data_folder()
    return {file.stem: file for file in sorted((folder / "networks").glob("*.mat"))} if folder else {}


def _edge_list(file: Path, variable: str | None) -> tuple[sparse.csr_array, tuple[str, ...]]:
    first, second, weights = read_edges(file)
    names, numbers = _numbered(np.concatenate([first, second]))
    count = len(names)
    rows, columns = numbers[: len(first)], numbers[len(first) :]
    # Of an edge that is listed again the largest weight counts, as of one listed both ways.
    key = rows.astype(np.int64) * count + columns
    order = np.lexsort((-weights, key))
    _, first_of_each = np.unique(key[order], return_index=True)
    best = order[first_of_each]
    one = sparse.csr_array(sparse.coo_array((weights[best], (rows[best], columns[best])), (count, count)))
    return one, tuple(names)


def _whole(words: np.ndarray) -> bool:
    return all(re.fullmatch(r"-?\d+", word) for word in words.tolist())


def _numbered(words: np.ndarray) -> tuple[list[str], np.ndarray]:
    """Names in ascending order and each word's place among them; numbers are ordered as numbers."""
    names, inverse = np.unique(words, return_inverse=True)
    if _whole(names):
        order = np.argsort([int(name) for name in names.tolist()], kind="stable")
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        return names[order].tolist(), place[inverse]
    return names.tolist(), inverse


def _matrix_market(file: Path, variable: str | None) -> tuple[sparse.csr_array, tuple[str, ...]]:
    from scipy.io import mmread

    return _real(mmread(file)), ()


def _matlab(file: Path, variable: str | None) -> tuple[sparse.csr_array, tuple[str, ...]]:
    from scipy.io import loadmat

    held = {name: value for name, value in loadmat(file).items() if not name.startswith("__")}
    matrices: dict[str, Any] = {
        name: value
        for name, value in held.items()
        if sparse.issparse(value) or (isinstance(value, np.ndarray) and value.ndim == 2 and min(value.shape) > 1)
    }
    if variable is not None:
        return _real(lookup("variable", variable, matrices)), ()
    square = [name for name, value in matrices.items() if value.shape[0] == value.shape[1]]
    require(square, f"graph file {file.name!r} holds no square matrix, only {', '.join(held) or 'nothing'}")
    name = "net" if "net" in square else square[0]
    clear = name == "net" or len(square) == 1
    require(clear, f"graph file {file.name!r} holds several matrices: choose among {', '.join(square)}")
    return _real(matrices[name]), ()


def _scipy(file: Path, variable: str | None) -> tuple[sparse.csr_array, tuple[str, ...]]:
    return _real(sparse.load_npz(file)), ()


def _real(matrix: Any) -> sparse.csr_array:
    found: Any = sparse.csr_array(matrix)
    if np.iscomplexobj(found.data):
        raise ValueError("its weights are complex numbers")
    return found.astype(np.float64)


_Reader = Callable[[Path, str | None], tuple[sparse.csr_array, tuple[str, ...]]]
_READERS: Mapping[str, _Reader] = MappingProxyType(
    {
        ".csv": _edge_list,
        ".tsv": _edge_list,
        ".txt": _edge_list,
        ".edges": _edge_list,
        ".mtx": _matrix_market,
        ".mat": _matlab,
        ".npz": _scipy,
    }
)
ENDINGS = tuple(_READERS)
"""The endings of files that hold a graph."""
