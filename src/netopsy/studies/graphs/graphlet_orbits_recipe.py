"""Count the small subgraphs of a graph."""

from __future__ import annotations

from netopsy.core.errors import require
from netopsy.core.finding import Finding, Picture
from netopsy.data.graphs import Graph
from netopsy.graphs import graphlet_orbits as orbits
from netopsy.lab.recipes import GRAPH, PaperRecipe


def run(graph: Graph, *, seed: int) -> Finding:
    """How many small subgraphs there are, and where in them each node stands."""
    require(graph.edge_count > 0, "the graph must have an edge, and this one has none")
    vectors = orbits.graphlet_degree_vectors(graph)
    counts = orbits.counts_from_vectors(vectors)
    drawn = orbits.plot_degree_vectors(graph, vectors, seed=seed)
    return Finding(
        sentence=f"The graph's {len(graph):,} nodes and {graph.edge_count:,} edges make up "
        f"{sum(counts.values()):,} small subgraphs of up to four nodes.",
        reading="Nodes that stand in the same places of the same subgraphs play the same part, wherever they are.",
        pictures=(Picture.of(drawn, "The nodes of the graph by the places they take in small subgraphs"),),
        figures=counts,
        table=(("subgraph", "how many"), *((name, f"{count:,}") for name, count in counts.items())),
        code="from netopsy.data.graph_files import read_graph\n"
        "from netopsy.graphs.graphlet_orbits import graphlet_degree_vectors\n\n"
        'vectors = graphlet_degree_vectors(read_graph("graph.csv"))',
    )


RECIPE = PaperRecipe(
    paper="graphlet-orbits",
    title="Count the small subgraphs of your graph",
    shows="How many small subgraphs there are, and which nodes stand in the same places of them.",
    takes=(GRAPH,),
    run=run,
)
