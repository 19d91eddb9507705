"""The adjacency as an operator that can be differentiated by the weight of each edge, too."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.graphs.propagation import Operator

Kind = Literal["normalised", "sum", "attention"]
"""Of a network's propagation: the normalised adjacency with loops, as GCN has it; the plain sum, as GIN has it; or
attention that takes a weight for each edge, as GAT has it."""


class EdgeWeights:
    """What does not change while the edges' weights are learned: where the entries of the matrix stand.

    Args:
        edges: each undirected edge once, ``[2, edges]``, no loops.
        nodes: how many.
        kind: of propagation.
    """

    def __init__(self, edges: Tensor, nodes: int, kind: Kind) -> None:
        count = edges.shape[1]
        which = torch.arange(count, device=edges.device)
        places, which = torch.cat([edges, edges.flip(0)], 1), torch.cat([which, which])
        if kind == "normalised":
            loops = torch.arange(nodes, device=edges.device)
            places = torch.cat([places, loops.repeat(2, 1)], 1)
            which = torch.cat([which, which.new_full((nodes,), count)])
        order = (places[0] * nodes + places[1]).argsort()
        self.places, self.which, self.nodes, self.kind = places[:, order], which[order], nodes, kind
        ends = torch.bincount(self.places[0], minlength=nodes).cumsum(0)
        self.starts = torch.cat([ends.new_zeros(1), ends])

    def operator(self, weights: Float[Tensor, "edges"]) -> Operator:
        """The matrix with these weights, one for each undirected edge; loops have weight 1.

        Normalised by degrees that add up the weights' sizes, as learned weights may turn negative.
        """
        values = torch.cat([weights, weights.new_ones(1)]).index_select(0, self.which)
        if self.kind == "normalised":
            degree = values.new_zeros(self.nodes).index_add(0, self.places[0], values.abs())
            power = degree.pow(-0.5)
            values = power.index_select(0, self.places[0]) * values * power.index_select(0, self.places[1])
        matrix = torch.sparse_csr_tensor(
            self.starts, self.places[1], values.detach(), (self.nodes, self.nodes), check_invariants=False
        )
        return Operator(matrix, matrix, values)
