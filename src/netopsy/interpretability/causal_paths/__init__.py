"""The few paths through a network that cause a class to be named.

Ahmad, Béreux, Baret, Hashemi and Lecue, Causal Analysis for Robust Interpretability of Neural Networks, WACV 2024,
    arXiv:2305.08950.

A trained network is taken as a structural causal model whose variables are its channels and units. An intervention
overwrites the weights of all edges from one node to the nodes already known to be causes, for many images of a class;
a node whose edges, overwritten, lower the class score significantly is a cause in its turn. From the class score down
to the first layer this gives a small graph, which explains single images, and can be tested: by keeping only its edges,
or by cutting them.

What is marked unconfirmed here and in the docstrings was not checked against the paper's own text.
"""

from netopsy.interpretability.causal_paths.attribution import causal_attribution, causal_maps_by_effect
from netopsy.interpretability.causal_paths.discovery import discover_causal_graph
from netopsy.interpretability.causal_paths.effects import PathEffect, path_effect
from netopsy.interpretability.causal_paths.faithfulness import Faithfulness, irof
from netopsy.interpretability.causal_paths.graph import CausalGraph, LayerCauses
from netopsy.interpretability.causal_paths.restriction import ablated_model, restricted_model
from netopsy.interpretability.causal_paths.stability import graph_similarity, local_lipschitz

__all__ = [
    "CausalGraph",
    "Faithfulness",
    "LayerCauses",
    "PathEffect",
    "ablated_model",
    "causal_attribution",
    "causal_maps_by_effect",
    "discover_causal_graph",
    "graph_similarity",
    "irof",
    "local_lipschitz",
    "path_effect",
    "restricted_model",
]
