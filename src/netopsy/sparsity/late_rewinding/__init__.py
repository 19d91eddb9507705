"""Stabilizing the lottery ticket hypothesis (Frankle, Dziugaite, Roy and Carbin 2019, arXiv 1903.01611).

Tickets of deep networks are found by putting the surviving weights back to where they stood a little way into training.
By then the sparse network is stable: it ends near the dense one, and near itself with the data in another order.
"""

from netopsy.sparsity.late_rewinding.distances import masked_l2
from netopsy.sparsity.late_rewinding.result import RewindSweep
from netopsy.sparsity.late_rewinding.stability import stability_to_data_order, stability_to_pruning
from netopsy.sparsity.late_rewinding.steps import parse_step
from netopsy.sparsity.late_rewinding.sweep import rewind_sweep, rewind_sweep_many

__all__ = [
    "RewindSweep",
    "masked_l2",
    "parse_step",
    "rewind_sweep",
    "rewind_sweep_many",
    "stability_to_data_order",
    "stability_to_pruning",
]
