"""The largest eigenvalues of a curvature, and the whole matrix where it is small."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigsh
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.core.numbers import Array
from netopsy.core.progress import Task
from netopsy.core.seeds import generator
from netopsy.landscape.curvature.operators import Curvature

SMALL = 32
"""Up to so many parameters the whole matrix costs no more than the iteration."""
LARGEST = 20_000
"""Parameters up to which the matrix is formed: 3 GiB in double precision."""


@dataclass(frozen=True, eq=False)
class Eigenpairs:
    """The algebraically largest eigenvalues of a curvature with their vectors."""

    values: Float[Tensor, "k"]
    """In falling order."""
    vectors: Float[Tensor, "size k"]
    """Of unit length, a column each; the entry of largest size is positive."""
    residuals: Float[Tensor, "k"]
    """Length of ``matrix @ vector - value * vector``: what the eigenvalue is at most off by."""
    products: int
    """Products with a vector that were needed."""


@checked
def top_eigenpairs(
    curvature: Curvature,
    k: int = 1,
    *,
    v0: Float[Tensor, "size"] | None = None,
    tolerance: float | int = 1e-4,
    max_products: int = 2000,
    seed: int | torch.Generator = 0,
) -> Eigenpairs:
    """The ``k`` largest eigenvalues, in the algebraic order, and their eigenvectors.

    Implicitly restarted Lanczos iteration, ARPACK's through `scipy.sparse.linalg.eigsh`: unlike power iteration it
    never mistakes a negative eigenvalue of large size for the top one, and needs a fraction of the products. A few
    parameters are solved exactly.

    Args:
        curvature: from `hessian` or `gauss_newton`.
        v0: where to start, such as the top eigenvector a few training steps ago; saves products.
        tolerance: of the residual, relative to the eigenvalue; an eigenvalue that stands apart is off by about the
            square of it.
        max_products: gives up beyond about so many products.
        seed: for the start, without ``v0``.

    Raises:
        InputError: ``k`` out of range, ``v0`` of another length or not finite, or no convergence.

    >>> from netopsy.data import Dataset
    >>> from netopsy.landscape.curvature import hessian
    >>> data = Dataset(torch.eye(2) * torch.tensor([3.0, 1.0]).sqrt(), torch.zeros(2, 1))
    >>> model = torch.nn.Linear(2, 1, bias=False)
    >>> top_eigenpairs(hessian(model, data, loss="mse"), k=2).values
    tensor([3., 1.])
    """
    check_curvature(curvature)
    size = curvature.size
    whole = isinstance(k, int) and not isinstance(k, bool) and 1 <= k <= size
    require(whole, f"k must be an int between 1 and the number of parameters, {size}, got {k!r}")
    require(0 < tolerance < 1, f"tolerance must lie strictly between 0 and 1, got {tolerance}")
    require(max_products > 0, f"max_products must be at least 1, got {max_products}")
    start = _start(curvature, v0, seed)
    before = curvature.products
    if size <= max(SMALL, k):
        values, vectors = np.linalg.eigh(dense(curvature).double().cpu().numpy())
    else:
        values, vectors = _iterate(curvature, k, start, float(tolerance), max_products)
    order = np.argsort(values)[::-1][:k]
    found = torch.from_numpy(np.ascontiguousarray(vectors[:, order])).to(curvature.dtype).to(curvature.device)
    found = found * found.gather(0, found.abs().argmax(0, keepdim=True)).sign()
    tops = torch.from_numpy(values[order].copy()).to(found)
    off = [(curvature(found[:, i]) - tops[i] * found[:, i]).norm() for i in range(k)]
    return Eigenpairs(tops, found, torch.stack(off), curvature.products - before)


def _iterate(curvature: Curvature, k: int, start: Array, tolerance: float, most: int) -> tuple[Array, Array]:
    size = curvature.size
    space = min(size, max(2 * k + 1, 10))  # a larger one is filled before convergence is looked at
    with Task("top eigenvalues") as task:

        def product(vector: Array) -> Array:
            task.advance()
            along = torch.from_numpy(np.ascontiguousarray(vector.reshape(-1)))
            return curvature(along).double().cpu().numpy()

        matrix = LinearOperator((size, size), matvec=product, dtype=np.float64)
        try:
            return eigsh(matrix, k, which="LA", v0=start, tol=tolerance, ncv=space, maxiter=max(1, most // space))
        except ArpackNoConvergence as error:
            raise InputError(
                f"the top {k} eigenvalues did not converge to a tolerance of {tolerance:g} within "
                f"max_products={most}: raise one of the two"
            ) from error


@checked
def dense(curvature: Curvature) -> Float[Tensor, "size size"]:
    """The whole matrix, a column a product, made symmetric.

    Raises:
        InputError: more parameters than a matrix in memory allows.

    >>> from netopsy.data import Dataset
    >>> from netopsy.landscape.curvature import hessian
    >>> data = Dataset(torch.eye(2) * torch.tensor([3.0, 1.0]).sqrt(), torch.zeros(2, 1))
    >>> matrix = dense(hessian(torch.nn.Linear(2, 1, bias=False), data, loss="mse"))
    >>> matrix.diag()
    tensor([3., 1.])
    """
    check_curvature(curvature)
    size = curvature.size
    require(size <= LARGEST, f"the whole matrix is formed for at most {LARGEST:,} parameters, got {size:,}")
    unit = torch.eye(size, dtype=curvature.dtype, device=curvature.device)
    found = torch.stack([curvature(row) for row in unit])
    return (found + found.T) / 2


def check_curvature(curvature: object) -> None:
    """Raise `InputError` unless it is one."""
    require(
        isinstance(curvature, Curvature),
        f"curvature must come from hessian() or gauss_newton(), got {type(curvature).__name__}",
    )


def _start(curvature: Curvature, v0: Tensor | None, seed: int | torch.Generator) -> Array:
    size = curvature.size
    if v0 is None:
        return torch.randn(size, generator=generator(seed), dtype=torch.float64).numpy()
    got = tuple(v0.shape) if isinstance(v0, Tensor) else type(v0).__name__
    require(isinstance(v0, Tensor) and v0.shape == (size,), f"v0 must be a tensor of shape ({size},), got {got}")
    start: Array = v0.detach().double().cpu().numpy()
    require(np.isfinite(start).all() and start.any(), "v0 must be finite and not zero")
    return start
