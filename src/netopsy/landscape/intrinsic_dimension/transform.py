"""The fast Walsh-Hadamard transform."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require

BITS = 6
"""A pass is a product with a Hadamard matrix of up to 2^6 rows: the fewer passes, the less memory is read."""


@checked
def fwht(x: Shaped[Tensor, "*batch n"], *, normalize: bool = False) -> Shaped[Tensor, "*batch n"]:
    """The Walsh-Hadamard transform of the last axis, in O(n log n): ``H_n @ x`` for Sylvester's matrix of +1 and -1.

    Args:
        normalize: divide by the square root of n, which makes the transform its own inverse.

    Raises:
        InputError: a last axis whose length is no power of two, or values that are not floats.

    >>> fwht(torch.tensor([1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0])).tolist()
    [4.0, 2.0, 0.0, -2.0, 0.0, 2.0, 0.0, 2.0]
    """
    require(isinstance(x, Tensor) and x.is_floating_point(), f"x must be a float tensor, got {_seen(x)}")
    n = x.shape[-1] if x.ndim else 0
    require(n > 0 and n & (n - 1) == 0, f"the last axis of x must be a power of two long, got shape {tuple(x.shape)}")
    found: Tensor = _Transform.apply(x)
    return found / n**0.5 if normalize else found


class _Transform(torch.autograd.Function):
    """The matrix is symmetric, so the transform is its own gradient."""

    @staticmethod
    def forward(x: Tensor) -> Tensor:
        return transformed(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _Transform.apply(gradient)

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor) -> Any:
        return _Transform.apply(tangent)

    @staticmethod
    def vmap(info: Any, in_dims: Any, x: Tensor) -> Any:
        return _Transform.apply(x.movedim(in_dims[0], 0)), 0


def transformed(x: Tensor) -> Tensor:
    """`fwht` without checks and outside of autograd."""
    n, shape = x.shape[-1], x.shape
    bits, after = n.bit_length() - 1, 1
    passes = max(1, -(-bits // BITS))
    for number in range(passes):
        rows = 1 << (bits * (number + 1) // passes - bits * number // passes)
        matrix = _hadamard(rows, x.dtype, x.device)
        x = x.reshape(-1, rows) @ matrix if after == 1 else torch.matmul(matrix, x.reshape(-1, rows, after))
        after *= rows
    return x.reshape(shape)


@lru_cache(maxsize=64)
def _hadamard(rows: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    from scipy.linalg import hadamard

    return torch.from_numpy(hadamard(rows)).to(device=device, dtype=dtype)


def _seen(x: object) -> str:
    return str(x.dtype) if isinstance(x, Tensor) else type(x).__name__
