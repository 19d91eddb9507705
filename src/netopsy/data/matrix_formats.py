"""Files of matrices, as adjacency: Matrix Market, MATLAB and scipy's; and what their nodes are called."""

from __future__ import annotations

import io
import re
from typing import Any, cast

import numpy as np
from scipy import sparse

from netopsy.core.errors import InputError, lookup, require
from netopsy.data.matrix_sizes import sound

Matrix = tuple[sparse.csr_array, tuple[str, ...]]
MOST_NODES = 10_000_000
"""A graph may have so many nodes however few its edges are."""


def counted_from_one(nodes: int) -> tuple[str, ...]:
    """Names as formats have them that count from 1."""
    return tuple(map(str, range(1, nodes + 1)))


def matrix_market(data: bytes, called: str) -> Matrix:
    """Of a Matrix Market file; its rows are numbered from 1."""
    from scipy.io import mminfo, mmread

    rows, columns, entries, *_ = mminfo(io.BytesIO(data))
    check_size(max(rows, columns), entries, called)
    matrix = real(mmread(io.BytesIO(data)))
    return matrix, counted_from_one(matrix.shape[0])


def matlab(data: bytes, called: str, variable: str | None) -> Matrix:
    """Of a MATLAB file, also one that keeps the matrix in a structure, as SuiteSparse has it; numbered from 1."""
    from scipy.io import loadmat

    held = {name: value for name, value in loadmat(cast(Any, io.BytesIO(data))).items() if not name.startswith("__")}
    flat = dict(held)
    labels: tuple[str, ...] = ()
    for name, value in held.items():
        if isinstance(value, np.ndarray) and value.dtype.names and value.size == 1:
            flat |= {f"{name}.{part}": value[part].item() for part in value.dtype.names}
            aux = flat.get(f"{name}.aux")
            if isinstance(aux, np.ndarray) and aux.dtype.names and "nodename" in aux.dtype.names:
                labels = tuple(str(np.ravel(word)[0]).strip() for word in np.ravel(aux["nodename"].item()))
    matrices: dict[str, Any] = {
        name: value
        for name, value in flat.items()
        if sparse.issparse(value)
        or (isinstance(value, np.ndarray) and value.dtype.kind in "biufc" and value.ndim == 2 and min(value.shape) > 1)
    }
    if variable is None:
        square = [name for name, value in matrices.items() if value.shape[0] == value.shape[1]]
        require(square, f"{called} holds no square matrix, only {', '.join(held) or 'nothing'}")
        known = [name for name in square if name in ("net", "Problem.A")]
        require(known or len(square) == 1, f"{called} holds several matrices: choose among {', '.join(square)}")
        variable = (known or square)[0]
    matrix = real(lookup("variable", variable, matrices))
    fitting = len(labels) == matrix.shape[0] == len(set(labels))
    return matrix, labels if fitting else counted_from_one(matrix.shape[0])


def scipy_matrix(data: bytes) -> Matrix:
    """Of a file of `scipy.sparse.save_npz`; numbered from 0."""
    return real(sparse.load_npz(io.BytesIO(data))), ()


def real(matrix: Any) -> sparse.csr_array:
    """In compressed rows of float64."""
    if matrix.dtype.kind == "c":
        raise InputError("its weights are complex numbers")
    return sparse.csr_array(sparse.csr_array(sound(matrix, "its matrix")).astype(np.float64))


def check_size(nodes: int, entries: int, called: str) -> None:
    """Raise `InputError` where nodes are so many more than edges that their number must be a mistake.

    >>> check_size(34, 78, "graph")
    """
    require(
        nodes <= max(MOST_NODES, 1000 * entries),
        f"{called} names {nodes:,} nodes but only {entries:,} edges: number the nodes without gaps first, as "
        "np.unique(edges, return_inverse=True) does",
    )


def named_in_order(names: list[str]) -> tuple[list[str], np.ndarray]:
    """Names in ascending order, numbers as numbers, and where each of the given ones comes."""
    whole = all(re.fullmatch(r"-?\d+", name) for name in names)
    order = sorted(range(len(names)), key=(lambda one: int(names[one])) if whole else names.__getitem__)
    place = np.empty(len(names), dtype=np.int64)
    place[order] = np.arange(len(names))
    return [names[one] for one in order], place
