"""The trace of a curvature from products with random signs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.progress import track
from netopsy.core.seeds import generator
from netopsy.landscape.curvature.eigen import check_curvature
from netopsy.landscape.curvature.operators import Curvature


@dataclass(frozen=True)
class Trace:
    """An estimate of a trace and how far to trust it."""

    value: float
    error: float
    """Standard error over the random vectors; NaN for a single one."""
    samples: int
    """Random vectors."""


@checked
def hutchinson_trace(curvature: Curvature, *, samples: int = 32, seed: int | torch.Generator = 0) -> Trace:
    """The mean of ``v^T A v`` over vectors of random signs, whose expectation is the trace.

    Source: Hutchinson 1989, A stochastic estimator of the trace of the influence matrix.

    Args:
        curvature: from `hessian` or `gauss_newton`.
        samples: random vectors, a product each.

    Raises:
        InputError: ``samples`` below 1, or something that is no curvature.

    >>> from netopsy.data import Dataset
    >>> from netopsy.landscape.curvature import hessian
    >>> data = Dataset(torch.eye(2) * torch.tensor([3.0, 1.0]).sqrt(), torch.zeros(2, 1))
    >>> round(hutchinson_trace(hessian(torch.nn.Linear(2, 1, bias=False), data, loss="mse")).value, 5)  # diagonal
    4.0
    """
    check_curvature(curvature)
    require(isinstance(samples, int) and samples > 0, f"samples must be an int of at least 1, got {samples!r}")
    random = generator(seed)
    found = []
    for _ in track(range(samples), "trace"):
        signs = random_signs(curvature, random)
        found.append(float(signs.double() @ curvature(signs).double()))
    values = torch.tensor(found, dtype=torch.float64)
    error = float(values.std()) / math.sqrt(samples) if samples > 1 else math.nan
    return Trace(float(values.mean()), error, samples)


def random_signs(curvature: Curvature, random: torch.Generator) -> Tensor:
    """A vector of +1 and -1, drawn evenly."""
    drawn = torch.randint(0, 2, (curvature.size,), generator=random, device=random.device)
    return (2 * drawn - 1).to(curvature.dtype).to(curvature.device)
