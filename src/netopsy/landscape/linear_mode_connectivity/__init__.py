"""What lies on the straight line between two trained networks, and the order of units that takes the ridge away.

Singh et al. 2024 (arXiv 2406.16300), with the alignment of Ainsworth et al. 2023 (arXiv 2209.04836) and the repair of
Jordan et al. 2023 (arXiv 2211.08403).
"""

from netopsy.landscape.linear_mode_connectivity.activation_matching import activation_matching
from netopsy.landscape.linear_mode_connectivity.aligning import align, align_many
from netopsy.landscape.linear_mode_connectivity.barrier import Barrier, loss_barrier
from netopsy.landscape.linear_mode_connectivity.estimate import BarrierEstimate, barrier_estimate
from netopsy.landscape.linear_mode_connectivity.forking import Fork, displacement_cosine, distance, forks
from netopsy.landscape.linear_mode_connectivity.parts import (
    layers_with_parameters,
    layerwise_barrier,
    partial_barriers,
)
from netopsy.landscape.linear_mode_connectivity.permutation import (
    PermutationSpec,
    apply_permutation,
    manual_spec,
    permutation_spec,
    random_permutation,
)
from netopsy.landscape.linear_mode_connectivity.repairing import repair
from netopsy.landscape.linear_mode_connectivity.states import StateLosses, state_losses
from netopsy.landscape.linear_mode_connectivity.weight_matching import weight_matching

__all__ = [
    "Barrier",
    "BarrierEstimate",
    "Fork",
    "PermutationSpec",
    "StateLosses",
    "activation_matching",
    "align",
    "align_many",
    "apply_permutation",
    "barrier_estimate",
    "displacement_cosine",
    "distance",
    "forks",
    "layers_with_parameters",
    "layerwise_barrier",
    "loss_barrier",
    "manual_spec",
    "partial_barriers",
    "permutation_spec",
    "random_permutation",
    "repair",
    "state_losses",
    "weight_matching",
]
