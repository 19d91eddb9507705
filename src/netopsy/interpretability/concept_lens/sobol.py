"""Total Sobol indices: how much of a function's variance goes when an input is held."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import check_seed


@checked
def sobol_total(
    function: Callable[[Tensor], Tensor], dim: int, n: int = 32, *, scramble: bool = False, seed: int = 0
) -> Float[Tensor, "*outputs dim"]:
    """Total Sobol indices of a function of ``dim`` independent inputs, each uniform on [0, 1].

    Two point sets A and B come from one Halton sequence of twice the dimension. With A_i the points of A whose i-th
    input is that of B, the index is ``sum (f(A) - f(A_i))^2 / (2 n Var f(A))`` (Jansen 1999).

    An unscrambled Halton sequence is poor in many dimensions: its first points lie on a line in the later ones. It is
    the default because the authors' library uses it.

    Args:
        function: from points ``[m, dim]`` to ``[m]``, or to ``[m, *outputs]`` for several functions at once.
        dim: inputs.
        n: points in A; the function is called on ``n (dim + 1)`` points at once.
        scramble: randomise the sequence by ``seed``.

    Returns:
        ``[dim]``, or ``[*outputs, dim]``; zeros where the function does not vary.

    Raises:
        InputError: fewer than 1 input or 2 points.

    Source: the Sobol estimator of Fel et al. 2021, as in the authors' library.

    >>> sobol_total(lambda x: x[:, 0], 2, n=64)
    tensor([..., 0.0000], dtype=torch.float64)
    """
    require(isinstance(dim, int) and dim >= 1, f"dim must be an int of at least 1, got {dim!r}")
    require(isinstance(n, int) and n >= 2, f"n must be an int of at least 2, got {n!r}")
    check_seed(seed)
    points = sobol_points(dim, n, scramble=scramble, seed=seed)
    values = function(points.flatten(0, 1))
    require(
        isinstance(values, Tensor) and values.ndim >= 1 and len(values) == n * (dim + 1),
        f"function must return one entry a point, {n * (dim + 1)}, got {tuple(getattr(values, 'shape', ()))}",
    )
    return indices_of(values.unflatten(0, (dim + 1, n)).movedim(1, -1).movedim(0, -2))


def sobol_points(dim: int, n: int, *, scramble: bool, seed: int) -> Float[Tensor, "sets n dim"]:
    """A, and for every input A with that input taken from B: ``[dim + 1, n, dim]``."""
    from scipy.stats import qmc

    drawn = qmc.Halton(2 * dim, scramble=scramble, rng=seed).random(n)
    first, second = torch.from_numpy(drawn).chunk(2, 1)
    points = first.expand(dim + 1, n, dim).clone()
    inputs = torch.arange(dim)
    points[inputs + 1, :, inputs] = second.T
    return points


def indices_of(values: Float[Tensor, "*outputs sets n"]) -> Float[Tensor, "*outputs dim"]:
    """The total indices from the values at `sobol_points`."""
    base, changed = values[..., :1, :], values[..., 1:, :]
    variance = base.var(-1, correction=0)
    varied = variance > torch.finfo(values.dtype).eps * base.square().mean(-1)
    half = (base - changed).square().mean(-1) / 2
    return torch.where(varied, half / torch.where(varied, variance, 1), 0)
