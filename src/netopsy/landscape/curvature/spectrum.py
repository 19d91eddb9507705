"""The density of all eigenvalues of a curvature, by stochastic Lanczos quadrature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from scipy.linalg import eigh_tridiagonal
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.drawing import panel
from netopsy.core.errors import require
from netopsy.core.progress import Task
from netopsy.core.seeds import generator
from netopsy.landscape.curvature.eigen import check_curvature
from netopsy.landscape.curvature.operators import Curvature
from netopsy.landscape.curvature.trace import random_signs

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Points and weights that stand for the eigenvalues: the mean of f over the spectrum is about the weighted sum of f
    over the points.
    """

    points: Float[Tensor, "points"]
    """In rising order."""
    weights: Float[Tensor, "points"]
    """Of each point; they sum to 1."""

    def density(self, at: Float[Tensor, "grid"], *, width: float | int) -> Float[Tensor, "grid"]:
        """The density at ``at``, every point widened to a Gaussian of standard deviation ``width``.

        Raises:
            InputError: a width that is not positive.
        """
        require(width > 0, f"width must be positive, got {width}")
        places = at.double()
        bells = torch.exp(-0.5 * ((places[:, None] - self.points) / width) ** 2) / (width * (2 * torch.pi) ** 0.5)
        return bells @ self.weights

    def share_below(self, value: float | int) -> float:
        """The share of eigenvalues below ``value``."""
        return float(self.weights[self.points < value].sum())

    def plot(self, ax: Axes | None = None) -> Axes:
        """The density on a logarithmic scale, each point as wide as a hundredth of the whole range."""
        axes = panel(ax)
        low, high = float(self.points[0]), float(self.points[-1])
        width = max(high - low, 1e-12) / 100
        places = torch.linspace(low - 4 * width, high + 4 * width, 500, dtype=torch.float64)
        axes.semilogy(places, self.density(places, width=width).clamp_min(1e-12))
        axes.set(xlabel="eigenvalue", ylabel="density")
        floor = float(self.weights[self.weights > 0].min()) / (width * 2.5)
        axes.set_ylim(bottom=max(floor / 3, 1e-9))
        return axes


@checked
def spectral_density(
    curvature: Curvature, *, steps: int = 40, samples: int = 4, seed: int | torch.Generator = 0
) -> Spectrum:
    """How the eigenvalues are spread, without computing them: Lanczos iterations from random vectors.

    Each of ``samples`` random vectors gives a tridiagonal matrix of ``steps`` rows, whose eigenvalues are the points
    of a Gaussian quadrature of the spectrum and whose eigenvectors' first entries, squared, are its weights.

    Source: Ghorbani et al. 2019, An investigation into neural net optimization via Hessian eigenvalue density, section
    2; Golub and Welsch 1969.

    Args:
        curvature: from `hessian` or `gauss_newton`.
        steps: Lanczos steps, a product each; both ends of the spectrum are met first.
        samples: random vectors.

    Raises:
        InputError: ``steps`` or ``samples`` below 1, or something that is no curvature.

    >>> from netopsy.data import Dataset
    >>> from netopsy.landscape.curvature import hessian
    >>> data = Dataset(torch.eye(2) * torch.tensor([3.0, 1.0]).sqrt(), torch.zeros(2, 1))
    >>> found = spectral_density(hessian(torch.nn.Linear(2, 1, bias=False), data, loss="mse"), samples=1)
    >>> found.points.round(decimals=4).tolist(), found.weights.round(decimals=4).tolist()
    ([1.0, 3.0], [0.5, 0.5])
    """
    check_curvature(curvature)
    for name, value in (("steps", steps), ("samples", samples)):
        require(isinstance(value, int) and value > 0, f"{name} must be an int of at least 1, got {value!r}")
    random = generator(seed)
    points, weights = [], []
    with Task("spectrum", total=samples * min(steps, curvature.size)) as task:
        for _ in range(samples):
            diagonal, beside = _lanczos(curvature, random_signs(curvature, random), steps, task)
            values, vectors = eigh_tridiagonal(diagonal.numpy(), beside.numpy())
            points.append(torch.from_numpy(values))
            weights.append(torch.from_numpy(vectors[0] ** 2) / samples)
    every, order = torch.cat(points).sort()
    return Spectrum(every, torch.cat(weights)[order])


def _lanczos(curvature: Curvature, start: Tensor, steps: int, task: Task) -> tuple[Tensor, Tensor]:
    """The tridiagonal matrix, its diagonal and what stands beside it; all vectors are kept orthogonal."""
    vector = start / start.norm()
    basis = [vector]
    diagonal: list[float] = []
    beside: list[float] = []
    for step in range(min(steps, curvature.size)):
        ahead = curvature(vector)
        task.advance()
        diagonal.append(float(ahead.double() @ vector.double()))
        known = torch.stack(basis)
        for _ in range(2):  # once is not enough in finite precision
            ahead = ahead - known.T @ (known @ ahead)
        length = float(ahead.norm())
        scale = max(abs(each) for each in (*diagonal, *beside, 1e-30))
        if length <= 10 * torch.finfo(curvature.dtype).eps * scale or step + 1 == min(steps, curvature.size):
            break  # the space is exhausted
        beside.append(length)
        vector = ahead / length
        basis.append(vector)
    return torch.tensor(diagonal, dtype=torch.float64), torch.tensor(beside, dtype=torch.float64)
