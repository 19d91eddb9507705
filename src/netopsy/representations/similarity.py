"""How alike two representations of the same samples are: centred kernels and their alignment (CKA)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.batches import check_finite
from netopsy.core.errors import require

_STILL = 1e-12
"""Share of a kernel's size below which what is left after centring is rounding."""


@checked
def center(kernel: Float[Tensor, "*batch samples samples"]) -> Float[Tensor, "*batch samples samples"]:
    """``H K H`` with ``H = I - 1/n``: the kernel of the features after their mean is taken away.

    >>> center(torch.ones(3, 3)).abs().max().item()
    0.0
    """
    rows, columns = kernel.mean(-1, keepdim=True), kernel.mean(-2, keepdim=True)
    return kernel - rows - columns + rows.mean(-2, keepdim=True)


@checked
def center_without_diagonal(
    kernel: Float[Tensor, "*batch samples samples"],
) -> Float[Tensor, "*batch samples samples"]:
    """The U-centred kernel: of independent features, inner products with another one are 0 in the mean.

    Song et al. 2012, equation 5 as an inner product: the diagonal, which a sample shares with itself alone, counts for
    nothing.

    Raises:
        InputError: fewer than four samples.
    """
    n = kernel.shape[-1]
    require(n >= 4, f"a kernel without its diagonal needs at least 4 samples, got {n}")
    apart = kernel - torch.diag_embed(kernel.diagonal(dim1=-2, dim2=-1))
    rows, columns = apart.sum(-1, keepdim=True) / (n - 2), apart.sum(-2, keepdim=True) / (n - 2)
    found = apart - rows - columns + apart.sum((-2, -1), keepdim=True) / ((n - 1) * (n - 2))
    return found - torch.diag_embed(found.diagonal(dim1=-2, dim2=-1))


@checked
def kernel_alignment(a: Tensor, b: Tensor, *, debiased: bool = False) -> Tensor:
    """Alignment of two kernels over the same samples after centring, ``<a, b> / (|a| |b|)``; one number a pair.

    Centred kernel alignment (Cortes, Mohri and Rostamizadeh 2012). A kernel that is 0 once centred has no direction:
    NaN, and a warning.

    Args:
        a, b: ``[*batch, samples, samples]``; leading axes broadcast.
        debiased: with `center_without_diagonal`, whose mean over noise is that of the kernels without it.

    Raises:
        InputError: kernels that are not square or of another size, fewer than two samples (four for ``debiased``), or
            values that are not finite.

    >>> labels = torch.tensor([1.0, 1.0, -1.0, -1.0])
    >>> round(kernel_alignment(torch.eye(4), torch.outer(labels, labels)).item(), 5)
    0.57735
    """
    for name, kernel in (("a", a), ("b", b)):
        square = kernel.ndim >= 2 and kernel.shape[-1] == kernel.shape[-2]
        require(square, f"{name} must be [*batch, samples, samples], got {list(kernel.shape)}")
        require(kernel.shape[-1] >= 2, f"{name} must be over at least 2 samples, got {kernel.shape[-1]}")
        check_finite(kernel, name)
    require(a.shape[-1] == b.shape[-1], f"a and b must be over the same samples, got {a.shape[-1]} and {b.shape[-1]}")
    found = (_unit(a, debiased) * _unit(b, debiased)).sum((-2, -1))
    return _told(found).to(torch.promote_types(a.dtype, b.dtype))


@checked
def cka(x: Tensor, y: Tensor, *, debiased: bool = False) -> float:
    """Linear CKA of two representations of the same samples (Kornblith et al. 2019).

    It is 1 for representations that differ by an orthogonal map, a scale and an offset. The cost follows the smaller
    of samples and units.

    Args:
        x, y: ``[samples, ...]``, a row a sample; what follows is flattened.
        debiased: see `kernel_alignment`; needed where units are not few beside samples.

    Raises:
        InputError: another number of samples, fewer than two (four), or values that are not finite.

    >>> x = torch.tensor([[0.0, 1.0], [2.0, 0.0], [1.0, 3.0], [4.0, 1.0]])
    >>> round(cka(x, 5 * x.flip(1) + 1), 6)
    1.0
    """
    a, b = _rows("x", x), _rows("y", y)
    require(len(a) == len(b), f"x and y must be of the same samples, got {len(a)} and {len(b)} rows")
    if debiased or a.shape[1] * b.shape[1] > len(a) ** 2:
        return kernel_alignment(a @ a.T, b @ b.T, debiased=debiased).item()
    sizes = [(part.T @ part).norm() for part in (a, b)]
    still = any(part.norm() <= _STILL * given.double().norm() for part, given in ((a, x), (b, y)))
    crossed = (a.T @ b).square().sum() / (sizes[0] * sizes[1])
    return _told(torch.full_like(crossed, torch.nan) if still else crossed).item()


@checked
def cka_matrix(
    xs: Sequence[Tensor], ys: Sequence[Tensor], *, debiased: bool = False
) -> Float[Tensor, "layers_x layers_y"]:
    """`cka` of every representation in ``xs`` with every one in ``ys``, such as the layers of two networks.

    Holds one kernel ``[samples, samples]`` a representation.

    Raises:
        InputError: see `cka`; or an empty list.

    >>> a, b = torch.randn(8, 3), torch.randn(8, 5)
    >>> cka_matrix([a, b], [a, 2 * b]).diagonal().round(decimals=6).tolist()
    [1.0, 1.0]
    """
    require(len(xs) > 0 and len(ys) > 0, "xs and ys must each hold at least one representation")
    rows = {"xs": [_rows("xs", x) for x in xs], "ys": [_rows("ys", y) for y in ys]}
    counts = sorted({len(each) for part in rows.values() for each in part})
    require(len(counts) == 1, f"all representations must be of the same samples, got rows {counts}")
    first, second = (torch.stack([_unit(each @ each.T, debiased).flatten() for each in part]) for part in rows.values())
    return _told(first @ second.T).to(torch.promote_types(xs[0].dtype, ys[0].dtype))


def _unit(kernel: Tensor, debiased: bool) -> Tensor:
    """The centred kernel, of size 1; NaN where nothing is left of it."""
    wide = kernel.double()
    centred = center_without_diagonal(wide) if debiased else center(wide)
    size = torch.linalg.matrix_norm(centred)[..., None, None]
    given = torch.linalg.matrix_norm(wide)[..., None, None]
    return torch.where(size > _STILL * given, centred / size, torch.nan)


def _rows(name: str, given: Tensor) -> Tensor:
    require(given.ndim >= 2, f"{name} must be [samples, ...], got shape {list(given.shape)}")
    require(len(given) >= 2, f"{name} must be of at least 2 samples, got {len(given)}")
    check_finite(given, name)
    flat = given.flatten(1).double()
    return flat - flat.mean(0)


def _told(found: Tensor) -> Tensor:
    if found.isnan().any():
        warnings.warn("a representation is the same for every sample: its alignment is not defined (NaN)", stacklevel=3)
    return found
