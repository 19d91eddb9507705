"""Thin a graph by degrees alone, then train once on what is left, keeping only the largest weights.

Seo, Yun and Yang, TEDDY: Trimming Edges with Degree-based Discrimination strategY, ICLR 2024, arXiv:2402.01261.

A link between two well-connected nodes repeats what many others say, a link at a lonely node is precious. One score
from two steps of degrees ranks all links before any training; the lowest are dropped at once. One training on the
thinned graph is projected after each step onto networks with few weights, and listens to the network of the whole one.
"""

from netopsy.graphs.teddy.distillation import distillation_loss
from netopsy.graphs.teddy.magnitude import magnitude_pruned
from netopsy.graphs.teddy.pictures import plot_sparsified
from netopsy.graphs.teddy.projection import L0Projection, ProjectedOptimizer
from netopsy.graphs.teddy.pruning import prune_edges
from netopsy.graphs.teddy.scores import degree_scores, node_values, random_scores, teddy_scores
from netopsy.graphs.teddy.sparsified import Sparsified, sparsify
from netopsy.graphs.teddy.ticket import Epoch, NodeData, Ticket, find_ticket
from netopsy.graphs.teddy.ugs import UGSTicket, ugs_tickets

__all__ = [
    "Epoch",
    "L0Projection",
    "NodeData",
    "ProjectedOptimizer",
    "Sparsified",
    "Ticket",
    "UGSTicket",
    "degree_scores",
    "distillation_loss",
    "find_ticket",
    "magnitude_pruned",
    "node_values",
    "plot_sparsified",
    "prune_edges",
    "random_scores",
    "sparsify",
    "teddy_scores",
    "ugs_tickets",
]
