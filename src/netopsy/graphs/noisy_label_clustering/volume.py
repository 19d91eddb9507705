"""How large a cluster may be, by guessed labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netopsy.graphs.adjacency import GraphLike
from netopsy.graphs.noisy_label_clustering.graph import Labels, label_edge_weights


def labelled_volume(graph: GraphLike, seeds: Sequence[int], labels: Labels, *, eps: float = 0.05) -> float:
    """The sum of the weights of `label_edge_weights`, where the seeds count as labelled 1 whatever was guessed of them.

    Raises:
        InputError: as `label_edge_weights`.

    >>> labelled_volume(np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]), [0], np.array([0, 1, 0]), eps=0.5)
    3.0
    """
    marked = np.array(labels)
    marked[list(seeds)] = 1
    return float(label_edge_weights(graph, marked, eps=eps).sum())
