"""Small random graphs whose nodes have labels: by their role in a shape, and by their group."""

from __future__ import annotations

import networkx as nx
import numpy as np
from scipy import sparse

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.data.graphs import Graph


@checked
def role_graph(seed: int, cycle: int = 60, shapes: int = 30) -> Graph:
    """A cycle with houses, stars and cliques hung on it; the label of a node is its role, wherever it is.

    Roles: on the cycle with a shape and without one; a house's roof, shoulders and base; a star's centre and leaves;
    a clique's nodes.

    Raises:
        InputError: more shapes than nodes of the cycle.

    >>> made = role_graph(0)
    >>> len(made), np.bincount(made.labels).tolist()
    (210, [30, 30, 20, 20, 10, 10, 40, 50])
    """
    require(0 < shapes <= cycle, f"shapes must be from 1 to cycle={cycle}, got {shapes}")
    # Labels of a shape's nodes, its edges, and which node hangs on the cycle.
    house = ([2, 2, 3, 3, 4], [(0, 1), (1, 2), (2, 3), (3, 0), (0, 4), (1, 4)], 2)
    star = ([5, 6, 6, 6, 6], [(0, leaf) for leaf in range(1, 5)], 0)
    clique = ([7] * 5, [(a, b) for a in range(5) for b in range(a)], 0)
    random = np.random.default_rng(seed)
    made = nx.cycle_graph(cycle)
    labels = [0] * cycle
    kinds = random.permutation(np.arange(shapes) % 3)
    for place, kind in zip(random.choice(cycle, shapes, replace=False).tolist(), kinds.tolist(), strict=True):
        (own, ends, hook), first = (house, star, clique)[kind], len(labels)
        made.add_edges_from((first + a, first + b) for a, b in ends)
        made.add_edge(place, first + hook)
        labels += own
        labels[place] = 1
    return _graph(made, "roles", np.array(labels))


@checked
def uneven_blocks(
    seed: int, nodes: int = 300, groups: int = 4, inside: float | int = 0.8, degree: float | int = 8.0
) -> Graph:
    """Groups of equal size whose nodes have degrees of their own: a degree-corrected stochastic block model.

    Weights are Pareto of index 2.5; each edge is drawn by itself, ``inside`` of them within a group in the mean, and a
    node that none falls to gets one within its group.

    Raises:
        InputError: fewer nodes than two in each group, or a share out of range.

    >>> uneven_blocks(0, nodes=40).labels[:5].tolist()
    [0, 1, 2, 3, 0]
    """
    require(2 <= groups <= nodes // 2, f"groups must be from 2 to {nodes // 2}, got {groups}")
    require(0 <= inside <= 1, f"inside must be from 0 to 1, got {inside}")
    random = np.random.default_rng(seed)
    labels = np.arange(nodes) % groups
    weight = random.pareto(2.5, nodes) + 1
    weight /= weight.mean()
    same = labels[:, None] == labels
    share = np.where(same, inside * groups, (1 - inside) * groups / (groups - 1))
    chance = np.minimum(1, degree / nodes * share * np.outer(weight, weight))
    upper = np.triu(random.random((nodes, nodes)) < chance, 1)
    made: nx.Graph = nx.from_numpy_array(upper | upper.T)
    for node in [node for node, degree in made.degree if degree == 0]:
        made.add_edge(node, int(random.choice(np.flatnonzero(same[node] & (np.arange(nodes) != node)))))
    return _graph(made, "blocks", labels)


def _graph(made: nx.Graph, name: str, labels: np.ndarray) -> Graph:
    adjacency = nx.to_scipy_sparse_array(made, nodelist=range(len(labels)), weight=None, dtype=float)
    return Graph(sparse.csr_array(adjacency), name, labels=labels.astype(np.int64))
