"""Fastfood projections against the product with a dense matrix, and the transform against that of `hadamard-transform`.

A projection is timed there and back, as a step of training needs it.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from benchmarks.timing import Comparison, Growth
from netopsy.landscape.intrinsic_dimension import (
    DenseProjection,
    FastfoodProjection,
    Projection,
    SparseProjection,
    fwht,
)

FULL, DIMENSION = 100_000, 1_000


def benchmarks() -> Iterator[Comparison | Growth]:
    """D = 1e5 and d = 1e3; one transform over 2^17; growth with D at the root of it."""
    check()
    z, gradient = torch.randn(DIMENSION), torch.randn(FULL)
    dense = partial(there_and_back, DenseProjection(FULL, DIMENSION), z, gradient)
    for name, kind in (("fastfood", FastfoodProjection), ("sparse", SparseProjection)):
        ours = partial(there_and_back, kind(FULL, DIMENSION), z, gradient)
        yield Comparison(f"intrinsic_dimension_{name}", ours, dense, target=0.5, peer_name="dense matmul")
    try:
        from hadamard_transform import hadamard_transform
    except ImportError:
        print("hadamard-transform is not installed, so the transform is not compared with it.\n")
    else:
        x = torch.randn(8, 1 << 17)
        torch.testing.assert_close(fwht(x, normalize=True), hadamard_transform(x), rtol=1e-3, atol=1e-4)
        yield Comparison(
            "intrinsic_dimension_transform",
            partial(fwht, x, normalize=True),
            partial(hadamard_transform, x),
            target=1.0,
            peer_name="hadamard-transform",
        )
    for name, kind in (("fastfood", FastfoodProjection), ("sparse", SparseProjection), ("dense", DenseProjection)):
        yield Growth(
            f"intrinsic_dimension_{name}_growth",
            {
                full: partial(
                    there_and_back, kind(full, int(full**0.5)), torch.randn(int(full**0.5)), torch.randn(full)
                )
                for full in (10_000, 100_000, 1_000_000)
                if name != "dense" or full < 1_000_000
            },
            size_name="parameters",
        )


def there_and_back(projection: Projection, z: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """``P z`` and ``P^T g``."""
    return projection(z), projection.transpose(gradient)


def check() -> None:
    """Fastfood is what its matrix says, both ways."""
    projection = FastfoodProjection(1000, 30)
    matrix, z, gradient = projection.to_matrix(), torch.randn(30), torch.randn(1000)
    torch.testing.assert_close(projection(z), matrix @ z, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(projection.transpose(gradient), gradient @ matrix, rtol=1e-3, atol=1e-4)
