"""Scores of ten million edges, projections of two million weights against a full sort, and epochs on fewer edges."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.timing import Bound, Comparison, Growth
from netopsy.graphs.networks import GIN, neighbour_sum
from netopsy.graphs.teddy import L0Projection, prune_edges, teddy_scores
from netopsy.graphs.teddy.smallest import smallest

WEIGHTS = 2_000_000


def benchmarks() -> Iterator[Comparison | Bound | Growth]:
    """The bounds of the method's own steps; then training with edges dropped against edges multiplied by zero."""
    yield Bound("teddy_scores_10M_edges", partial(teddy_scores, random_edges(10_000_000), 1_000_000), seconds=1.0)
    sizes = (100_000, 1_000_000, 10_000_000)
    yield Growth(
        "teddy_scores",
        {size: partial(teddy_scores, random_edges(size), size // 10) for size in sizes},
        size_name="edges",
    )
    weights = torch.randn(WEIGHTS, generator=torch.Generator().manual_seed(0))
    yield Bound("l0_projection_2M_weights", projecting(weights, 0.9), seconds=0.02, rounds=11)
    size = weights.abs()
    count = int(0.9 * WEIGHTS)
    assert torch.equal(smallest(size, count), by_sorting(size, count))
    yield Comparison(
        "l0_threshold_sort",
        partial(smallest, size, count),
        partial(by_sorting, size, count),
        target=0.2,
        peer_name="full sort",
    )
    yield Comparison(
        "l0_threshold_kthvalue",
        partial(smallest, size, count),
        partial(by_kthvalue, size, count),
        target=1.0,
        peer_name="torch.kthvalue",
    )
    short, zeroed = epochs_on(0.85)
    yield Comparison("epoch_without_edges", short, zeroed, target=0.6, peer_name="edges multiplied by zero", rounds=7)


def random_edges(count: int) -> Tensor:
    """Columns of an undirected graph, each edge both ways, in no order; repeated ones do no harm to the timing."""
    half = torch.randint(max(count // 10, 2), (2, count // 2), generator=torch.Generator().manual_seed(0))
    return torch.cat([half, half.flip(0)], 1)


def projecting(weights: Tensor, sparsity: float) -> Any:
    """Restores the weights and projects them: each round begins from the same ones."""
    tensors = [part.clone() for part in weights.split(WEIGHTS // 4)]
    projection = L0Projection(tensors, sparsity)

    def work() -> None:
        for tensor, part in zip(tensors, weights.split(WEIGHTS // 4), strict=True):
            tensor.copy_(part)
        projection.project()

    return work


def by_sorting(values: Tensor, count: int) -> Tensor:
    """The mask of the smallest by sorting everything."""
    chosen = torch.zeros_like(values, dtype=torch.bool)
    chosen[values.sort(stable=True).indices[:count]] = True
    return chosen


def by_kthvalue(values: Tensor, count: int) -> Tensor:
    """The mask of the smallest by torch's own selection, ties included."""
    return values <= values.kthvalue(count).values


def epochs_on(sparsity: float) -> tuple[Any, Any]:
    """A step of training on the edges that are left, and on all of them with the removed ones at zero."""
    nodes = 10_000
    edges = random_edges(400_000) % nodes
    low, high = edges.aminmax(dim=0)
    key = (low * nodes + high)[low != high].unique()
    once = torch.stack([key // nodes, key % nodes])
    both = torch.cat([once, once.flip(0)], 1)
    left, kept = prune_edges(both, teddy_scores(both, nodes), sparsity)
    short = neighbour_sum(left, nodes)
    zeroed = neighbour_sum(both, nodes, kept.float())
    x = torch.randn(nodes, 16)
    labels = torch.arange(nodes) % 5
    model = GIN(16, 64, 5, seed=0)

    def step(operator: Any, network: nn.Module = model) -> None:
        network.zero_grad()
        functional.cross_entropy(network(x, operator), labels).backward()

    return partial(step, short), partial(step, zeroed)
