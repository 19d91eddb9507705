"""The small dense networks of the predictors, and the plain encoder that goes with them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked_class
from netopsy.core.errors import require
from netopsy.core.seeds import seeded
from netopsy.graphs.dropout import Dropout, dropout
from netopsy.graphs.networks import check_architecture
from netopsy.graphs.neural_common_neighbor.neighbourhoods import LinkGraph
from netopsy.graphs.propagation import EdgeIndex, Features, NodeScores, Operator, no_news_of_sparse_matrices, propagator


def common_block(width: int, hidden: int, dropout: float, last: bool) -> nn.Sequential:
    """For what the pair has in common; ``last`` adds a linear layer at the end."""
    return nn.Sequential(
        nn.Linear(width, hidden), Dropout(dropout), nn.ReLU(), *_normed(hidden, hidden, dropout), *_end(hidden, last)
    )


def ends_block(hidden: int, dropout: float, last: bool) -> nn.Sequential:
    """For the product of both ends' embeddings."""
    return nn.Sequential(*_normed(hidden, hidden, dropout), *_end(hidden, last))


def node_block(hidden: int, dropout: float) -> nn.Sequential:
    """For what is added to a node's embedding before it is pooled."""
    return nn.Sequential(nn.Linear(hidden, hidden), Dropout(dropout), nn.ReLU(), *_normed(hidden, hidden, dropout))


def score_block(hidden: int, dropout: float, two_layer: bool) -> nn.Sequential:
    """From the sum of the others to one number a pair."""
    inner = [layer for _ in range(1 + two_layer) for layer in _normed(hidden, hidden, dropout)]
    return nn.Sequential(*inner, nn.Linear(hidden, 1))


def _normed(width: int, hidden: int, dropout: float) -> list[nn.Module]:
    return [nn.Linear(width, hidden), nn.LayerNorm(hidden), Dropout(dropout), nn.ReLU()]


def _end(hidden: int, last: bool) -> list[nn.Module]:
    return [nn.Linear(hidden, hidden)] if last else []


@checked_class
class PureGCN(nn.Module):
    """A linear map of the features, once, and then averages over neighbours that have no weights to learn.

    Args:
        in_dim, hidden: features and width of the embeddings.
        layers: averages, at least 1.
        dropout: after each of them.
        input_dropout: of the features.
        jump: the output is the sum of every layer's embeddings with free coefficients.
        residual: add a layer's input to its output.
        seed: of the first weights.

    Raises:
        InputError: a size or a number of layers below 1, or a dropout that is no share.

    Source: "puregcn" in the reference implementation of Wang et al. 2024.

    >>> PureGCN(5, 8)(torch.zeros(2, 5), torch.tensor([[0, 1], [1, 0]])).shape
    torch.Size([2, 8])
    """

    def __init__(
        self,
        in_dim: int,
        hidden: int,
        layers: int = 1,
        *,
        dropout: float = 0.05,
        input_dropout: float = 0.0,
        jump: bool = False,
        residual: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_architecture(dropout, in_dim=in_dim, hidden=hidden, layers=layers)
        require(0 <= input_dropout < 1, f"input_dropout must be at least 0 and below 1, got {input_dropout}")
        with seeded(seed):
            self.map = nn.Linear(in_dim, hidden)
        self.coefficients = nn.Parameter(torch.ones(layers)) if jump else None
        self.layers, self.dropout, self.input_dropout, self.residual = layers, dropout, input_dropout, residual

    def forward(self, x: Features, edge_index: EdgeIndex | Operator, edge_weight: Tensor | None = None) -> NodeScores:
        """Embeddings ``[nodes, hidden]``."""
        operator = propagator(edge_index, len(x), edge_weight).to(x)
        h = self.map(dropout(x, self.input_dropout, self.training))
        every = []
        for _ in range(self.layers):
            made = dropout(operator @ h, self.dropout, self.training)
            h = made + h if self.residual else made
            every.append(h)
        if self.coefficients is None:
            return h
        return torch.einsum("l,lnc->nc", self.coefficients, torch.stack(every))


def normalised(graph: LinkGraph) -> Operator:
    """``D^-1/2 (A + I) D^-1/2`` of a presorted graph, without sorting again."""
    rows = np.repeat(np.arange(graph.nodes), graph.degrees)
    below = np.bincount(rows[graph.columns < rows], minlength=graph.nodes)
    loops = graph.starts[:-1] + below
    columns = np.insert(graph.columns, loops, np.arange(graph.nodes))
    starts = graph.starts + np.arange(graph.nodes + 1)
    root = 1 / np.sqrt(graph.degrees + 1.0)
    values = np.repeat(root, graph.degrees + 1) * root[columns]
    begins, places = torch.from_numpy(starts), torch.from_numpy(columns)
    made: Any = torch.from_numpy(values)
    with no_news_of_sparse_matrices():
        matrix = torch.sparse_csr_tensor(begins, places, made, (graph.nodes, graph.nodes))
    return Operator(matrix, matrix)
