"""Say what one graph is worth to the owner of another."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from netopsy.core.finding import Finding, Picture
from netopsy.core.seeds import derive
from netopsy.data.graphs import Graph
from netopsy.graphs.graph_valuation import GraphValuation, plot_values
from netopsy.lab.graph_inputs import check_graph
from netopsy.lab.recipes import GRAPH, PaperRecipe

NODES = 1_000
"""Alignment takes time with the third power of their number."""


def run(buyer: Graph, seller: Graph, *, seed: int) -> Finding:
    """How differently the two are wired, beside graphs of which it is known."""
    for called, graph in (("the buyer's graph", buyer), ("the seller's graph", seller)):
        check_graph(graph, called=called, nodes=NODES)
    offers = {
        "seller's graph": seller.adjacency,
        "own graph, renumbered": _renumbered(buyer, seed),
        "own, 10 % of edges moved": _moved(buyer, 0.1, seed),
        "as many edges at random": _moved(buyer, 1.0, seed),
    }
    size = max(len(buyer), len(seller))
    found = GraphValuation(size, seed=seed).value(buyer, list(offers.values()))
    shares = {name: one.normalised_disparity for name, one in zip(offers, found, strict=True)}
    theirs, *others = shares.values()
    return Finding(
        sentence=f"The seller's graph is at a structural disparity of {theirs:.2f} from the buyer's, where 1 is the "
        f"most that is possible; as many edges as the buyer has, placed at random, are at {others[-1]:.2f}.",
        reading="The share is the structural disparity: a transport distance between smooth signals on the two graphs, "
        "each lined up with a public random one, so that neither owner sees the other's. Copies under other numbers "
        "are at 0 where no two nodes look alike from everywhere. A seller far away brings structure that the buyer "
        "lacks; how relevant and how diverse features are takes features, which edges alone do not have.",
        pictures=(
            Picture.of(
                plot_values(list(offers), found),
                "The structural disparity of the seller's graph, beside that of graphs made from the buyer's",
            ),
        ),
        figures={f"disparity of {name}": round(share, 4) for name, share in shares.items()},
        table=(
            ("graph", "disparity", "as a share of the most"),
            *(
                (name, f"{one.disparity:.3f}", f"{one.normalised_disparity:.3f}")
                for name, one in zip(offers, found, strict=True)
            ),
        ),
        code="from netopsy.data.graph_files import read_graph\n"
        "from netopsy.graphs.graph_valuation import GraphValuation\n\n"
        'buyer, seller = read_graph("buyer.csv"), read_graph("seller.csv")\n'
        f"market = GraphValuation(max(len(buyer), len(seller)), seed={seed})\n"
        "[value] = market.value(buyer, [seller])\n"
        "value.normalised_disparity, [message.describe() for message in market.messages]",
    )


def _renumbered(graph: Graph, seed: int) -> sparse.csr_array:
    order = np.random.default_rng(derive(seed, "renumbered")).permutation(len(graph))
    return sparse.csr_array(graph.adjacency[order][:, order])


def _moved(graph: Graph, share: float, seed: int) -> sparse.csr_array:
    """The graph with a share of its edges, each with its weight, put between nodes that no edge joins."""
    random = np.random.default_rng(derive(seed, "moved"))
    upper = np.triu_indices(len(graph), 1)
    weights = graph.adjacency.toarray()[upper]
    joined = np.flatnonzero(weights)
    away = random.permutation(joined)[: max(1, round(share * len(joined)))]
    moved = weights.copy()
    moved[away] = 0
    moved[random.permutation(np.flatnonzero(moved == 0))[: len(away)]] = weights[away]
    matrix = np.zeros(graph.adjacency.shape)
    matrix[upper] = moved
    return sparse.csr_array(matrix + matrix.T)


RECIPE = PaperRecipe(
    paper="graph-valuation",
    title="See how much another graph differs from yours",
    shows="How differently two graphs are wired, found without either owner seeing the other's graph.",
    takes=(
        replace(GRAPH, label="The buyer's graph"),
        replace(GRAPH, label="The seller's graph", samples=("les_miserables", "karate")),
    ),
    run=run,
)
