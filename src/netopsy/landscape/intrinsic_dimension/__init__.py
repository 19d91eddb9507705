"""Intrinsic dimension (Li et al. 2018): training in random subspaces, and how many directions it takes."""

from netopsy.landscape.intrinsic_dimension.curve import IDResult, NotReachedError, dimension_from_curve
from netopsy.landscape.intrinsic_dimension.fastfood import FastfoodProjection
from netopsy.landscape.intrinsic_dimension.projections import (
    DenseProjection,
    MatrixProjection,
    Projection,
    make_projection,
)
from netopsy.landscape.intrinsic_dimension.search import intrinsic_dimension
from netopsy.landscape.intrinsic_dimension.sparse import SparseProjection
from netopsy.landscape.intrinsic_dimension.storage import compress, decompress, description_length
from netopsy.landscape.intrinsic_dimension.subspace import SubspaceModel
from netopsy.landscape.intrinsic_dimension.training import SubspaceRun, fit_subspaces, rate_for, subspace_trainer
from netopsy.landscape.intrinsic_dimension.transform import fwht

__all__ = [
    "DenseProjection",
    "FastfoodProjection",
    "IDResult",
    "MatrixProjection",
    "NotReachedError",
    "Projection",
    "SparseProjection",
    "SubspaceModel",
    "SubspaceRun",
    "compress",
    "decompress",
    "description_length",
    "dimension_from_curve",
    "fit_subspaces",
    "fwht",
    "intrinsic_dimension",
    "make_projection",
    "rate_for",
    "subspace_trainer",
]
