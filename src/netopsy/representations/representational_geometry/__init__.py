"""Does a hidden layer take on the geometry of its inputs or that of the labels?

Alleman, Lindsey and Fusi, Task structure and nonlinearity jointly determine learned representational geometry, ICLR
2024, arXiv:2401.13558. The task generator follows the authors' code (Kelarion/repler); the paper's text was not read.

Tasks whose input kernel has a set alignment with the label kernel, and what describes the geometry of a layer: its
alignments, the parallelism of its coding directions, generalisation across conditions, and its dimension.
"""

from netopsy.representations.representational_geometry.dimension import participation_ratio
from netopsy.representations.representational_geometry.drift import gradient_field
from netopsy.representations.representational_geometry.generalisation import ccgp
from netopsy.representations.representational_geometry.kernels import aligned_kernel, label_kernel
from netopsy.representations.representational_geometry.layers import layer_geometry
from netopsy.representations.representational_geometry.parallelism import parallelism_score
from netopsy.representations.representational_geometry.tasks import (
    Task,
    aligned_task,
    nudged_xor,
    unstructured_task,
)

__all__ = [
    "Task",
    "aligned_kernel",
    "aligned_task",
    "ccgp",
    "gradient_field",
    "label_kernel",
    "layer_geometry",
    "nudged_xor",
    "parallelism_score",
    "participation_ratio",
    "unstructured_task",
]
