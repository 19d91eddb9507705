"""Find the cluster around a node, with guesses of its members that may be wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.sparse.csgraph import connected_components

from netopsy.core.errors import lookup, require
from netopsy.core.finding import Finding, Picture
from netopsy.data.graph_weights import unweighted
from netopsy.data.graphs import Graph
from netopsy.graphs import noisy_label_clustering as local
from netopsy.lab.graph_inputs import check_graph, weights_note
from netopsy.lab.recipes import GRAPH, Option, PaperRecipe

LISTED = 100
DRAWS = 20
"""Sets of wrong guesses, over which the scores are means: a single one says little of a small graph."""


def run(graph: Graph, *, node: str, share: float, wrong: float, seed: int) -> Finding:
    """The cluster by flow; where groups are known, also with guesses of which a share is wrong."""
    check_graph(graph)
    start, names = _start(graph, node), graph.names
    checked = local.checked_graph(graph)
    hint = max(1.0, share * _reachable(graph, start))
    plain = local.local_cluster(checked, start, size_hint=hint, most=2 * hint)
    found, scores = (plain, {}) if graph.labels is None else _guessed(graph, checked, plain, start, hint, wrong, seed)
    conductance = local.conductance(checked, found.nodes)
    sentence = (
        f"Around {names[start]} there is a cluster of {len(found):,} of {len(graph):,} nodes, of conductance "
        f"{conductance:.2f}."
    )
    reading = (
        "Mass that is put on the node flows on from every node that holds more than 1; where it comes to rest is the "
        "cluster. Of several amounts of mass the one counts whose cluster has the lowest conductance: the share of "
        "its edges' ends, or of the rest's if those are fewer, that lead across." + weights_note(graph)
    )
    if scores:
        told = ", ".join(f"{name} {value:.2f}" for name, value in scores.items())
        sentence = f"{sentence} F1 against the group that is known: {told}."
        reading += (
            f" The groups of this graph are known: every node is guessed to be of the node's own group or not, "
            f"{100 * wrong:.0f} % of the guesses are wrong, and edges between different guesses are made weak. F1 "
            f"balances precision and recall; it is a mean over {DRAWS} sets of guesses; the picture shows the first."
        )
    return Finding(
        sentence=sentence,
        reading=reading,
        pictures=(
            Picture.of(
                local.plot_cluster(graph, found, [start], seed=seed),
                f"The graph with the cluster around {names[start]}, and the conductance by the amount of mass",
            ),
        ),
        figures={
            "nodes in the cluster": len(found),
            "conductance": round(conductance, 4),
            **{f"F1 of {name}": round(value, 4) for name, value in scores.items()},
        },
        table=(("node of the cluster",), *((names[each],) for each in found.nodes[:LISTED].tolist())),
        code="from netopsy.data.graph_files import read_graph\n"
        "from netopsy.data.graph_weights import unweighted\n"
        "from netopsy.graphs.noisy_label_clustering import local_cluster\n\n"
        'graph = unweighted(read_graph("graph.csv"))\n'
        f"start = graph.names.index({names[start]!r})\n"
        f"cluster = local_cluster(graph, start, size_hint={hint:g}, most={2 * hint:g})\n"
        "[graph.names[node] for node in cluster.nodes]",
    )


def _start(graph: Graph, name: str) -> int:
    """The node of that name; the one with the most neighbours where there is no name."""
    degrees = np.diff(unweighted(graph).adjacency.indptr)
    if not name:
        return int(degrees.argmax())
    found: int = lookup("node", name, {each: number for number, each in enumerate(graph.names)})
    require(degrees[found] > 0, f"node {name!r} has no neighbour, so that no mass flows on from it; name another")
    return found


def _reachable(graph: Graph, start: int) -> int:
    """How many nodes there are where mass can get to."""
    _, component = connected_components(graph.adjacency, directed=False)
    return int((component == component[start]).sum())


def _guessed(
    graph: Graph, checked: local.CheckedGraph, plain: local.Cluster, start: int, hint: float, wrong: float, seed: int
) -> tuple[local.Cluster, dict[str, float]]:
    """The cluster by the flow with the first set of guesses; and F1 of the guesses, of the flow, and of both."""
    assert graph.labels is not None
    truth = (graph.labels == graph.labels[start]).astype(np.int8)
    random = np.random.default_rng(seed)
    alone, both, clusters = [], [], []
    for _ in range(DRAWS):
        guesses = np.where(random.random(len(truth)) < wrong, 1 - truth, truth).astype(np.int8)
        volume = local.labelled_volume(checked, [start], guesses)
        options: dict[str, Any] = {"labels": guesses, "size_hint": hint, "most": 2 * hint, "volume": volume}
        clusters.append(local.local_cluster(checked, start, **options))
        alone.append(_f1(truth, guesses))
        both.append(_f1(truth, _marked(clusters[-1], len(truth))))
    return clusters[0], {
        "the guesses alone": float(np.mean(alone)),
        "the flow alone": _f1(truth, _marked(plain, len(truth))),
        "the flow with guesses": float(np.mean(both)),
    }


def _marked(cluster: local.Cluster, nodes: int) -> np.ndarray:
    marked = np.zeros(nodes, dtype=np.int8)
    marked[cluster.nodes] = 1
    return marked


def _f1(truth: np.ndarray, found: np.ndarray) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth, found))


RECIPE = PaperRecipe(
    paper="noisy-label-clustering",
    title="Find the cluster around a node of your graph",
    shows="Where mass that flows out of a node comes to rest, and, where groups are known, what guesses add to it "
    "though some of them are wrong.",
    takes=(GRAPH,),
    run=run,
    options=(
        Option("node", "The node, as it is called in the graph; the best connected one unless given", ""),
        Option("share", "About what share of the nodes the cluster has", 0.25, low=0.01, high=0.5),
        Option("wrong", "Share of the guesses that are wrong, where groups are known", 0.2, low=0.0, high=0.5),
    ),
)
