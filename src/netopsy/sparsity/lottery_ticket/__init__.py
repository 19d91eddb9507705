"""The lottery ticket hypothesis (Frankle and Carbin 2019, arXiv 1803.03635).

Train, delete the smallest weights, put the survivors back to their own initial values, retrain; repeat. What is left, a
*ticket*, is a sparse network that trains as well as the dense one did.
"""

from netopsy.core.masks import apply_masks, density, prunable_parameters
from netopsy.sparsity.lottery_ticket.controls import reinitialise, shuffle_masks
from netopsy.sparsity.lottery_ticket.imp import iterative_magnitude_pruning
from netopsy.sparsity.lottery_ticket.magnitude import layer_rates, magnitude_masks
from netopsy.sparsity.lottery_ticket.replicas import iterative_magnitude_pruning_many
from netopsy.sparsity.lottery_ticket.result import IMPResult

__all__ = [
    "IMPResult",
    "apply_masks",
    "density",
    "iterative_magnitude_pruning",
    "iterative_magnitude_pruning_many",
    "layer_rates",
    "magnitude_masks",
    "prunable_parameters",
    "reinitialise",
    "shuffle_masks",
]
