"""A sparse network on a sparse graph from one training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.drawing import PALETTE, panel, style
from netopsy.core.errors import require
from netopsy.core.modes import check_model, evaluating
from netopsy.graphs.node_classification import NodeRecipe, NodeResult, train_node_classifier
from netopsy.graphs.propagation import check_edges
from netopsy.graphs.teddy.distillation import distillation_loss
from netopsy.graphs.teddy.projection import L0Projection
from netopsy.graphs.teddy.pruning import check_sparsity, prune_edges
from netopsy.graphs.teddy.scores import teddy_scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Scorer = Callable[[Tensor, int], Tensor]
"""Scores ``[edges]`` from an edge index and how many nodes there are; the lowest are removed first."""
Prepare = Callable[[Tensor, int], Any]


@runtime_checkable
class NodeData(Protocol):
    """One graph with labelled nodes, as torch_geometric's ``Data`` holds it."""

    @property
    def x(self) -> Any:
        """Features ``[nodes, channels]``."""

    @property
    def edge_index(self) -> Any:
        """``[2, edges]``, both ways."""

    @property
    def y(self) -> Any:
        """Classes ``[nodes]``."""

    @property
    def train_mask(self) -> Any:
        """The nodes ``[nodes]`` that are trained on."""

    @property
    def val_mask(self) -> Any:
        """Those that choose the epoch."""

    @property
    def test_mask(self) -> Any:
        """Those that neither is done with."""


@dataclass(frozen=True)
class Epoch:
    """One epoch of the training of a ticket."""

    loss: float
    """On the validation nodes, nats."""
    sparsity: float
    """The share of weights that are zero after its step."""


@dataclass(frozen=True, eq=False)
class Ticket:
    """A sparse network and the sparse graph it was trained on."""

    model: nn.Module
    """At the epoch of best validation accuracy; its smallest weights are zero."""
    edge_index: Int[Tensor, "2 kept"]
    mask: Bool[Tensor, "edges"]
    """Of the graph's edges, True where one is kept."""
    accuracy: float
    """On the test nodes."""
    validation: float
    logits: Float[Tensor, "nodes classes"]
    history: tuple[Epoch, ...]
    teacher: NodeResult | None
    """The dense network, if it was trained here."""
    seconds: float
    """All of it took, with the teacher's training if that was done here."""

    @property
    def edge_sparsity(self) -> float:
        """The share of columns of the edge index that are gone."""
        return 1 - float(self.mask.double().mean())

    @property
    def weight_sparsity(self) -> float:
        """The share of weights that are zero."""
        return L0Projection(self.model, 0.0).sparsity()

    @style()
    def plot(self, ax: Axes | None = None) -> Axes:
        """The validation loss after each epoch, and the share of zero weights on a second axis."""
        ax = panel(ax)
        epochs = range(1, len(self.history) + 1)
        ax.plot(epochs, [epoch.loss for epoch in self.history], label="validation loss")
        ax.set(xlabel="epoch", ylabel="validation loss (nats)")
        right = ax.twinx()
        right.plot(epochs, [100 * epoch.sparsity for epoch in self.history], color=PALETTE[1], linestyle="--")
        right.set_ylabel("zero weights (%)", color=PALETTE[1])
        right.set_ylim(0, 100)
        right.grid(visible=False)
        return ax


@checked
def find_ticket(
    model_factory: Callable[[], nn.Module],
    data: NodeData,
    *,
    edge_sparsity: float,
    weight_sparsity: float,
    lam: float = 0.1,
    epochs: int = 200,
    teacher: Float[Tensor, "nodes classes"] | None = None,
    scores: Scorer = teddy_scores,
    recipe: NodeRecipe | None = None,
    prepare: Prepare | None = None,
    seed: int = 0,
) -> Ticket:
    """Prune the edges by score, then train once on what is left, projected at each step and taught by the dense model.

    The edges are dropped from the list: whatever the network computes from it (degrees, normalisation) is that of the
    thinned graph, and costs accordingly less.

    Args:
        model_factory: makes the network with its first weights, the same each time: any module whose
            ``forward(x, edge_index)`` returns logits ``[nodes, classes]``.
        data: torch_geometric's ``Data``, or whatever has its attributes.
        edge_sparsity: the share of edges to remove, from 0 to below 1.
        weight_sparsity: the share of weights to be zero, likewise.
        lam: weight of the distillation; with 0 there is no teacher. The paper has 0.1 (10 for GIN on CiteSeer).
        teacher: logits of the dense network; unless given it is trained here first, by the same recipe.
        scores: of the edges; the lowest are removed first.
        recipe: of both trainings; unless given Adam with rate 0.01, weight decay 5e-4, the epoch of best validation
            accuracy, of ties the latest.
        epochs: of both trainings.
        prepare: makes of an edge index and the number of nodes what the network is given in its place, once instead of
            in each step, such as `netopsy.graphs.propagation.propagator` for a `netopsy.graphs.networks.GCN`.
        seed: of the dropout.

    Raises:
        InputError: a share out of range, a directed graph, logits of another shape, or a factory of something else.

    Source: Seo et al. 2024, Algorithm 1.
    """
    check_sparsity("edge_sparsity", edge_sparsity)
    check_sparsity("weight_sparsity", weight_sparsity)
    require(lam >= 0, f"lam must be at least 0, got {lam}")
    require(isinstance(epochs, int) and epochs >= 1, f"epochs must be an int of at least 1, got {epochs!r}")
    check_data(data)
    nodes = len(data.x)
    start = perf_counter()
    recipe = replace(recipe or NodeRecipe(select="accuracy"), epochs=epochs)
    made = prepare or (lambda edges, count: edges)
    dense = None
    if lam > 0 and teacher is None:
        dense = trained(model_factory(), data, made(data.edge_index, nodes), recipe, seed=seed)
        teacher = dense.logits
    edges, mask = prune_edges(data.edge_index, scores(data.edge_index, nodes), edge_sparsity)
    model = model_factory()
    check_model(model)
    projection = L0Projection(model, weight_sparsity)
    shares: list[float] = []

    def project(epoch: int) -> None:
        projection.project()
        shares.append(projection.sparsity())

    def penalty(logits: Tensor) -> Tensor:
        assert teacher is not None
        return lam * distillation_loss(logits, teacher)

    found = trained(
        model, data, made(edges, nodes), recipe, penalty=penalty if lam > 0 else None, after_step=project, seed=seed
    )
    history = tuple(Epoch(loss, share) for loss, share in zip(found.losses, shares, strict=True))
    took = perf_counter() - start
    return Ticket(found.model, edges, mask, found.test, found.validation, found.logits, history, dense, took)


def check_data(data: NodeData) -> None:
    """Raise `InputError` unless this is one graph with features, labels and a split."""
    for name in ("x", "edge_index", "y", "train_mask", "val_mask", "test_mask"):
        held = getattr(data, name, None)
        require(isinstance(held, Tensor), f"data must have a tensor {name!r}, got {type(held).__name__}")
    check_edges(data.edge_index, len(data.x))


def trained(
    model: nn.Module,
    data: NodeData,
    edges: Any,
    recipe: NodeRecipe,
    *,
    penalty: Callable[[Tensor], Tensor] | None = None,
    after_step: Callable[[int], None] | None = None,
    seed: int = 0,
) -> NodeResult:
    """`train_node_classifier` on ``data``, with its own edges or others in their place."""
    check_model(model)
    return train_node_classifier(
        model,
        data.x,
        edges,
        data.y,
        train=data.train_mask,
        validation=data.val_mask,
        test=data.test_mask,
        recipe=recipe,
        penalty=penalty,
        after_step=after_step,
        seed=seed,
    )


@torch.no_grad()
def accuracy(model: nn.Module, data: NodeData, edges: Any) -> float:
    """The share of test nodes that a network names rightly."""
    with evaluating(model):
        answers = model(data.x, edges).argmax(1)
    return float((answers == data.y)[data.test_mask].float().mean())
