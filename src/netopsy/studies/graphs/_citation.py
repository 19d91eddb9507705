"""Graphs whose nodes have features and classes, few of them labelled: for studies of node classification."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from netopsy.core.errors import lookup
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive
from netopsy.core.shapes import Labels
from netopsy.data.neighbour_graphs import digits_graph
from netopsy.data.planetoid import PLANETOID, planetoid
from netopsy.graphs.adjacency import edge_index_of
from netopsy.graphs.node_classification import Mask, random_split
from netopsy.graphs.propagation import EdgeIndex, Features

DIGITS = "digits"


@dataclass(frozen=True, eq=False)
class NodeTask:
    """A graph, its nodes' features and classes, and which nodes are for what."""

    x: Features
    """Rows add up to 1."""
    edge_index: EdgeIndex
    labels: Labels
    train: Mask
    validation: Mask
    test: Mask

    @property
    def classes(self) -> int:
        """How many there are."""
        return int(self.labels.max()) + 1


def node_task(name: str, seed: int, *, neighbours: int = 5, per_class: int = 3, validation: int = 300) -> NodeTask:
    """The digits, each joined to its nearest neighbours, with a random split; or a citation network's public split.

    Args:
        neighbours, per_class, validation: of the digits.
    """
    device = best_device()
    if name == DIGITS:
        graph, pixels = digits_graph(neighbours)
        labels = torch.from_numpy(graph.labels)
        masks = random_split(labels, per_class, validation, seed=derive(seed, "split"))
        edges, x = edge_index_of(graph.adjacency), torch.from_numpy(pixels).float()
    else:
        lookup("graph", name, {known: known for known in PLANETOID})
        data = planetoid(name)
        labels, edges, x = data.y, data.edge_index, data.x
        masks = data.train_mask, data.val_mask, data.test_mask
    parts = [part.to(device) for part in (_rows(x), edges, labels, *masks)]
    return NodeTask(*parts)


def _rows(x: Tensor) -> Tensor:
    return x / x.sum(1, keepdim=True).clamp(min=torch.finfo(x.dtype).tiny)
