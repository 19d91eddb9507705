"""The most likely links that a graph lacks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.drawing import INK, PALETTE, panel, style
from netopsy.core.errors import require
from netopsy.graphs.adjacency import GraphLike
from netopsy.graphs.drawing import draw_edges, draw_names, edge_ends, layout, node_names
from netopsy.graphs.neural_common_neighbor import _kernels
from netopsy.graphs.neural_common_neighbor.heuristics import pair_rule
from netopsy.graphs.neural_common_neighbor.neighbourhoods import LinkGraph, Pairs, link_graph
from netopsy.graphs.neural_common_neighbor.training import LinkResult, score_pairs
from netopsy.graphs.propagation import Features

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class MissingLinks:
    """Pairs that no link joins, the likeliest first."""

    pairs: Pairs
    """``[2, links]``, the smaller node first."""
    probability: Float[Tensor, "links"]
    """From 0 to 1, as the model learned it from as many links as other pairs: on a graph links are far rarer."""
    common: Float[Tensor, "links"]
    """How many neighbours they have in common."""
    candidates: int
    """How many pairs were scored."""

    @style()
    def plot(self, ax: Axes | None = None, *, graph: GraphLike, seed: int = 0) -> Axes:
        """The links over the layout of the graph that lacks them."""
        ax = panel(ax, 5.4, 4.4)
        places = layout(graph, seed)
        draw_edges(ax, places, edge_ends(graph), colors=INK, linewidths=0.7, alpha=0.4, label="edges")
        draw_edges(ax, places, self.pairs.numpy(), colors=PALETTE[1], linewidths=1.8, label="likely missing")
        ax.scatter(places[:, 0], places[:, 1], 26, color=PALETTE[0], zorder=3, edgecolors=INK, linewidths=0.5)
        draw_names(ax, places, node_names(graph))
        ax.margins(0.08)
        ax.set_axis_off()
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 1.06), ncols=2)
        return ax


def candidate_pairs(adj: GraphLike | LinkGraph, most: int = 200_000) -> Pairs:
    """The pairs at distance two, at most so many: those that resource allocation ranks highest.

    Raises:
        InputError: no pair is at distance two.

    >>> candidate_pairs(torch.tensor([[0, 1], [1, 2]])).tolist()
    [[0], [2]]
    """
    require(most >= 1, f"most must be at least 1, got {most}")
    graph = link_graph(adj)
    # One row after another, so that never more pairs are held than wanted and those of one node: at hubs there are
    # as many pairs as the square of the degree.
    keys, values = np.empty(0, dtype=np.int64), np.empty(0)
    weights = 1 / np.maximum(graph.degrees, 1)
    room, least = max(most, graph.nodes), 0.0
    sums, seen = np.zeros(graph.nodes), np.zeros(graph.nodes, dtype=np.bool_)
    found, scores = np.empty(2 * room, dtype=np.int64), np.empty(2 * room)
    node = 0
    while node < graph.nodes:
        node, written = _kernels.two_apart_from(
            graph.starts, graph.columns, weights, node, least, sums, seen, found, scores
        )
        keys, values = np.concatenate([keys, found[:written]]), np.concatenate([values, scores[:written]])
        if len(keys) > most:
            best = np.lexsort((keys, -values))[:most]
            keys, values = keys[best], values[best]
            least = float(values[-1])  # of those that rank alike the first stay
    require(len(keys) > 0, "adj has no two nodes with a common neighbour that are not linked")
    return torch.from_numpy(np.stack(np.divmod(np.sort(keys), graph.nodes)))


@checked
def missing_links(
    result: LinkResult, x: Features, adj: GraphLike | LinkGraph, top: int = 20, *, candidates: Pairs | None = None
) -> MissingLinks:
    """The ``top`` likeliest of the candidates by a trained model, on the whole graph.

    Args:
        candidates: which pairs to score; those of `candidate_pairs` unless given.

    Raises:
        InputError: top below 1, or candidates that do not fit the graph.
    """
    require(isinstance(top, int) and top >= 1, f"top must be an int of at least 1, got {top!r}")
    graph = link_graph(adj)
    pairs = candidate_pairs(graph) if candidates is None else candidates
    scores = score_pairs(result.encoder, result.predictor, x, graph, pairs).cpu()
    best = scores.argsort(descending=True, stable=True)[:top]
    chosen = pairs[:, best.to(pairs.device)]
    return MissingLinks(chosen, scores[best].sigmoid(), pair_rule(graph, chosen), pairs.shape[1])
