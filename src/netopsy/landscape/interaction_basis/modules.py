"""Groups of features that interact with one another and hardly with others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import check_seed
from netopsy.landscape.interaction_basis.ablation import check_edges

Node = tuple[str, int]
"""A layer and the number of a feature, counted from 0 without the constant."""
ROUNDS = 10


@dataclass(frozen=True)
class Modules:
    """Communities of features over all layers."""

    communities: tuple[frozenset[Node], ...]
    """The largest first; features without an edge are in none."""
    modularity: float
    """Newman's Q of this division: 0 for one community, up to 1."""


@checked
def interaction_modules(
    edges: Mapping[tuple[str, str], Tensor],
    eps: float | int | Mapping[tuple[str, str], float],
    *,
    resolution: float | int = 1.0,
    seed: int = 0,
) -> Modules:
    """Communities of the graph whose weights are the logarithms of the edges, ``log10(edge / eps)``, clipped at 0.

    By the logarithm: effects of parameters that do not interact add up, those of parameters that do multiply. Found by
    Leiden's method, ten rounds of it, as by the authors. Source: the paper's section on modularity.

    Args:
        edges: from `interaction_edges`.
        eps: edges up to here do not count; a number, or one a section, such as ``least`` of `edges_required`.
        resolution: above 1 for more and smaller communities.
        seed: for the order in which features are looked at.

    Raises:
        InputError: edges that are none, a threshold that is not positive, no edge above it.

    >>> import torch
    >>> found = interaction_modules({("a", "b"): torch.eye(2)}, 1e-3)
    >>> [sorted(each) for each in found.communities], found.modularity
    ([[('a', 0), ('b', 0)], [('a', 1), ('b', 1)]], 0.5)
    """
    check_edges(edges)
    check_seed(seed)
    require(resolution > 0, f"resolution must be positive, got {resolution}")
    weights: dict[tuple[Node, Node], float] = {}
    for pair, own in edges.items():
        least = eps[pair] if isinstance(eps, Mapping) else eps
        require(0 < least < math.inf, f"eps must be positive and finite, got {least}")
        for i, j in (own > least).nonzero().tolist():
            weights[(pair[0], j), (pair[1], i)] = math.log10(float(own[i, j]) / least)
    require(weights, "no edge exceeds eps: choose a smaller one")
    return _communities(weights, float(resolution), seed)


def _communities(weights: Mapping[tuple[Node, Node], float], resolution: float, seed: int) -> Modules:
    from graspologic_native import leiden

    nodes = sorted({node for ends in weights for node in ends})
    number = {node: str(index) for index, node in enumerate(nodes)}
    edges = [(number[one], number[other], weight) for (one, other), weight in weights.items()]
    quality, found = leiden(edges, resolution=resolution, iterations=ROUNDS, seed=seed)
    groups: dict[int, set[Node]] = {}
    for node in nodes:
        groups.setdefault(found[number[node]], set()).add(node)
    ordered = sorted(map(frozenset, groups.values()), key=lambda each: (-len(each), sorted(each)))
    return Modules(tuple(ordered), quality)
