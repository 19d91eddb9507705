"""What somebody else's features add to one's own: alike or different spread along one's principal directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.drawing import panel
from netopsy.core.errors import require
from netopsy.graphs.adjacency import GraphLike, as_adjacency, edge_index_of, edge_weights_of
from netopsy.graphs.propagation import propagator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FLOOR = 1e-12
"""The least that a factor of the geometric means counts: one exact equality would make all of D zero."""

_SMALLEST, _LARGEST = 1e-60, 1e60

Matrix = Float[np.ndarray, "rows features"]
Variances = Float[np.ndarray, "directions"]


@dataclass(frozen=True, eq=False)
class DiversityRelevance:
    """How a seller's features spread along a buyer's principal directions."""

    diversity: float
    """D, the geometric mean of ``|l - v| / max(l, v)`` over the directions: from 0, alike, to 1."""
    relevance: float
    """R, the geometric mean of ``min(l, v) / max(l, v)``: 1, alike, down to 0. D + R is at most 1."""
    mean_diversity: float
    """The arithmetic mean instead, which one direction alone cannot bring to 0."""
    mean_relevance: float
    """Likewise; the two arithmetic means add up to 1."""
    buyer: Variances
    """l: the buyer's variance along each direction, descending."""
    seller: Variances
    """v: what the seller's covariance makes of it, its length."""

    @property
    def per_direction(self) -> tuple[Variances, Variances]:
        """Diversity and relevance of each direction alone; they add up to 1."""
        larger = np.maximum(self.buyer, self.seller)
        return np.abs(self.buyer - self.seller) / larger, np.minimum(self.buyer, self.seller) / larger

    def plot(self, ax: Axes | None = None) -> Axes:
        """Both spreads by direction."""
        ax = panel(ax)
        places = np.arange(1, len(self.buyer) + 1)
        ax.plot(places, self.buyer, "o-", label="buyer")
        ax.plot(places, np.maximum(self.seller, FLOOR), "D-", label="seller")
        ax.set(yscale="log", xlabel="principal direction of the buyer", ylabel="variance along it")
        ax.set_title(f"relevance {self.relevance:.2f}, diversity {self.diversity:.2f}")
        ax.legend()
        return ax


@checked
def diversity_relevance(Xb: Any, Xs: Any, rel_tol: float = 1e-2) -> DiversityRelevance:
    """Diversity D and relevance R of a seller's features for a buyer.

    With the eigenpairs (l, u) of the buyer's covariance, ``v = ||cov(Xs) u||``. The rows of the two need not
    correspond, nor be as many; neither shift nor order of rows matters, and no rotation of both together.

    Args:
        Xb: the buyer's features ``[rows, features]``, array or tensor.
        Xs: the seller's, with the same columns.
        rel_tol: directions with a variance of at most so much of the largest are left out.

    Raises:
        InputError: no finite matrices of at least two rows, unequal numbers of columns, or a buyer's features that
            are all constant.

    Source: the measures are those of the authors' earlier paper (arXiv 2208.12354); its cut-off is unconfirmed.

    >>> import torch
    >>> x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    >>> found = diversity_relevance(x, 3 * x)
    >>> round(found.relevance, 4), round(found.diversity, 4)
    (0.1111, 0.8889)
    """
    variances, directions = principal_directions(Xb, rel_tol, called="Xb")
    return compare(variances, variances_along(Xs, directions, called="Xs"))


def principal_directions(
    X: Any, rel_tol: float = 1e-2, *, called: str = "X"
) -> tuple[Variances, Float[np.ndarray, "features directions"]]:
    """Variances along the principal directions of the rows, descending, and the directions as columns."""
    check_tolerance(rel_tol)
    rows = feature_matrix(X, called)
    centred = rows - rows.mean(0)
    _, lengths, directions = np.linalg.svd(centred, full_matrices=False)
    variances = lengths**2 / (len(rows) - 1)
    # Rounding leaves about so much of a constant column.
    noise = (np.finfo(float).eps * np.abs(rows).max() * len(rows)) ** 2
    require(variances[0] > noise, f"{called} must vary: all its columns are constant")
    kept = variances > rel_tol * variances[0]
    return variances[kept], np.ascontiguousarray(directions[kept].T)


def variances_along(X: Any, directions: Float[np.ndarray, "features directions"], *, called: str = "X") -> Variances:
    """``||cov(X) u||`` for each direction u, without the covariance itself."""
    rows = feature_matrix(X, called)
    require(
        rows.shape[1] == len(directions),
        f"{called} must have {len(directions)} columns, as the buyer's features do, got {rows.shape[1]}",
    )
    centred = rows - rows.mean(0)
    return np.linalg.norm(centred.T @ (centred @ directions), axis=0) / (len(rows) - 1)


def compare(buyer: Variances, seller: Variances) -> DiversityRelevance:
    """The measures from the variances alone."""
    require(len(buyer) == len(seller) > 0, f"there must be as many variances on both sides, got {len(seller)}")
    larger = np.maximum(buyer, seller)
    relevance, diversity = np.minimum(buyer, seller) / larger, np.abs(buyer - seller) / larger
    return DiversityRelevance(
        _geometric_mean(diversity),
        _geometric_mean(relevance),
        float(diversity.mean()),
        float(relevance.mean()),
        buyer,
        seller,
    )


def _geometric_mean(values: Variances) -> float:
    return float(np.exp(np.log(np.maximum(values, FLOOR)).mean()))


def smoothed_features(graph: GraphLike, X: Any, hops: int) -> Matrix:
    """``S^hops X`` with ``S = D^-1/2 (A + I) D^-1/2``: features averaged over neighbours.

    This brings structure into the features again, which the measures otherwise keep apart.
    """
    check_hops("hops", hops)
    rows = feature_matrix(X, "X")
    adjacency = as_adjacency(graph, weighted=True)
    nodes = adjacency.shape[0]
    require(len(rows) == nodes, f"X must have one row a node, {nodes}, got {len(rows)}")
    operator = propagator(edge_index_of(adjacency), nodes, edge_weights_of(adjacency))
    values = torch.from_numpy(rows)
    for _ in range(hops):
        values = operator @ values
    return values.numpy()


def feature_matrix(X: Any, called: str) -> Matrix:
    """``X`` as float64 ``[rows, features]``, or an error that says what is wrong with it."""
    try:
        given = np.asarray(X.detach().cpu().double() if isinstance(X, Tensor) and not X.is_complex() else X)
        rows = given.astype(np.float64) if given.dtype.kind in "biuf" else np.empty(0)
    except (TypeError, ValueError):
        rows = np.empty(0)
    require(rows.ndim == 2 and rows.size > 0, f"{called} must be numbers [rows, features], got {_told(X)}")
    require(len(rows) >= 2, f"{called} must have at least two rows to have a covariance, got {len(rows)}")
    require(np.isfinite(rows).all(), f"{called} must be finite, got NaN or infinity")
    largest = float(np.abs(rows).max())
    require(
        largest == 0 or _SMALLEST < largest < _LARGEST,
        f"{called} must be of a size whose square can be told, from {_SMALLEST:g} to {_LARGEST:g}, got {largest:g}",
    )
    return rows


def check_hops(name: str, hops: int) -> None:
    """Raise `InputError` unless this can be a number of averagings."""
    whole = isinstance(hops, int) and not isinstance(hops, bool) and hops >= 0
    require(whole, f"{name} must be a whole number and not negative, got {hops!r}")


def check_tolerance(rel_tol: float) -> None:
    """Raise `InputError` unless this is a share from 0 to below 1."""
    require(isinstance(rel_tol, int | float) and 0 <= rel_tol < 1, f"rel_tol must be in [0, 1), got {rel_tol!r}")


def _told(X: Any) -> str:
    shape = getattr(X, "shape", None)
    return type(X).__name__ if shape is None else f"shape {tuple(shape)}"
