"""Small real networks that come with networkx."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from netopsy.core.errors import lookup, require


@dataclass(frozen=True, eq=False)
class Graph:
    """An undirected graph as a sparse symmetric matrix.

    Raises `InputError` if the matrix is not square, symmetric and finite, or names or labels do not match its nodes.

    >>> graph("karate").adjacency.shape
    (34, 34)
    """

    adjacency: sparse.csr_array
    """``[nodes, nodes]``, float64, symmetric: the weight of every edge, both ways."""
    name: str = ""
    nodes: tuple[str, ...] = ()
    """What the nodes are called, by number."""
    labels: np.ndarray | None = None
    """The known group of every node, int64, where there is one."""
    notes: tuple[str, ...] = ()
    """What was left aside when it was read."""

    def __post_init__(self) -> None:
        rows, columns = self.adjacency.shape
        require(rows == columns, f"adjacency must be square, got {rows}x{columns}")
        require(rows > 0, "adjacency must have at least one node")
        require(bool(np.isfinite(self.adjacency.data).all()), "adjacency must be finite, got NaN or infinity")
        require(
            sparse.csr_array(self.adjacency - self.adjacency.T).count_nonzero() == 0,
            "adjacency must be symmetric: the graph is undirected",
        )
        require(len(self.nodes) in (0, rows), f"nodes must name all {rows} nodes, got {len(self.nodes)} names")
        require(
            self.labels is None or self.labels.shape == (rows,),
            f"labels must have one entry a node, {rows}, got {None if self.labels is None else self.labels.shape}",
        )

    def __len__(self) -> int:
        return int(self.adjacency.shape[0])

    @property
    def names(self) -> tuple[str, ...]:
        """What the nodes are called; their numbers where nobody said."""
        return self.nodes or tuple(map(str, range(len(self))))

    @property
    def edge_count(self) -> int:
        """Edges, each counted once, loops included."""
        loops = int(np.count_nonzero(self.adjacency.diagonal()))
        return (int(self.adjacency.count_nonzero()) - loops) // 2 + loops


def graph(name: str, *, weighted: bool = False) -> Graph:
    """A real network by name: "karate", "les_miserables", "florentine" or "davis".

    Zachary 1977 (members of a karate club; labels are the two clubs it became), Knuth 1993 (characters who appear
    together), Padgett and Ansell 1993 (marriages of Florentine families), Davis et al. 1941 (18 women and the 14 events
    they came to; labels tell them apart). With ``weighted`` edges keep the weights of the source, otherwise they are 1.

    >>> florentine = graph("florentine")
    >>> len(florentine), florentine.edge_count, florentine.nodes[0]
    (15, 20, 'Acciaiuoli')
    """
    return lookup("graph", name, _GRAPHS)(name, weighted)


def _loader(function: str, label: str | None = None) -> Callable[[str, bool], Graph]:
    def load(name: str, weighted: bool) -> Graph:
        import networkx as nx

        source = getattr(nx, function)()
        adjacency = nx.to_scipy_sparse_array(source, weight="weight" if weighted else None, dtype=float, format="csr")
        labels = None
        if label is not None:
            given = [source.nodes[node][label] for node in source]
            labels = np.unique(given, return_inverse=True)[1].astype(np.int64)
        return Graph(adjacency, name, tuple(map(str, source)), labels)

    return load


_GRAPHS = {
    "karate": _loader("karate_club_graph", "club"),
    "les_miserables": _loader("les_miserables_graph"),
    "florentine": _loader("florentine_families_graph"),
    "davis": _loader("davis_southern_women_graph", "bipartite"),
}

GRAPHS = tuple(_GRAPHS)
"""The names `graph` knows."""
