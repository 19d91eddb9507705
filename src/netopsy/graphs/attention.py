"""Attention over neighbours, in torch_geometric's conventions, with weights of edges that prune softly in training."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from netopsy.core.errors import require
from netopsy.core.seeds import seeded
from netopsy.graphs.dropout import dropout
from netopsy.graphs.networks import check_architecture
from netopsy.graphs.propagation import EdgeIndex, Features, NodeScores, check_edges, checked_weights

SLOPE = 0.2


class Attention(nn.Module):
    """A linear map, then for every head the average over a node's neighbours and itself, by learned attention.

    The edge j -> i weighs ``exp(leaky_relu(a_src h_j + a_dst h_i))``, divided by the sum over all edges into i. Each
    node has one edge from itself, whatever the list says. It is torch_geometric's ``GATConv``.

    Args:
        in_dim: features.
        channels: of each head.
        heads: how many.
        concat: put the heads beside each other; otherwise their mean.
        drop: the share of attention weights dropped in training.

    Source: Velickovic et al. 2018 (arXiv 1710.10903).
    """

    def __init__(
        self, in_dim: int, channels: int, heads: int = 8, *, concat: bool = True, drop: float = 0.6, bias: bool = True
    ) -> None:
        super().__init__()
        self.heads, self.channels, self.concat, self.drop = heads, channels, concat, drop
        self.map = nn.Linear(in_dim, heads * channels, bias=False)
        self.source = nn.Parameter(torch.empty(heads, channels))
        self.target = nn.Parameter(torch.empty(heads, channels))
        self.bias = nn.Parameter(torch.zeros(heads * channels if concat else channels)) if bias else None
        for weight in (self.map.weight, self.source, self.target):
            nn.init.xavier_uniform_(weight)

    def forward(self, x: Tensor, edges: Tensor, weights: Tensor | None) -> Tensor:
        """New features ``[nodes, heads * channels]`` or ``[nodes, channels]``; ``edges`` as `with_own` gives them."""
        h = self.map(x).view(-1, self.heads, self.channels)
        begin, end = edges
        from_source, from_target = (h * self.source).sum(-1), (h * self.target).sum(-1)
        scores = functional.leaky_relu(from_source.index_select(0, begin) + from_target.index_select(0, end), SLOPE)
        shares = dropout(softmax_into(scores, end, len(h), weights), self.drop, self.training)
        messages = shares[:, :, None] * h.index_select(0, begin)
        made = torch.zeros_like(h).index_add(0, end, messages)
        answer = made.flatten(1) if self.concat else made.mean(1)
        return answer if self.bias is None else answer + self.bias


class GAT(nn.Module):
    """Graph attention network with ELUs between its layers.

    Weights of edges prune softly: in training an edge counts in the attention's sums by its weight; in evaluation an
    edge is there or, with weight 0, is not. That weights scale what goes into the normalisation is our reading of the
    paper on graph lottery tickets, which prunes softly inside the attention in training only (unconfirmed).

    Args:
        in_dim, hidden, out_dim: features, hidden units of all heads together, classes.
        layers: how many, at least 1; the last has one head.
        dropout: before each layer and of the attention weights.
        heads: of all layers but the last.

    Raises:
        InputError: no layers, or hidden units that cannot be shared out among the heads.

    Source: Velickovic et al. 2018 (arXiv 1710.10903); the soft pruning: Seo et al. 2024.

    >>> GAT(5, 16, 3, heads=4)(torch.zeros(2, 5), torch.tensor([[0, 1], [1, 0]])).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        in_dim: int,
        hidden: int,
        out_dim: int,
        layers: int = 2,
        dropout: float = 0.6,
        *,
        heads: int = 8,
        bias: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_architecture(dropout, in_dim=in_dim, hidden=hidden, out_dim=out_dim, layers=layers, heads=heads)
        require(hidden % heads == 0, f"hidden must be a multiple of heads, {heads}, got {hidden}")
        options: Any = {"drop": dropout, "bias": bias}
        with seeded(seed):
            inner = [
                Attention(hidden if number else in_dim, hidden // heads, heads, **options)
                for number in range(layers - 1)
            ]
            last = Attention(hidden if inner else in_dim, out_dim, 1, concat=False, **options)
        self.layers = nn.ModuleList([*inner, last])
        self.dropout = dropout

    def forward(self, x: Features, edge_index: EdgeIndex, edge_weight: Tensor | None = None) -> NodeScores:
        """Logits ``[nodes, classes]``.

        Args:
            edge_index: ``[2, edges]``, from the first row's nodes to the second's.
            edge_weight: of each edge, not negative.

        Raises:
            InputError: nodes out of range, weights of another length, negative or infinite.
        """
        edges, weights = with_own(edge_index, len(x), edge_weight)
        if weights is not None and not self.training:
            weights = (weights > 0).to(weights)
        for number, layer in enumerate(self.layers):
            x = layer(dropout(x, self.dropout, self.training), edges, weights)
            if number < len(self.layers) - 1:
                x = functional.elu(x)
        return x


def with_own(edge_index: EdgeIndex, nodes: int, weights: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
    """The edges with one from each node to itself, of weight 1, in place of those there are."""
    plain = isinstance(edge_index, Tensor)
    require(plain, f"edge_index must be the edges themselves for attention, got {type(edge_index).__name__}")
    check_edges(edge_index, nodes)
    if weights is not None:
        weights = checked_weights(edge_index, weights)
        require((weights >= 0).all(), f"edge_weight must not be negative, got {weights.min():g}")
    apart = edge_index[0] != edge_index[1]
    own = torch.arange(nodes, device=edge_index.device)
    edges = torch.cat([edge_index[:, apart].long(), own.repeat(2, 1)], 1)
    return edges, None if weights is None else torch.cat([weights[apart], weights.new_ones(nodes)])


def softmax_into(
    scores: Float[Tensor, "edges heads"], end: Tensor, nodes: int, weights: Tensor | None = None
) -> Float[Tensor, "edges heads"]:
    """``w exp(score)`` of every edge over the sum of these over all edges that end where it does."""
    known = scores.detach()
    if weights is not None:
        weights = weights.to(scores)
        known = known.masked_fill((weights == 0)[:, None], -torch.inf)
    most = known.new_full((nodes, scores.shape[1]), -torch.inf)
    most = most.scatter_reduce(0, end[:, None].expand_as(known), known, "amax")
    # An edge of weight 0 may have a score far above all others: it must not become infinite.
    parts = (scores - most.index_select(0, end)).clamp(max=0.0).exp()
    if weights is not None:
        parts = parts * weights[:, None]
    sums = parts.new_zeros(nodes, scores.shape[1]).index_add(0, end, parts)
    return parts / sums.index_select(0, end)
