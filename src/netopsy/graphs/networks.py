"""Graph networks that methods of this room are compared with or applied to, in torch_geometric's conventions."""

from __future__ import annotations

from itertools import pairwise
from numbers import Integral

import torch
from torch import Tensor, nn
from torch.nn import functional

from netopsy.core.errors import require
from netopsy.core.seeds import seeded
from netopsy.graphs.dropout import Dropout, dropout
from netopsy.graphs.propagation import (
    EdgeIndex,
    Features,
    NodeScores,
    Operator,
    check_edges,
    checked_operator,
    checked_weights,
    operator_of,
    propagator,
)


class GCN(nn.Module):
    """Graph convolutions: a linear map, then the average over neighbours, layer after layer.

    A layer is torch_geometric's ``GCNConv``: ``S X W + b``, the bias behind the average.

    Args:
        in_dim, hidden, out_dim: features, hidden units, classes; ``in_channels``, ``hidden_channels`` and
            ``out_channels`` in torch_geometric.
        layers: how many, at least 1; ``num_layers`` there.
        dropout: before each layer.
        bias: whether layers have one.
        residual: add a layer's input to its output where both are as wide.
        seed: of the first weights, Glorot uniform.

    Source: Kipf and Welling 2017 (arXiv 1609.02907).

    >>> GCN(5, 16, 3)(torch.zeros(2, 5), torch.tensor([[0, 1], [1, 0]])).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        in_dim: int,
        hidden: int,
        out_dim: int,
        layers: int = 2,
        dropout: float = 0.5,
        *,
        bias: bool = True,
        residual: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_architecture(dropout, in_dim=in_dim, hidden=hidden, out_dim=out_dim, layers=layers)
        widths = [in_dim, *[hidden] * (layers - 1), out_dim]
        with seeded(seed):
            self.maps = nn.ModuleList([nn.Linear(a, b, bias=bias) for a, b in pairwise(widths)])
            for layer in self.maps:
                nn.init.xavier_uniform_(layer.weight)  # type: ignore[arg-type]
                if bias:
                    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        self.dropout, self.residual = dropout, residual

    def forward(self, x: Features, edge_index: EdgeIndex | Operator, edge_weight: Tensor | None = None) -> NodeScores:
        """Logits ``[nodes, classes]``."""
        operator = propagator(edge_index, len(x), edge_weight).to(x)
        for number, layer in enumerate(self.maps):
            given = dropout(x, self.dropout, self.training)
            made = operator @ functional.linear(given, layer.weight)  # type: ignore[arg-type]
            made = made if layer.bias is None else made + layer.bias
            if self.residual and made.shape == x.shape:
                made = made + x
            x = made.relu() if number < len(self.maps) - 1 else made
        return x


class GIN(nn.Module):
    """Graph isomorphism network: ``h <- W ((1 + eps) h + sum of the neighbours' h)``, with learned eps.

    The output is the mean of a linear map of each layer's features.

    Source: Xu et al. 2019 (arXiv 1810.00826), in the form that graph lottery tickets use.
    """

    def __init__(
        self,
        in_dim: int,
        hidden: int,
        out_dim: int,
        layers: int = 2,
        dropout: float = 0.5,
        *,
        bias: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_architecture(dropout, in_dim=in_dim, hidden=hidden, out_dim=out_dim, layers=layers)
        with seeded(seed):
            self.maps = nn.ModuleList(
                [nn.Linear(in_dim if not number else hidden, hidden, bias=bias) for number in range(layers)]
            )
            self.outputs = nn.ModuleList([nn.Linear(hidden, out_dim, bias=bias) for _ in range(layers)])
        self.eps = nn.Parameter(torch.zeros(layers))
        self.dropout = dropout

    def forward(self, x: Features, edge_index: EdgeIndex | Operator, edge_weight: Tensor | None = None) -> NodeScores:
        """Logits ``[nodes, classes]``; an operator, if given, is the plain adjacency of `neighbour_sum`."""
        operator = neighbour_sum(edge_index, len(x), edge_weight).to(x)
        answers = []
        for layer, output, eps in zip(self.maps, self.outputs, self.eps, strict=True):
            x = dropout(x, self.dropout, self.training)
            made = layer(x)
            x = (operator @ made).addcmul_(made, 1 + eps).relu_()
            answers.append(output(dropout(x, self.dropout, self.training)))
        return torch.stack(answers).mean(0)


class APPNP(nn.Module):
    """Two dense layers, then averaging over neighbours with a share of the start mixed in at each of K hops.

    Source: Gasteiger et al. 2019 (arXiv 1810.05997).
    """

    def __init__(
        self,
        in_dim: int,
        hidden: int,
        out_dim: int,
        K: int = 10,
        alpha: float = 0.1,
        dropout: float = 0.5,
        *,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_architecture(dropout, in_dim=in_dim, hidden=hidden, out_dim=out_dim)
        require(isinstance(K, int) and not isinstance(K, bool) and K >= 0, f"K must be an int of at least 0, got {K!r}")
        require(0 <= alpha <= 1, f"alpha must be from 0 to 1, got {alpha}")
        with seeded(seed):
            self.transform = nn.Sequential(
                Dropout(dropout),
                nn.Linear(in_dim, hidden),
                nn.ReLU(),
                Dropout(dropout),
                nn.Linear(hidden, out_dim),
            )
        self.K, self.alpha = K, alpha

    def forward(self, x: Features, edge_index: EdgeIndex | Operator, edge_weight: Tensor | None = None) -> NodeScores:
        """Logits ``[nodes, classes]``."""
        operator = propagator(edge_index, len(x), edge_weight).to(x)
        start = self.transform(x)
        current = start
        for _ in range(self.K):
            current = (1 - self.alpha) * (operator @ current) + self.alpha * start
        return current


def check_architecture(dropout: float, **sizes: int) -> None:
    """Raise `InputError` unless sizes are ints of at least 1 and dropout is a share below 1."""
    for name, size in sizes.items():
        sound = isinstance(size, Integral) and not isinstance(size, bool) and size >= 1
        require(sound, f"{name} must be an int of at least 1, got {size!r}")
    require(0 <= dropout < 1, f"dropout must be at least 0 and below 1, got {dropout}")


def neighbour_sum(edge_index: EdgeIndex | Operator, num_nodes: int, edge_weight: Tensor | None = None) -> Operator:
    """The adjacency itself, without loops added and without normalisation; weights may be negative.

    Raises:
        InputError: nodes out of range, another number of weights or infinite ones, or an operator on other nodes.
    """
    if isinstance(edge_index, Operator):
        return checked_operator(edge_index, num_nodes)
    check_edges(edge_index, num_nodes)
    return operator_of(edge_index, checked_weights(edge_index, edge_weight), num_nodes)
