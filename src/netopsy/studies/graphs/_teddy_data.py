"""The graphs of the teddy study, with features, labels and a split each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netopsy.core.errors import lookup
from netopsy.core.seeds import derive
from netopsy.data.block_graphs import block_graph, class_features
from netopsy.data.neighbour_graphs import digits_graph
from netopsy.data.planetoid import planetoid
from netopsy.graphs.adjacency import as_adjacency, edge_index_of
from netopsy.graphs.node_classification import random_split

BLOCKS, DIGITS, NOISY_DIGITS = "blocks", "digits", "digits, noisy features"
NEIGHBOURS = 10
NOISE = 24.0
"""Standard deviation of what is added to pixels from 0 to 16 for features that say little."""


@dataclass(frozen=True, eq=False)
class Nodes:
    """A graph with labelled nodes, as `netopsy.graphs.teddy.NodeData` wants it."""

    x: Tensor
    edge_index: Tensor
    y: Tensor
    train_mask: Tensor
    val_mask: Tensor
    test_mask: Tensor

    @property
    def classes(self) -> int:
        """How many."""
        return int(self.y.max()) + 1


def nodes_of(name: str, seed: int, *, per_class: int = 10, nodes: int = 2000) -> Nodes:
    """A graph by name: "blocks", "digits", "digits, noisy features", or one of Planetoid's with its public split."""
    if name in _MADE:
        features, graph = lookup("graph", name, _MADE)(nodes, seed)
        labels = torch.from_numpy(graph.labels)
        split = random_split(labels, per_class, min(500, len(labels) // 4), seed=derive(seed, "split"))
        edges = edge_index_of(as_adjacency(graph))
        return Nodes(torch.from_numpy(features).float(), edges, labels, *split)
    data: Any = planetoid(name)
    x = data.x / data.x.abs().sum(1, keepdim=True).clamp(min=1e-12)
    return Nodes(x, data.edge_index, data.y, data.train_mask, data.val_mask, data.test_mask)


def _blocks(nodes: int, seed: int) -> tuple[np.ndarray, Any]:
    graph = block_graph(nodes, 5, seed=derive(seed, "graph"))
    assert graph.labels is not None
    return class_features(graph.labels, 16, seed=derive(seed, "features")), graph


def _digits(nodes: int, seed: int) -> tuple[np.ndarray, Any]:
    graph, pixels = digits_graph(NEIGHBOURS)
    return pixels / 16, graph


def _noisy_digits(nodes: int, seed: int) -> tuple[np.ndarray, Any]:
    graph, pixels = digits_graph(NEIGHBOURS)
    noise = NOISE * np.random.default_rng(derive(seed, "noise")).standard_normal(pixels.shape)
    return (pixels + noise) / 16, graph


_MADE = {BLOCKS: _blocks, DIGITS: _digits, NOISY_DIGITS: _noisy_digits}
