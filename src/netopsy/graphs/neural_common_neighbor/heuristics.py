"""Scores of pairs by hand-made rules on their common neighbours, the plain baselines of link prediction."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import lookup
from netopsy.graphs.adjacency import GraphLike
from netopsy.graphs.neural_common_neighbor.neighbourhoods import (
    LinkGraph,
    Pairs,
    checked_pairs,
    link_graph,
    shared_rows,
)

_WEIGHTS = MappingProxyType(
    {
        "common neighbours": lambda degrees: np.ones(len(degrees)),
        "Adamic-Adar": lambda degrees: 1 / np.log(np.maximum(degrees, 2)),
        "resource allocation": lambda degrees: 1 / np.maximum(degrees, 1),
    }
)
RULES = tuple(_WEIGHTS)
"""The rules `pair_rule` knows."""


@checked
def pair_rule(adj: GraphLike | LinkGraph, pairs: Pairs, rule: str = "common neighbours") -> Float[Tensor, "pairs"]:
    """The sum over a pair's common neighbours of 1, of 1 / log(degree) or of 1 / degree, float64.

    Raises:
        InputError: an unknown rule, or pairs that do not fit the graph.

    Source: Adamic and Adar 2003; Zhou, Lü and Zhang 2009 (arXiv 0901.0553).

    >>> path = torch.tensor([[0, 1], [1, 2]])
    >>> pair_rule(path, torch.tensor([[0], [2]]), "resource allocation").tolist()
    [0.5]
    """
    weigh = lookup("rule", rule, _WEIGHTS)
    graph = link_graph(adj)
    starts, columns = shared_rows(graph, *checked_pairs(pairs, graph.nodes))
    sums = np.concatenate([[0.0], np.cumsum(weigh(graph.degrees)[columns])])
    if rule == "common neighbours":
        return torch.from_numpy(np.diff(starts).astype(np.float64))
    return torch.from_numpy(np.diff(sums[starts]))
