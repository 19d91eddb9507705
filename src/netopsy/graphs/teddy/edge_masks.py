"""The adjacency as an operator that can be differentiated by the weight of each edge, too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.graphs.propagation import Features, Operator

Kind = Literal["normalised", "sum", "attention"]
"""Of a network's propagation: the normalised adjacency with loops, as GCN has it; the plain sum, as GIN has it; or
attention that takes a weight for each edge, as GAT has it."""


@dataclass(frozen=True, eq=False)
class WeightedOperator(Operator):
    """A symmetric sparse matrix whose entries are the outcome of something that is learned."""

    places: Tensor
    """Row and column of each entry, ``[2, entries]``, sorted."""
    values: Tensor
    """The entries, with their history."""

    def __matmul__(self, features: Features) -> Features:
        product: Any = _Product.apply
        return product(features, self.values, self)


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, values: Tensor, operator: WeightedOperator) -> Tensor:
        ctx.operator = operator
        ctx.save_for_backward(features)
        return operator.matrix @ features

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (features,) = ctx.saved_tensors
        gradient = gradients[0].contiguous()
        to_features = ctx.operator.matrix @ gradient if ctx.needs_input_grad[0] else None
        to_values = None
        if ctx.needs_input_grad[1]:
            # Only the products that the matrix has an entry for, without a copy of both features for each edge.
            to_values = torch.sparse.sampled_addmm(ctx.operator.matrix, gradient, features.T, beta=0.0).values()
        return to_features, to_values, None


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

    def operator(self, weights: Float[Tensor, "edges"]) -> WeightedOperator:
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
        return WeightedOperator(matrix, matrix, self.places, values)
