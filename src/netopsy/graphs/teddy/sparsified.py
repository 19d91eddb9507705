"""A graph in any form in, its edges with their scores out, and which of them stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.drawing import INK, PALETTE, label, panel, style
from netopsy.core.errors import lookup
from netopsy.graphs.adjacency import GraphLike, as_adjacency, from_edges, undirected_edges
from netopsy.graphs.drawing import NAMED, SMALL, draw_edges, layout
from netopsy.graphs.teddy.pruning import check_sparsity, prune_edges
from netopsy.graphs.teddy.scores import degree_scores, random_scores, teddy_scores

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SCORES: Mapping[str, Callable[[Tensor, int, int], Tensor]] = MappingProxyType(
    {
        "teddy": lambda edges, nodes, seed: teddy_scores(edges, nodes),
        "degree": lambda edges, nodes, seed: degree_scores(edges, nodes),
        "inverted": lambda edges, nodes, seed: -teddy_scores(edges, nodes),
        "random": lambda edges, nodes, seed: random_scores(edges, nodes, seed=seed),
    }
)
SCORES = tuple(_SCORES)
"""The names of scores: the paper's, its one-step version, the paper's upside down, and chance."""


@dataclass(frozen=True, eq=False)
class Sparsified:
    """The edges of an undirected graph, each once, with their scores, and which of them stay."""

    edges: Int[Tensor, "2 edges"]
    """From the smaller node to the larger, sorted."""
    scores: Float[Tensor, "edges"]
    kept: Bool[Tensor, "edges"]
    nodes: int

    @property
    def edge_index(self) -> Int[Tensor, "2 both_ways"]:
        """The kept edges as torch_geometric lists them: both ways."""
        edges = self.edges[:, self.kept]
        return torch.cat([edges, edges.flip(0)], 1)

    @property
    def adjacency(self) -> Any:
        """The thinned graph as a symmetric matrix, ``scipy.sparse.csr_array [nodes, nodes]``, of ones."""
        return from_edges(self.edges[:, self.kept], self.nodes)

    @property
    def isolated(self) -> int:
        """How many nodes had neighbours and have none any more."""
        before, after = (
            torch.bincount(edges.flatten(), minlength=self.nodes) > 0
            for edges in (self.edges, self.edges[:, self.kept])
        )
        return int((before & ~after).sum())

    @style()
    def plot(self, ax: Axes | None = None, *, names: Sequence[str] = (), seed: int = 0) -> Axes:
        """The removed edges faint among those kept, wider for a higher score; the scores' histogram of a large graph.

        Args:
            names: of the nodes; their numbers unless given.
            seed: of the layout.
        """
        if self.nodes > SMALL:
            return self._histogram(panel(ax, 4.0, 3.2))
        ax = panel(ax, 6.0, 5.4)
        ends, scores, kept = self.edges.numpy(), self.scores.numpy(), self.kept.numpy()
        places = layout(from_edges(self.edges, self.nodes), seed)
        order = np.argsort(np.argsort(scores)) / max(len(kept) - 1, 1)
        draw_edges(ax, places, ends[:, ~kept], colors=PALETTE[1], alpha=0.3, linewidths=0.8)
        draw_edges(ax, places, ends[:, kept], colors=PALETTE[0], alpha=0.9, linewidths=0.8 + 2.0 * order[kept])
        named = self.nodes <= NAMED
        ax.scatter(places[:, 0], places[:, 1], s=150 if named else 18, color=INK, zorder=3, linewidths=0)
        for node, place in enumerate(places.tolist() if named else []):
            text = label(names[node]) if names else str(node)
            inside = len(text) <= 2
            where: Any = {"va": "center", "color": "white"} if inside else {"va": "bottom", "color": INK}
            shift = (0, 0 if inside else 9)
            ax.annotate(text, place, shift, textcoords="offset points", ha="center", fontsize=7, zorder=4, **where)
        ax.plot([], [], color=PALETTE[0], alpha=0.9, label=f"{kept.sum():,} edges kept, wider for a higher score")
        ax.plot([], [], color=PALETTE[1], alpha=0.3, label=f"{(~kept).sum():,} removed")
        ax.set_axis_off()
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=2)
        return ax

    def _histogram(self, ax: Axes) -> Axes:
        scores, kept = self.scores.numpy(), self.kept.numpy()
        low, high = scores.min(initial=np.inf), scores.max(initial=-np.inf)
        logarithmic = bool(low > 0 and high > 10 * low)
        if not low < high:
            low, high = (low - 0.5, high + 0.5) if np.isfinite(low) else (0.0, 1.0)
        bins = (np.geomspace if logarithmic else np.linspace)(low, high, 60).tolist()
        names, colors = [f"{(~kept).sum():,} removed", f"{kept.sum():,} kept"], [PALETTE[1], PALETTE[0]]
        ax.hist([scores[~kept], scores[kept]], bins, stacked=True, color=colors, alpha=0.8, label=names)
        ax.set(xlabel="score of an edge", ylabel="edges", xscale="log" if logarithmic else "linear")
        ax.legend()
        return ax

    @style()
    def plot_degrees(self, ax: Axes | None = None) -> Axes:
        """The share of nodes with at least so many neighbours, before and after."""
        ax = panel(ax, 4.0, 3.2)
        parts = ((self.edges, PALETTE[1], "before"), (self.edges[:, self.kept], PALETTE[0], "after"))
        for edges, color, text in parts:
            degree = np.bincount(edges.flatten().numpy(), minlength=self.nodes)
            values, counts = np.unique(degree, return_counts=True)
            above = counts[::-1].cumsum()[::-1] / self.nodes
            ax.step(values.clip(min=0.5), above, where="post", color=color, label=text)
        ax.set(xscale="log", yscale="log", xlabel="degree (none: at 0.5)", ylabel="share of nodes with so many")
        ax.legend()
        return ax


@checked
def sparsify(graph: GraphLike, sparsity: float, *, score: str = "teddy", seed: int = 0) -> Sparsified:
    """Remove a share of a graph's edges by their score, the lowest first.

    Args:
        graph: an undirected graph in any form that `netopsy.graphs.adjacency.as_adjacency` takes; weights are not
            looked at.
        sparsity: the share of edges to remove, from 0 to below 1.
        score: "teddy"; "degree" for ``1 / sqrt(d_i d_j)``; "inverted" to remove what TEDDY would keep; "random".
        seed: of random scores.

    Raises:
        InputError: no undirected graph, a share out of range, or an unknown score.

    >>> import networkx as nx
    >>> thinned = sparsify(nx.karate_club_graph(), 0.5)
    >>> int(thinned.kept.sum()), thinned.edges[:, thinned.scores.argmin()].tolist()
    (39, [32, 33])
    """
    check_sparsity("sparsity", sparsity)
    scored = lookup("score", score, _SCORES)
    adjacency = as_adjacency(graph)
    nodes = int(adjacency.shape[0])
    edges = undirected_edges(adjacency)
    both = torch.cat([edges, edges.flip(0)], 1)
    scores = scored(both, nodes, seed)[: edges.shape[1]]
    _, kept = prune_edges(edges, scores, sparsity, undirected=False)
    return Sparsified(edges, scores, kept, nodes)
