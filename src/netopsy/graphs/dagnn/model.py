"""The gate over hops, and networks that end in it."""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked, checked_class
from netopsy.core.errors import require
from netopsy.core.modes import check_model
from netopsy.core.outputs import single_output
from netopsy.core.seeds import seeded
from netopsy.graphs.dropout import Dropout
from netopsy.graphs.networks import check_architecture
from netopsy.graphs.propagation import EdgeIndex, Features, NodeScores, Operator, propagator

Gate = Literal["sigmoid", "mean", "last", "sum"]


@checked_class
class AdaptivePropagation(nn.Module):
    """Node features averaged over 0 to K hops, and each node's own mixture of the K + 1 results.

    With S the symmetric normalised adjacency, ``H_l = S^l H``, a score ``s_l = sigmoid(H_l w + b)`` for every node and
    hop (one w and b for all) and the output ``sum_l s_l H_l``. Scores need not add up to 1.

    Args:
        channels: of the features.
        K: hops, 0 or more.
        gate: ``"sigmoid"`` is the paper's; ``"mean"`` weighs all hops alike, ``"sum"`` adds them up and ``"last"``
            takes the last one, all three without parameters.

    Raises:
        InputError: channels below 1, hops below 0, or an unknown gate.

    Source: Liu et al. 2020, Eqs. 8 to 12.

    >>> layer = AdaptivePropagation(3, K=2, gate="last")
    >>> layer(torch.eye(2, 3), torch.tensor([[0, 1], [1, 0]])).round(decimals=4).tolist()
    [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]]
    """

    def __init__(self, channels: int, K: int, gate: Gate = "sigmoid") -> None:
        super().__init__()
        require(isinstance(channels, int) and channels >= 1, f"channels must be an int of at least 1, got {channels!r}")
        require(isinstance(K, int) and not isinstance(K, bool) and K >= 0, f"K must be an int of at least 0, got {K!r}")
        require(gate in get_args(Gate), f"gate must be one of {', '.join(get_args(Gate))}, got {gate!r}")
        self.channels, self.K, self.gate = channels, K, gate
        self.score = nn.Linear(channels, 1) if gate == "sigmoid" else None

    def forward(
        self,
        H: Features,
        edge_index: EdgeIndex | Operator,
        edge_weight: Tensor | None = None,
        *,
        return_scores: bool = False,
    ) -> Any:
        """Mix the hops of ``H``, ``[nodes, channels]``.

        Args:
            edge_index: ``[2, edges]``, both ways, without loops; or an operator of `propagator`.
            return_scores: also return each node's weight of each hop, ``[nodes, K + 1]``.

        Raises:
            InputError: features of another width, nodes out of range, negative weights.
        """
        require(
            H.ndim == 2 and H.shape[1] == self.channels,
            f"H must be [nodes, {self.channels}], got {tuple(H.shape)}",
        )
        operator = propagator(edge_index, len(H), edge_weight).to(H)
        hops = [H]
        for _ in range(self.K):
            hops.append(operator @ hops[-1])
        stacked = torch.stack(hops, 1)
        if self.score is not None:
            scores = torch.sigmoid(self.score(stacked))[:, :, 0]
        elif self.gate in ("mean", "sum"):
            scores = stacked.new_full(stacked.shape[:2], 1 / len(hops) if self.gate == "mean" else 1.0)
        else:
            scores = stacked.new_zeros(stacked.shape[:2])
            scores[:, -1] = 1
        mixed = torch.einsum("nl,nlc->nc", scores, stacked)
        return (mixed, scores) if return_scores else mixed

    def extra_repr(self) -> str:
        """What is shown of it."""
        return f"{self.channels}, K={self.K}, gate={self.gate!r}"


class Deepened(nn.Module):
    """A module that sees each node alone, followed by `AdaptivePropagation`; from `deepen`."""

    def __init__(self, module: nn.Module, propagation: AdaptivePropagation) -> None:
        super().__init__()
        self.module, self.propagation = module, propagation

    def forward(self, x: Tensor, edge_index: EdgeIndex | Operator, edge_weight: Tensor | None = None) -> NodeScores:
        """Logits ``[nodes, classes]``."""
        mixed: Tensor = self.propagation(single_output(self.module(x)), edge_index, edge_weight)
        return mixed


@checked
def deepen(module: nn.Module, K: int, *, channels: int, gate: Gate = "sigmoid", seed: int = 0) -> Deepened:
    """Any node-wise network with adaptive propagation behind it.

    Args:
        module: from node features to logits ``[nodes, channels]``.
        seed: of the gate's first weights.

    Raises:
        InputError: no network, or what `AdaptivePropagation` refuses.

    >>> deep = deepen(nn.Linear(5, 3), 4, channels=3)
    >>> deep(torch.zeros(2, 5), torch.tensor([[0, 1], [1, 0]])).shape
    torch.Size([2, 3])
    """
    check_model(module)
    with seeded(seed):
        return Deepened(module, AdaptivePropagation(channels, K, gate))


@checked_class
class DAGNN(nn.Module):
    """Deep adaptive graph neural network: two dense layers for each node alone, then adaptive propagation.

    Args:
        in_dim, hidden, out_dim: features, hidden units, classes.
        K: hops.
        dropout: before both dense layers.
        batch_norm: normalise the hidden units and drop only behind them, as for ogbn-arxiv.
        gate: as in `AdaptivePropagation`.
        seed: of the first weights.

    Raises:
        InputError: a size below 1, hops below 0, a dropout that is no share, or an unknown gate.

    Source: Liu et al. 2020, Sec. 4; the defaults of the code for Cora.

    >>> model = DAGNN(1433, 64, 7)
    >>> sum(parameter.numel() for parameter in model.parameters())
    92239
    """

    def __init__(
        self,
        in_dim: int,
        hidden: int,
        out_dim: int,
        K: int = 10,
        dropout: float = 0.8,
        *,
        batch_norm: bool = False,
        gate: Gate = "sigmoid",
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_architecture(dropout, in_dim=in_dim, hidden=hidden, out_dim=out_dim)
        with seeded(seed):
            first: list[nn.Module] = [] if batch_norm else [Dropout(dropout)]
            norm: list[nn.Module] = [nn.BatchNorm1d(hidden)] if batch_norm else []
            self.transform = nn.Sequential(
                *first, nn.Linear(in_dim, hidden), *norm, nn.ReLU(), Dropout(dropout), nn.Linear(hidden, out_dim)
            )
            self.propagation = AdaptivePropagation(out_dim, K, gate)

    def forward(self, x: Features, edge_index: EdgeIndex | Operator, edge_weight: Tensor | None = None) -> NodeScores:
        """Logits ``[nodes, classes]``."""
        operator = propagator(edge_index, len(x), edge_weight).to(x)
        mixed: Tensor = self.propagation(self.transform(x), operator)
        return mixed
