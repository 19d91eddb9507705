"""Averaging over neighbours: the normalised adjacency as a sparse operator that can be differentiated cheaply."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require

EdgeIndex = Int[Tensor, "2 edges"]
Features = Float[Tensor, "nodes channels"]
NodeScores = Float[Tensor, "nodes classes"]
Mode = Literal["sym", "row"]


@dataclass(frozen=True, eq=False)
class Operator:
    """A sparse matrix S and its transpose, to be applied to node features: ``operator @ features``.

    Its derivative is a product with the transpose, which torch's own sparse matrices find out anew at each step.
    The entries are float64 where nobody said otherwise; features of another type meet them rounded once, at the end.
    """

    matrix: Tensor
    """Sparse CSR ``[nodes, nodes]``."""
    transposed: Tensor
    """The same object where S is symmetric."""
    values: Tensor | None = None
    """The entries in the order of ``matrix``, with their history, where a gradient is to reach them."""
    _rounded: dict[tuple[torch.dtype, torch.device], tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False)
    """Both matrices in the types that were asked for."""

    def __matmul__(self, features: Features) -> Features:
        require(
            features.ndim == 2 and len(features) == self.nodes,
            f"features must be [{self.nodes}, channels], one row for each node, got {tuple(features.shape)}",
        )
        operator = self.to(features)
        product: Any = _Product.apply if operator.values is None else _WeightedProduct.apply
        return product(features, operator) if operator.values is None else product(features, operator.values, operator)

    @property
    def nodes(self) -> int:
        """How many there are."""
        return int(self.matrix.shape[0])

    def to(self, features: Tensor) -> Operator:
        """The operator in the type and on the device of ``features``, which must be floats."""
        require(
            features.is_floating_point(),
            f"features must be floats, one row for each node, got {features.dtype}; convert them first",
        )
        if self.matrix.dtype == features.dtype and self.matrix.device == features.device:
            return self
        kind = features.dtype, features.device
        if kind not in self._rounded:
            matrix = self.matrix.to(features)
            self._rounded[kind] = matrix, matrix if self.transposed is self.matrix else self.transposed.to(features)
        return Operator(*self._rounded[kind], None if self.values is None else self.values.to(features))


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, operator: Operator) -> Tensor:
        ctx.operator = operator
        return operator.matrix @ features

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        product: Any = _Product.apply
        flipped = Operator(ctx.operator.transposed, ctx.operator.matrix)
        return product(gradients[0].contiguous(), flipped), None


class _WeightedProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, values: Tensor, operator: Operator) -> Tensor:
        ctx.operator = operator
        ctx.save_for_backward(features, values)
        return operator.matrix @ features

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        (features, values), matrix, gradient = ctx.saved_tensors, ctx.operator.matrix, gradients[0].contiguous()
        if torch.is_grad_enabled():
            # This derivative is to be differentiated itself, for which plain operations serve, if at more cost.
            rows = torch.arange(len(matrix), device=matrix.device).repeat_interleave(matrix.crow_indices().diff())
            columns = matrix.col_indices()
            sent = values[:, None] * gradient[rows]
            received = torch.zeros_like(features).index_add(0, columns, sent)
            return received, (gradient[rows] * features[columns]).sum(1), None
        to_features = ctx.operator.transposed @ gradient if ctx.needs_input_grad[0] else None
        to_values = None
        if ctx.needs_input_grad[1]:
            # Only the products that the matrix has an entry for, without a copy of both features for each edge.
            to_values = torch.sparse.sampled_addmm(matrix, gradient, features.T, beta=0.0).values()
        return to_features, to_values, None


@checked
def gcn_norm(
    edge_index: EdgeIndex, num_nodes: int, edge_weight: Tensor | None = None, *, mode: Mode = "sym", loops: bool = True
) -> tuple[Int[Tensor, "2 with_loops"], Float[Tensor, "with_loops"]]:
    """The edges with self-loops and normalised weights, float64, as torch_geometric lists them.

    ``mode="sym"`` gives ``D^-1/2 (A + I) D^-1/2``, ``"row"`` gives ``D^-1 (A + I)``, with D the degrees of ``A + I``,
    which in a directed graph count the edges that end at a node. A loop of weight 1 is added to each node that has
    none; those that are there keep their weight.

    Args:
        edge_index: ``[2, edges]``, both ways for an undirected graph; repeated edges add up.
        loops: whether to add them.

    Raises:
        InputError: nodes out of range, negative or infinite weights, or another length of weights.

    >>> edges, weights = gcn_norm(torch.tensor([[0, 1], [1, 0]]), 2)
    >>> edges.tolist(), weights.round(decimals=4).tolist()
    ([[0, 1, 0, 1], [1, 0, 0, 1]], [0.5, 0.5, 0.5, 0.5])
    """
    check_edges(edge_index, num_nodes)
    require(mode in ("sym", "row"), f"mode must be 'sym' or 'row', got {mode!r}")
    weights = checked_weights(edge_index, edge_weight)
    require((weights >= 0).all(), "edge_weight must be finite and not negative")
    if loops:
        own = torch.ones(num_nodes, dtype=torch.bool, device=edge_index.device)
        own[edge_index[0][edge_index[0] == edge_index[1]]] = False
        missing = own.nonzero().flatten()
        edge_index = torch.cat([edge_index, missing.repeat(2, 1)], 1)
        weights = torch.cat([weights, weights.new_ones(len(missing))])
    source, target = edge_index
    degree = weights.new_zeros(num_nodes).index_add_(0, target, weights)
    # The power of a degree of zero would have an infinite derivative.
    power = degree.where(degree > 0, 1.0).pow(-0.5 if mode == "sym" else -1.0).where(degree > 0, 0.0)
    if mode == "sym":
        return edge_index, power[target] * weights * power[source]
    return edge_index, power[target] * weights


def propagator(
    edge_index: EdgeIndex | Operator,
    num_nodes: int,
    edge_weight: Tensor | None = None,
    *,
    mode: Mode = "sym",
    loops: bool = True,
) -> Operator:
    """The normalised adjacency of `gcn_norm` as an `Operator`; one that is an operator already is handed back.

    Modules of this room take either, so that in a training loop the normalisation need not be done anew in each step.

    >>> (propagator(torch.tensor([[0, 1], [1, 0]]), 2) @ torch.tensor([[1.0], [3.0]])).round(decimals=4).tolist()
    [[2.0], [2.0]]
    """
    if isinstance(edge_index, Operator):
        return checked_operator(edge_index, num_nodes)
    return operator_of(*gcn_norm(edge_index, num_nodes, edge_weight, mode=mode, loops=loops), num_nodes)


def operator_of(edge_index: EdgeIndex, weights: Tensor, num_nodes: int) -> Operator:
    """The matrix whose entry (i, j) is the sum of the weights of edges j -> i, as an operator.

    It brings to each node what the nodes with an edge to it have, as torch_geometric's layers do.
    Where the weights require a gradient one reaches them through its products.

    Raises:
        InputError: nodes out of range, or not one weight for each edge.
    """
    check_edges(edge_index, num_nodes)
    weights = checked_weights(edge_index, weights)
    shape = (num_nodes, num_nodes)
    with no_news_of_sparse_matrices():
        fixed = weights.detach()
        matrix = torch.sparse_coo_tensor(edge_index.flip(0), fixed, shape, check_invariants=False).coalesce()
        flipped = torch.sparse_coo_tensor(edge_index, fixed, shape, check_invariants=False).coalesce()
        rows, columns = matrix.to_sparse_csr(), flipped.to_sparse_csr()
    same = torch.equal(matrix.indices(), flipped.indices()) and torch.equal(matrix.values(), flipped.values())
    values = None
    if weights.requires_grad:
        places = edge_index[1].long() * num_nodes + edge_index[0].long()
        entries, which = places.unique(return_inverse=True)
        values = weights.new_zeros(len(entries)).index_add(0, which, weights)
    return Operator(rows, rows if same else columns, values)


@contextmanager
def no_news_of_sparse_matrices() -> Iterator[None]:
    """That compressed sparse rows are new to torch is nothing the caller can do anything about."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Sparse (CSR|invariant)", UserWarning)
        yield


def checked_operator(operator: Operator, num_nodes: int) -> Operator:
    """The operator itself; raises `InputError` where it is of another number of nodes."""
    require(operator.nodes == num_nodes, f"edge_index is an operator on {operator.nodes} nodes, not {num_nodes}")
    return operator


def exact_type(device: torch.device) -> torch.dtype:
    """The most exact floats a device has: what weights are made in before they meet anyone's features."""
    return torch.float32 if device.type == "mps" else torch.float64


def checked_weights(edge_index: Tensor, edge_weight: Tensor | None) -> Tensor:
    """Each edge's weight, 1 unless given, in `exact_type`; raises `InputError` unless so many finite numbers."""
    count = edge_index.shape[1]
    if edge_weight is None:
        return torch.ones(count, dtype=exact_type(edge_index.device), device=edge_index.device)
    require(
        edge_weight.shape == (count,) and not edge_weight.is_complex(),
        f"edge_weight must be [{count}], one real number for each edge, got {tuple(edge_weight.shape)} of "
        f"{edge_weight.dtype}",
    )
    require(edge_weight.isfinite().all(), "edge_weight must be finite, got NaN or infinity")
    return edge_weight.to(exact_type(edge_weight.device))


def check_features(x: Tensor) -> None:
    """Raise `InputError` unless these are finite floats ``[nodes, channels]``."""
    require(
        x.ndim == 2 and x.is_floating_point(),
        f"x must be floats [nodes, channels], got {tuple(x.shape)} of {x.dtype}",
    )
    require(x.isfinite().all(), "x must be finite, got NaN or infinite features")


def check_edges(edge_index: Tensor, num_nodes: int | None = None) -> None:
    """Raise `InputError` unless these are edges ``[2, edges]`` between nodes 0 to ``num_nodes - 1``, where given."""
    whole = not (edge_index.is_floating_point() or edge_index.is_complex() or edge_index.dtype == torch.bool)
    require(
        edge_index.ndim == 2 and edge_index.shape[0] == 2 and whole,
        f"edge_index must be integers [2, edges], got {tuple(edge_index.shape)} of {edge_index.dtype}",
    )
    if edge_index.numel():
        low, high = int(edge_index.min()), int(edge_index.max())
        within = "from 0 up" if num_nodes is None else f"from 0 to {num_nodes - 1}"
        require(
            low >= 0 and (num_nodes is None or high < num_nodes),
            f"edge_index must name nodes {within}, got {low if low < 0 else high}",
        )
