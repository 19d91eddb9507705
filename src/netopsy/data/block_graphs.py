"""Graphs with known groups and very uneven degrees, and features that hint at the groups."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.data.graphs import Graph


@checked
def block_graph(
    nodes: int = 2000,
    classes: int = 5,
    *,
    mean_degree: float = 8.0,
    across: float = 0.12,
    tail: float = 1.5,
    cap: float = 40.0,
    seed: int = 0,
) -> Graph:
    """A random graph of equal groups in which edges prefer their own group and some nodes get many more than others.

    The degree-corrected block model: nodes i and j are joined with a chance proportional to ``t_i t_j B``, where B is 1
    within a group and ``across`` between two, and the weights t are Pareto of index ``tail``, none above ``cap`` times
    the least. There are exactly ``nodes * mean_degree / 2`` edges, rounded; no loops.

    Raises:
        InputError: numbers out of range, or more edges than such a graph has room for.

    Source: Karrer and Newman 2011 (arXiv 1008.3926).

    >>> graph = block_graph(100, 4, mean_degree=6.0)
    >>> graph.edge_count, np.bincount(graph.labels).tolist()
    (300, [25, 25, 25, 25])
    """
    require(isinstance(nodes, int) and nodes >= 2, f"nodes must be an int of at least 2, got {nodes!r}")
    require(isinstance(classes, int) and 1 <= classes <= nodes, f"classes must be from 1 to {nodes}, got {classes!r}")
    require(0 <= across <= 1, f"across must be from 0 to 1, got {across}")
    require(tail > 0 and cap >= 1, f"tail must be positive and cap at least 1, got {tail} and {cap}")
    count = round(nodes * mean_degree / 2)
    require(
        0 < count <= nodes * (nodes - 1) // 8, f"mean_degree must be above 0 and far below {nodes}, got {mean_degree}"
    )
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(nodes) % classes)
    weights = np.minimum(1 + random.pareto(tail, nodes), cap)
    totals = np.bincount(labels, weights, classes)
    blocks = np.outer(totals, totals) * np.where(np.eye(classes, dtype=bool), 1.0, across)
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(weights[order])
    starts = np.concatenate([[0.0], np.cumsum(totals)])
    found = np.empty(0, dtype=np.int64)
    for _ in range(100):
        chosen = random.choice(classes**2, count, p=(blocks / blocks.sum()).ravel())
        pair = []
        for own in np.divmod(chosen, classes):
            drawn = starts[own] + random.random(count) * totals[own]
            pair.append(order[np.searchsorted(ends, drawn, side="right").clip(max=nodes - 1)])
        low, high = np.minimum(*pair), np.maximum(*pair)
        keys = np.concatenate([found, (low * nodes + high)[low != high]])
        _, first = np.unique(keys, return_index=True)
        found = keys[np.sort(first)][:count]
        if len(found) == count:
            break
    require(len(found) == count, f"nodes of such uneven weights have no room for mean_degree {mean_degree}")
    low, high = np.divmod(found, nodes)
    both = (np.concatenate([low, high]), np.concatenate([high, low]))
    adjacency = sparse.csr_array(sparse.coo_array((np.ones(2 * count), both), (nodes, nodes)))
    return Graph(adjacency, "blocks", labels=labels.astype(np.int64))


@checked
def class_features(labels: np.ndarray, dimensions: int = 16, *, scale: float = 0.45, seed: int = 0) -> np.ndarray:
    """Normal features of variance 1 around a normal mean of each class, of standard deviation ``scale``.

    >>> class_features(np.array([0, 1, 1]), 4).shape
    (3, 4)
    """
    random = np.random.default_rng(seed)
    means = scale * random.standard_normal((int(labels.max()) + 1, dimensions))
    return means[labels] + random.standard_normal((len(labels), dimensions))
