"""Intrinsic dimension of a network's loss (Li et al. 2018): training in random subspaces, and how many directions do."""

from netopsy.landscape.intrinsic_dimension.fastfood import FastfoodProjection
from netopsy.landscape.intrinsic_dimension.projections import (
    DenseProjection,
    MatrixProjection,
    Projection,
    make_projection,
)
from netopsy.landscape.intrinsic_dimension.sparse import SparseProjection
from netopsy.landscape.intrinsic_dimension.subspace import SubspaceModel, rate_for
from netopsy.landscape.intrinsic_dimension.transform import fwht

__all__ = [
    "DenseProjection",
    "FastfoodProjection",
    "MatrixProjection",
    "Projection",
    "SparseProjection",
    "SubspaceModel",
    "fwht",
    "make_projection",
    "rate_for",
]
