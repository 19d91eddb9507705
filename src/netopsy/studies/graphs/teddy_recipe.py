"""Thin a graph by the degrees around its edges."""

from __future__ import annotations

from scipy.sparse.csgraph import connected_components

from netopsy.core.finding import Finding, Picture
from netopsy.data.graphs import Graph
from netopsy.graphs import teddy
from netopsy.graphs.teddy.sparsified import SCORES
from netopsy.lab.graph_inputs import check_graph, weights_note
from netopsy.lab.recipes import GRAPH, Option, PaperRecipe

LISTED = 10


def run(graph: Graph, *, sparsity: float, score: str, seed: int) -> Finding:
    """Which edges go first, and what is left of the graph without them."""
    check_graph(graph)
    found = teddy.sparsify(graph, sparsity, score=score, seed=seed)
    stay, edges = int(found.kept.sum()), len(found.kept)
    before, after = (
        int(connected_components(matrix, directed=False)[0]) for matrix in (graph.adjacency, found.adjacency)
    )
    lowest = found.scores.argsort(stable=True)[:LISTED]
    ends, names = found.edges[:, lowest].T.tolist(), graph.names
    scores = found.scores[lowest].tolist()
    return Finding(
        sentence=f"{stay:,} of {edges:,} edges stay; the others, those of lowest score, can go, which leaves "
        f"{found.isolated:,} of {found.nodes:,} nodes without an edge.",
        reading="An edge between two nodes with many neighbours repeats what others say and goes early; an edge of a "
        "node with few neighbours stays. What a network learns on the thinned graph is for the network to say."
        + weights_note(graph),
        pictures=(
            Picture.of(
                teddy.plot_sparsified(graph, found, seed=seed),
                f"The {stay:,} edges that are kept and the {edges - stay:,} that are removed",
            ),
        ),
        figures={
            "edges kept": stay,
            "edges removed": edges - stay,
            "nodes left without an edge": found.isolated,
            "components before": before,
            "components after": after,
        },
        table=(
            ("from", "to", "score"),
            *((names[one], names[other], f"{own:.3g}") for (one, other), own in zip(ends, scores, strict=True)),
        ),
        code="from netopsy.data.graph_files import read_graph\n"
        "from netopsy.graphs.teddy import sparsify\n\n"
        f'thinned = sparsify(read_graph("graph.csv"), {sparsity}, score="{score}", seed={seed})\n'
        "thinned.adjacency, thinned.scores",
    )


RECIPE = PaperRecipe(
    paper="teddy",
    title="Thin your graph by its degrees",
    shows="Which edges repeat what others say and can go before any training, and what is left without them.",
    takes=(GRAPH,),
    run=run,
    options=(
        Option("sparsity", "Share of edges to remove", 0.5, low=0.0, high=0.95),
        Option("score", "What edges go by", "teddy", choices=SCORES),
    ),
)
