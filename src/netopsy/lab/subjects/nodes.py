"""Graphs whose nodes have features and classes, few of them labelled: for studies of node classification."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from netopsy.core.errors import lookup
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive
from netopsy.core.shapes import Labels
from netopsy.data.block_graphs import block_graph, class_features
from netopsy.data.neighbour_graphs import digits_graph
from netopsy.data.planetoid import PLANETOID, planetoid
from netopsy.graphs.adjacency import as_adjacency, edge_index_of
from netopsy.graphs.node_classification import Mask, random_split
from netopsy.graphs.propagation import EdgeIndex, Features

BLOCKS, DIGITS, NOISY_DIGITS = "blocks", "digits", "digits, noisy features"
NOISE = 24.0
"""Standard deviation of what is added to pixels from 0 to 16 for features that say little."""


@dataclass(frozen=True, eq=False)
class NodeTask:
    """A graph, its nodes' features and classes, and which nodes are for what; as torch_geometric names them."""

    x: Features
    edge_index: EdgeIndex
    y: Labels
    train_mask: Mask
    val_mask: Mask
    test_mask: Mask

    @property
    def classes(self) -> int:
        """How many there are."""
        return int(self.y.max()) + 1


def node_task(
    name: str, seed: int, *, nodes: int = 2000, neighbours: int = 5, per_class: int = 3, validation: int = 300
) -> NodeTask:
    """A task by name.

    "blocks" are ``nodes`` nodes in five classes with very uneven degrees; "digits" the digits, each joined to its
    ``neighbours`` nearest, with features that add up to 1 in each row; "digits, noisy features" the same graph with
    features that say little. They have random splits. Any other name is a citation network of Planetoid with its
    public split and rows that add up to 1.
    """
    if name in (BLOCKS, DIGITS, NOISY_DIGITS):
        features, edges, y = _made(name, seed, nodes, neighbours)
        validation = min(validation, len(y) // 4)
        masks = random_split(y, per_class, validation, seed=derive(seed, "split"))
    else:
        lookup("graph", name, {known: known for known in PLANETOID})
        data = planetoid(name)
        features, edges, y = _rows(data.x), data.edge_index, data.y
        masks = data.train_mask, data.val_mask, data.test_mask
    return NodeTask(*(part.to(best_device()) for part in (features, edges, y, *masks)))


def _made(name: str, seed: int, nodes: int, neighbours: int) -> tuple[Tensor, Tensor, Tensor]:
    if name == BLOCKS:
        graph = block_graph(nodes, 5, seed=derive(seed, "graph"))
        assert graph.labels is not None
        x = torch.from_numpy(class_features(graph.labels, 16, seed=derive(seed, "features"))).float()
    else:
        graph, pixels = digits_graph(neighbours)
        if name == NOISY_DIGITS:
            pixels = pixels + NOISE * np.random.default_rng(derive(seed, "noise")).standard_normal(pixels.shape)
        x = torch.from_numpy(pixels).float()
        x = x / 16 if name == NOISY_DIGITS else _rows(x)
    assert graph.labels is not None
    return x, edge_index_of(as_adjacency(graph)), torch.from_numpy(graph.labels)


def _rows(x: Tensor) -> Tensor:
    return x / x.sum(1, keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)
