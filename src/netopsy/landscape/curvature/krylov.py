"""Both ends of a curvature's spectrum, and how the rest is spread, from one short run of products."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.progress import track
from netopsy.core.seeds import generator
from netopsy.landscape.curvature.eigen import Eigenpairs, check_curvature
from netopsy.landscape.curvature.operators import Curvature
from netopsy.landscape.curvature.spectrum import Spectrum
from netopsy.landscape.curvature.trace import random_signs


@dataclass(frozen=True, eq=False)
class Glimpse:
    """What the products of a few steps say of a matrix."""

    top: Eigenpairs
    """The largest eigenvalue and its vector, as near as so many steps come: the residual says how near."""
    spectrum: Spectrum


@checked
def glimpse(curvature: Curvature, *, steps: int = 10, seed: int | torch.Generator = 0) -> Glimpse:
    """The largest eigenpair and the spectrum from one Lanczos run, for networks whose products are dear.

    The space that ``steps`` products of a vector of random signs span is searched for eigenpairs (Rayleigh and Ritz).
    Every eigenvalue that is found is at most as large as the true largest one.

    Args:
        curvature: from `hessian` or `gauss_newton`.
        steps: products.

    Raises:
        InputError: ``steps`` below 1, or something that is no curvature.

    >>> from netopsy.data import Dataset
    >>> from netopsy.landscape.curvature import hessian
    >>> data = Dataset(torch.eye(2) * torch.tensor([3.0, 1.0]).sqrt(), torch.zeros(2, 1))
    >>> found = glimpse(hessian(torch.nn.Linear(2, 1, bias=False), data, loss="mse"))
    >>> found.top.values.tolist(), round(float(found.top.residuals), 4), found.spectrum.points.round().tolist()
    ([3.0], 0.0, [1.0, 3.0])
    """
    check_curvature(curvature)
    require(isinstance(steps, int) and steps > 0, f"steps must be an int of at least 1, got {steps!r}")
    basis, inside, beyond = _krylov(curvature, steps, generator(seed))
    values, vectors = torch.linalg.eigh(inside, UPLO="U")
    vector = vectors[:, -1].to(basis) @ basis
    residual = beyond * vectors[-1, -1].abs()
    top = Eigenpairs(values[-1:].to(basis), vector[:, None] / vector.norm(), residual[None].to(basis), len(basis))
    return Glimpse(top, Spectrum(values, vectors[0] ** 2))


def _krylov(
    curvature: Curvature, steps: int, random: torch.Generator
) -> tuple[Float[Tensor, "steps size"], Float[Tensor, "steps steps"], float]:
    """Orthonormal vectors, the first of random signs; the matrix within their space; how far it leads out of it."""
    most = min(steps, curvature.size)
    basis = torch.empty(most, curvature.size, dtype=curvature.dtype, device=curvature.device)
    inside = torch.zeros(most, most, dtype=torch.float64)
    start = random_signs(curvature, random)
    basis[0] = start / start.norm()
    scale, length = 0.0, 0.0
    for step in track(range(most), "spectrum"):
        known, ahead = basis[: step + 1], curvature(basis[step])
        scale = max(scale, float(ahead.norm()))
        for _ in range(2):  # once is not enough in finite precision
            along = known @ ahead
            inside[: step + 1, step] += along.double().cpu()
            ahead = ahead - along @ known
        length = float(ahead.norm())
        if length <= 10 * torch.finfo(curvature.dtype).eps * scale or step + 1 == most:
            return known, inside[: step + 1, : step + 1], length  # the space is exhausted, or so are the steps
        basis[step + 1] = ahead / length
    raise AssertionError
