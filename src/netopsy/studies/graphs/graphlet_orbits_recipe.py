"""Count the small subgraphs of a graph."""

from __future__ import annotations

from netopsy.core.finding import Finding, Picture
from netopsy.data.graph_weights import unweighted
from netopsy.data.graphs import Graph
from netopsy.graphs import graphlet_orbits as orbits
from netopsy.lab.graph_inputs import check_graph, weights_note
from netopsy.lab.recipes import GRAPH, PaperRecipe

NODES, EDGES = 200_000, 1_000_000
"""Seconds, unless a few nodes are joined to almost all others."""


def run(graph: Graph, *, seed: int) -> Finding:
    """How many small subgraphs there are, and where in them each node stands."""
    check_graph(graph, nodes=NODES, edges=EDGES)
    vectors = orbits.graphlet_degree_vectors(unweighted(graph))
    counts = orbits.counts_from_vectors(vectors)
    drawn = orbits.plot_degree_vectors(graph, vectors, seed=seed)
    return Finding(
        sentence=f"The graph's {len(graph):,} nodes and {graph.edge_count:,} edges make up "
        f"{sum(counts.values()):,} small subgraphs of up to four nodes.",
        reading="Nodes that stand in the same places of the same subgraphs play the same part, wherever they are."
        + weights_note(graph),
        pictures=(Picture.of(drawn, "The nodes of the graph by the places they take in small subgraphs"),),
        figures=counts,
        table=(("subgraph", "how many"), *((name, f"{count:,}") for name, count in counts.items())),
        code="from netopsy.data.graph_files import read_graph\n"
        "from netopsy.data.graph_weights import unweighted\n"
        "from netopsy.graphs.graphlet_orbits import graphlet_degree_vectors\n\n"
        'vectors = graphlet_degree_vectors(unweighted(read_graph("graph.csv")))',
    )


RECIPE = PaperRecipe(
    paper="graphlet-orbits",
    title="Count the small subgraphs of your graph",
    shows="How many small subgraphs there are, and which nodes stand in the same places of them.",
    takes=(GRAPH,),
    run=run,
)
