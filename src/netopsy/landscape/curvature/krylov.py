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
    basis, images = _krylov(curvature, steps, generator(seed))
    inside = (basis.double() @ images.double().T).cpu()
    values, vectors = torch.linalg.eigh((inside + inside.T) / 2)
    highest = vectors[:, -1].to(basis)
    vector, value = highest @ basis, values[-1].to(basis)
    residual = (highest @ images - value * vector).norm()
    top = Eigenpairs(value[None], vector[:, None] / vector.norm(), residual[None], len(basis))
    return Glimpse(top, Spectrum(values, vectors[0] ** 2))


def _krylov(
    curvature: Curvature, steps: int, random: torch.Generator
) -> tuple[Float[Tensor, "steps size"], Float[Tensor, "steps size"]]:
    """Orthonormal vectors, the first of random signs, and their products."""
    start = random_signs(curvature, random)
    vector = start / start.norm()
    basis: list[Tensor] = []
    images: list[Tensor] = []
    for _ in track(range(min(steps, curvature.size)), "spectrum"):
        basis.append(vector)
        images.append(curvature(vector))
        known, ahead = torch.stack(basis), images[-1]
        for _ in range(2):  # once is not enough in finite precision
            ahead = ahead - known.T @ (known @ ahead)
        length = ahead.norm()
        if length <= 10 * torch.finfo(curvature.dtype).eps * images[0].norm():
            break  # the space is exhausted
        vector = ahead / length
    return torch.stack(basis), torch.stack(images)
