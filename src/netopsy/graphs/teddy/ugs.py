"""Unified graph sparsification (UGS), the comparison of graph lottery tickets, re-created from its description."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any, get_args

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.computed import call_with
from netopsy.core.errors import require
from netopsy.core.modes import check_model
from netopsy.core.progress import track
from netopsy.graphs.networks import neighbour_sum
from netopsy.graphs.node_classification import NodeRecipe, NodeResult
from netopsy.graphs.propagation import propagator
from netopsy.graphs.teddy.edge_masks import EdgeWeights, Kind
from netopsy.graphs.teddy.pruning import count_of, pairs_of
from netopsy.graphs.teddy.smallest import smallest
from netopsy.graphs.teddy.ticket import NodeData, check_data, trained

Masks = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class UGSTicket:
    """A sparse network and graph after some rounds, trained from the first weights with both masks fixed."""

    level: int
    """Rounds."""
    model: nn.Module
    """At the epoch of best validation accuracy."""
    edge_index: Int[Tensor, "2 kept"]
    mask: Bool[Tensor, "edges"]
    """Of the graph's edges, True where one is kept."""
    accuracy: float
    """On the test nodes."""
    validation: float
    seconds: float
    """The rounds up to here and this last training took."""


@checked
def ugs_tickets(
    model_factory: Callable[[], nn.Module],
    data: NodeData,
    *,
    levels: Sequence[int] = (10,),
    kind: Kind = "normalised",
    edge_rate: float = 0.05,
    weight_rate: float = 0.1,
    edge_penalty: float = 1e-6,
    weight_penalty: float = 1e-5,
    epochs: int = 200,
    recipe: NodeRecipe | None = None,
    seed: int = 0,
) -> Iterator[UGSTicket]:
    """Rounds of training with learned masks on all edges and weights, pruning the smallest masks, and rewinding.

    In each round every edge and every weight is multiplied by a mask that begins at 1 and is trained along, with an l1
    penalty. Of the epoch of best validation accuracy the smallest masks go: after round i there are as many edges and
    weights left as ``1 - (1 - rate)^i`` says. Weights then go back to their first values.

    Args:
        model_factory: makes the network with its first weights, the same each time; its ``forward`` must take a
            `netopsy.graphs.propagation.Operator` in place of an edge index, as those of `netopsy.graphs.networks` do;
            with attention an edge index and a weight for each edge, as `netopsy.graphs.attention.GAT` does.
        data: as of `find_ticket`, without edges from a node to itself.
        levels: after how many rounds a ticket is wanted, ascending.
        kind: how the network propagates: "normalised" (GCN), "sum" (GIN) or "attention" (GAT).

    Yields:
        A ticket for each level, as soon as its round is over.

    Raises:
        InputError: levels that do not ascend from 1, rates out of range, or loops.

    Source: Chen et al. 2021 (arXiv 2102.06790), as Seo et al. 2024 compare with it. Both directions of an edge share a
    mask here, so that edges are counted as elsewhere; the public code's is one for each direction (unconfirmed).
    """
    ascending = list(levels) == sorted(set(levels)) and all(isinstance(level, int) and level >= 1 for level in levels)
    require(ascending and levels, f"levels must be ascending ints from 1 on, got {tuple(levels)}")
    require(kind in get_args(Kind), f"kind must be one of {', '.join(get_args(Kind))}, got {kind!r}")
    for name, rate in (("edge_rate", edge_rate), ("weight_rate", weight_rate)):
        require(0 <= rate < 1, f"{name} must be at least 0 and below 1, got {rate}")
    check_data(data)
    require(not (data.edge_index[0] == data.edge_index[1]).any(), "data.edge_index must have no loops for UGS")
    recipe = replace(recipe or NodeRecipe(select="accuracy"), epochs=epochs)
    return _rounds(
        model_factory, data, list(levels), kind, (edge_rate, weight_rate), (edge_penalty, weight_penalty), recipe, seed
    )


def _rounds(
    model_factory: Callable[[], nn.Module],
    data: NodeData,
    levels: list[int],
    kind: Kind,
    rates: tuple[float, float],
    penalties: tuple[float, float],
    recipe: NodeRecipe,
    seed: int,
) -> Iterator[UGSTicket]:
    up, down = pairs_of(data.edge_index)
    edges = data.edge_index[:, up].long()
    left = torch.arange(len(up), device=up.device)
    first = model_factory()
    check_model(first)
    masks = {name: torch.ones_like(value, dtype=torch.bool) for name, value in first.named_parameters()}
    spent = 0.0
    for number in track(range(1, levels[-1] + 1), "pruning in rounds"):
        start = perf_counter()
        masked = _Masked(model_factory(), masks, EdgeWeights(edges[:, left], len(data.x), kind))
        found = trained(masked, data, data.edge_index, recipe, penalty=masked.l1(*penalties), seed=seed)
        chosen = found.model
        assert isinstance(chosen, _Masked)
        edges_gone = int((1 - (1 - rates[0]) ** number) * len(up) + 1e-9) - (len(up) - len(left))
        left = left[~smallest(chosen.edges.detach().abs(), edges_gone)]
        masks = chosen.pruned(1 - (1 - rates[1]) ** number)
        spent += perf_counter() - start
        if number in levels:
            start = perf_counter()
            keep = torch.zeros(data.edge_index.shape[1], dtype=torch.bool, device=up.device)
            keep[up[left]] = keep[down[left]] = True
            last = _with_fixed_masks(model_factory(), masks, data, data.edge_index[:, keep], kind, recipe, seed)
            took = spent + perf_counter() - start
            yield UGSTicket(number, last.model, data.edge_index[:, keep], keep, last.test, last.validation, took)


class _Masked(nn.Module):
    """A network, and masks on its weights and its graph's edges that are trained with it."""

    def __init__(self, network: nn.Module, kept: Masks, structure: EdgeWeights) -> None:
        super().__init__()
        self.network, self.kept, self.structure = network, kept, structure
        self.names = list(kept)
        self.weights = nn.ParameterList([nn.Parameter(kept[name].to(value)) for name, value in self._own()])
        some = next(network.parameters())
        self.edges = nn.Parameter(some.new_ones(int(structure.which.max()) + (structure.kind != "normalised")))

    def _own(self) -> list[tuple[str, nn.Parameter]]:
        return list(self.network.named_parameters())

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Logits on the masked graph; ``edge_index`` is not looked at."""
        parameters = {
            name: value * mask * self.kept[name] for (name, value), mask in zip(self._own(), self.weights, strict=True)
        }
        if self.structure.kind == "attention":
            given: tuple[Any, ...] = x, self.structure.places, self.edges.abs().index_select(0, self.structure.which)
        else:
            given = x, self.structure.operator(self.edges)
        answers: Tensor = call_with(self.network, parameters, *given)
        return answers

    def l1(self, edges: float, weights: float) -> Callable[[Tensor], Tensor]:
        """The penalty on the masks' sizes."""

        def penalty(logits: Tensor) -> Tensor:
            sizes = torch.stack([mask.abs().sum() for mask in self.weights])
            return edges * self.edges.abs().sum() + weights * sizes.sum()

        return penalty

    def pruned(self, sparsity: float) -> Masks:
        """Which weights are kept when a share of all is gone, those of smallest masks among the ones there were."""
        flat = torch.cat([mask.detach().abs().flatten() for mask in self.weights])
        there = torch.cat([self.kept[name].flatten() for name in self.names])
        gone = smallest(flat.where(there, -1.0), count_of(sparsity, len(flat)))
        parts = (~gone).split([self.kept[name].numel() for name in self.names])
        return {name: part.view_as(self.kept[name]) for name, part in zip(self.names, parts, strict=True)}


def _with_fixed_masks(
    model: nn.Module, masks: Masks, data: NodeData, edge_index: Tensor, kind: Kind, recipe: NodeRecipe, seed: int
) -> NodeResult:
    @torch.no_grad()
    def mask(epoch: int = 0) -> None:
        for name, value in model.named_parameters():
            value.mul_(masks[name])

    mask()
    ways: dict[Kind, Callable[[Tensor, int], Any]] = {
        "normalised": propagator,
        "sum": neighbour_sum,
        "attention": lambda edges, nodes: edges,
    }
    return trained(model, data, ways[kind](edge_index, len(data.x)), recipe, after_step=mask, seed=seed)
