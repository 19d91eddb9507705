"""The cluster around a node of a large graph, helped by guesses of which nodes belong to it.

Back de Luca, Fountoulakis and Yang, Local Graph Clustering with Noisy Labels, ICLR 2024, arXiv:2310.08031.

Mass put on a node spreads until every node holds no more than its sink; where it came from and went on from is the
cluster. A cluster with many edges to the outside leaks. If every node comes with a guess of whether it belongs to the
cluster, edges between different guesses are made weak, and less mass leaks: better than the guesses alone and than the
graph alone, once the guesses are moderately good. Only what the mass reaches is ever looked at.

What is marked unconfirmed here and in the docstrings was not checked against the paper's own text.
"""

from netopsy.graphs.noisy_label_clustering.cluster import BY_SIZE, BY_VOLUME, Cluster, Scan, local_cluster
from netopsy.graphs.noisy_label_clustering.cuts import SweepCut, conductance, sweep_cut
from netopsy.graphs.noisy_label_clustering.diffusion import FlowResult, flow_diffusion
from netopsy.graphs.noisy_label_clustering.graph import (
    CheckedGraph,
    NeighbourGraph,
    checked_graph,
    label_edge_weights,
)
from netopsy.graphs.noisy_label_clustering.guesses import attribute_edge_weights, labels_from_samples
from netopsy.graphs.noisy_label_clustering.pagerank import PageRankResult, approximate_pagerank
from netopsy.graphs.noisy_label_clustering.pictures import plot_cluster
from netopsy.graphs.noisy_label_clustering.volume import labelled_volume

__all__ = [
    "BY_SIZE",
    "BY_VOLUME",
    "CheckedGraph",
    "Cluster",
    "FlowResult",
    "NeighbourGraph",
    "PageRankResult",
    "Scan",
    "SweepCut",
    "approximate_pagerank",
    "attribute_edge_weights",
    "checked_graph",
    "conductance",
    "flow_diffusion",
    "label_edge_weights",
    "labelled_volume",
    "labels_from_samples",
    "local_cluster",
    "plot_cluster",
    "sweep_cut",
]
