"""Link prediction from the embeddings of the neighbours that two nodes have in common.

Wang, Yang and Zhang, Neural Common Neighbor with Completion for Link Prediction, ICLR 2024, arXiv:2302.00890.

A graph network that looks at each node separately cannot see how two of them lie to each other. Here it runs once on
the graph, and the embeddings of each pair's common neighbours are added up. Links that are to be predicted are taken
out of the graph in training, and common neighbours that an incomplete graph lacks are filled in with the model's own
probabilities.
"""

from netopsy.graphs.link_metrics import auc, average_precision, hits_at_k, link_metrics, mrr
from netopsy.graphs.link_split import LinkSplit, random_link_split
from netopsy.graphs.neural_common_neighbor.blocks import PureGCN
from netopsy.graphs.neural_common_neighbor.completion import NCNCPredictor, calibrated
from netopsy.graphs.neural_common_neighbor.held_out import HeldOut, compare_on_held_out
from netopsy.graphs.neural_common_neighbor.heuristics import RULES, pair_rule
from netopsy.graphs.neural_common_neighbor.links import link_table
from netopsy.graphs.neural_common_neighbor.missing import MissingLinks, candidate_pairs, missing_links
from netopsy.graphs.neural_common_neighbor.neighbourhoods import (
    LinkGraph,
    common_neighbors,
    link_graph,
    neighbor_difference,
)
from netopsy.graphs.neural_common_neighbor.pictures import plot_links
from netopsy.graphs.neural_common_neighbor.pooling import pool
from netopsy.graphs.neural_common_neighbor.predictors import CountPredictor, GAEPredictor, NCNPredictor, PairPredictor
from netopsy.graphs.neural_common_neighbor.training import (
    LinkRecipe,
    LinkResult,
    fit_link_predictor,
    link_loss,
    score_pairs,
)

__all__ = [
    "RULES",
    "CountPredictor",
    "GAEPredictor",
    "HeldOut",
    "LinkGraph",
    "LinkRecipe",
    "LinkResult",
    "LinkSplit",
    "MissingLinks",
    "NCNCPredictor",
    "NCNPredictor",
    "PairPredictor",
    "PureGCN",
    "auc",
    "average_precision",
    "calibrated",
    "candidate_pairs",
    "common_neighbors",
    "compare_on_held_out",
    "fit_link_predictor",
    "hits_at_k",
    "link_graph",
    "link_loss",
    "link_metrics",
    "link_table",
    "missing_links",
    "mrr",
    "neighbor_difference",
    "pair_rule",
    "plot_links",
    "pool",
    "random_link_split",
    "score_pairs",
]
