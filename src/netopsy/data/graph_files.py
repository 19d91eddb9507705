"""Graphs from files: edge lists, tables, the formats of networkx, and matrices."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from netopsy.core.errors import InputError, lookup, require
from netopsy.core.paths import data_folder, file_from
from netopsy.data import matrix_formats, network_formats
from netopsy.data.edge_lists import Edges, read_edges
from netopsy.data.file_contents import contents, decoded, inner_name
from netopsy.data.graphs import Graph
from netopsy.data.matrix_sizes import rewritten, weigh

LISTS = (".csv", ".tsv", ".txt", ".edges", ".edgelist")
TABLES = (".parquet", ".pq")
MATRICES = (".mtx", ".mat", ".npz")
ENDINGS = (*LISTS, *TABLES, *MATRICES, *network_formats.READERS)
"""The endings of files that hold a graph; behind each may stand that of a packed file."""


def read_graph(
    path: str | os.PathLike[str], *, variable: str | None = None, nodes: Sequence[str] | None = None
) -> Graph:
    """The undirected graph in a file.

    By its ending: ``.csv``, ``.tsv``, ``.txt``, ``.edges`` and ``.edgelist``, and KONECT's files called ``out.*``, are
    edge lists, two nodes a line and maybe a weight; ``.parquet`` is such a list as a table; ``.graphml``, ``.gml``,
    ``.gexf``, ``.net`` (Pajek) and ``.json`` (node-link) are read by networkx; ``.mtx`` is Matrix Market, ``.mat``
    MATLAB (versions up to 7, SuiteSparse's structures included), ``.npz`` a matrix kept by `scipy.sparse.save_npz`.
    Each may be packed: ``.gz``, ``.bz2``, ``.xz`` or a ``.zip`` of one file. An edge listed one way or both ways counts
    once, with the larger weight; edges from a node to itself and edges of weight 0 are left out. The graph's ``notes``
    say what was left aside.

    Nodes are called as in the file, so that those of Matrix Market and MATLAB begin at 1.

    A first line of an edge list that names its columns says which are the nodes (source and target, from and to, ...)
    and the weight; other columns are not read. Nodes may be numbers or words; they are numbered in ascending order and
    their names kept. Names with separators or quotation marks in them stand in quotation marks; blanks around names do
    not count. Comments begin with ``#`` or ``%`` at the start of a line or after a blank.

    Args:
        variable: the name of the matrix in a MATLAB file, where it holds several.
        nodes: the names of all nodes, those without an edge included, which an edge list cannot say.

    Raises:
        InputError: no such file, another ending, contents that are no graph or may be read in more than one way,
            weights that are negative or no finite numbers, or a node that is not among ``nodes``.
    """
    file = file_from(path, "graph file")
    called = f"graph file {file.name!r}"
    try:
        name = inner_name(file)
        ending = ".txt" if name.startswith("out.") else Path(name).suffix.lower()
        lookup("graph file ending", ending, {known: known for known in ENDINGS})
        data = contents(file)
        weigh(io.BytesIO(data), ending, called)
        if ending == ".mat":
            data = rewritten(data, called)
        if ending in MATRICES:
            require(nodes is None, f"{called} holds a matrix, which says how many nodes there are; leave out nodes")
            return _of_matrix(*_matrix(data, ending, called, variable), Path(name).stem, called)
        found, own = _listed(data, ending, name)
        return _of_edges(found, own if nodes is None else [*own, *map(str, nodes)], nodes, Path(name).stem, called)
    except InputError as error:
        said = str(error)
        raise (error if file.name in said or "ending" in said else InputError(f"{called}: {said}")) from None
    except MemoryError:
        raise InputError(f"{called} does not fit into memory") from None
    except Exception as error:  # whatever a reader makes of a broken file
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"{called} cannot be read: {reason}") from error


def local_networks() -> dict[str, Path]:
    """The MATLAB files in the folder ``networks`` of what ``NETOPSY_DATA`` names, by the name of the network."""
    folder = data_folder()
    return {file.stem: file for file in sorted((folder / "networks").glob("*.mat"))} if folder else {}


def _matrix(data: bytes, ending: str, called: str, variable: str | None) -> matrix_formats.Matrix:
    if ending == ".mtx":
        return matrix_formats.matrix_market(data, called)
    return matrix_formats.matlab(data, called, variable) if ending == ".mat" else matrix_formats.scipy_matrix(data)


def _listed(data: bytes, ending: str, name: str) -> tuple[Edges, list[str]]:
    """Edges, and the nodes that the file names beside them."""
    if ending in network_formats.READERS:
        return _from_networkx(network_formats.read_network(data, ending))
    if ending in TABLES:
        table = pd.read_parquet(io.BytesIO(data))
        return read_edges(table.to_csv(index=False), f"{name}.csv"), []
    text, note = decoded(data)
    found = read_edges(text, name)
    return Edges(found.first, found.second, found.weights, (*found.notes, *([note] if note else []))), []


def _from_networkx(network: Any) -> tuple[Edges, list[str]]:
    ends = [(str(one), str(other)) for one, other in network.edges()]
    first, second = np.array(ends, dtype=str).reshape(-1, 2).T
    given = [value for *_, value in network.edges(data="weight")]
    weights = None
    if any(value is not None for value in given):
        weights = np.array([1.0 if value is None else float(value) for value in given])
    notes = ("the directions of its edges are left aside",) if network.is_directed() and len(ends) else ()
    return Edges(first, second, weights, notes), [str(node) for node in network]


def _of_edges(found: Edges, more: list[str], wanted: Sequence[str] | None, name: str, called: str) -> Graph:
    names, rows, columns = _numbered(found.first, found.second, more)
    if wanted is not None:
        strange = sorted(set(names) - set(map(str, wanted)))
        require(not strange, f"{called} names {strange[0] if strange else ''!r}, which is not among nodes")
    require(names, f"{called} holds no node")
    count = len(names)
    weights = np.ones(len(rows)) if found.weights is None else found.weights
    _check_weights(weights, called)
    apart = rows != columns
    loops = len(rows) - int(apart.sum())
    if loops:
        rows, columns, weights = rows[apart], columns[apart], weights[apart]
    ways = (np.minimum(rows, columns) * count + np.maximum(rows, columns)) * 2 + (rows > columns)
    # Of an edge that is listed again the largest weight counts.
    order = None if found.weights is None else np.lexsort((-weights, ways >> 1))
    ways = np.sort(ways) if order is None else ways[order]
    new = np.ones(len(ways), dtype=bool)
    new[1:] = ways[1:] >> 1 != ways[:-1] >> 1
    # Listing an edge both ways is a way of saying that it has no direction; listing it the same way again is not.
    again = int((ways[1:] == ways[:-1]).sum()) if order is None else len(ways) - len(pd.unique(ways))
    weights = np.ones(int(new.sum())) if order is None else weights[order][new]
    low, high = np.divmod(ways[new] >> 1, count)
    real = weights > 0
    low, high, weights = low[real], high[real], weights[real]
    both = (np.concatenate([weights, weights]), (np.concatenate([low, high]), np.concatenate([high, low])))
    adjacency = sparse.csr_array(sparse.coo_array(both, (count, count)))
    adjacency.sort_indices()
    return Graph(adjacency, name, tuple(names), notes=(*found.notes, *_dropped(loops, again)))


def _of_matrix(matrix: sparse.csr_array, nodes: tuple[str, ...], name: str, called: str) -> Graph:
    rows, columns = matrix.shape
    require(rows == columns, f"{called} holds a {rows}x{columns} matrix; an adjacency matrix is square")
    require(rows > 0, f"{called} holds no node")
    _check_weights(matrix.data, called)
    loops = int(np.count_nonzero(matrix.diagonal()))
    both: Any = matrix != matrix.T
    notes = ["the directions of its edges are left aside"] if both.nnz else []
    matrix = sparse.csr_array(matrix.maximum(matrix.T))
    matrix = sparse.csr_array(matrix - sparse.diags_array(matrix.diagonal()))
    matrix.eliminate_zeros()
    return Graph(matrix.astype(np.float64), name, nodes, notes=(*notes, *_dropped(loops, 0)))


def _check_weights(weights: np.ndarray, called: str) -> None:
    require(np.isfinite(weights).all(), f"{called} holds weights that are no finite numbers")
    least = weights.min(initial=0.0)
    require(least >= 0, f"{called} holds negative weights, down to {least:g}; an edge's is positive")


def _dropped(loops: int, again: int) -> list[str]:
    notes = []
    if loops:
        notes.append(f"{loops:,} edge{'s' * (loops > 1)} from a node to itself {'are' if loops > 1 else 'is'} left out")
    if again:
        notes.append(f"{again:,} edge{'s' * (again > 1)} listed again {'count' if again > 1 else 'counts'} once")
    return notes


def _numbered(first: np.ndarray, second: np.ndarray, more: list[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """All names in ascending order, numbers as numbers, and the place of each end of each edge among them."""
    ends = np.concatenate([first, second])
    if ends.dtype == np.int64 and not more:
        least, most = int(ends.min()), int(ends.max())
        if most - least < 4 * len(ends):  # a table of all numbers between is cheaper than sorting
            seen = np.zeros(most - least + 1, dtype=bool)
            seen[ends - least] = True
            places = np.cumsum(seen) - 1
            numbers = np.flatnonzero(seen) + least
            return list(map(str, numbers.tolist())), places[first - least], places[second - least]
        numbers, inverse = np.unique(ends, return_inverse=True)
        return list(map(str, numbers.tolist())), inverse[: len(first)], inverse[len(first) :]
    codes, known = pd.factorize(np.concatenate([ends.astype(str), np.array(more, dtype=str)]).astype(object))
    names, place = matrix_formats.named_in_order(known.tolist())
    rows, columns = place[codes[: len(first)]], place[codes[len(first) : len(ends)]]
    return names, rows, columns
