"""Random rotations of a layer's units, whole or in part: is there anything special about the units themselves?"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.errors import InputError, require
from netopsy.core.seeds import generator
from netopsy.core.shapes import Activations

Rotation = Float[Tensor, "units units"]
_ROUNDING = 1e-4


def random_rotation(units: int, *, seed: int | torch.Generator = 0) -> Rotation:
    """A rotation of ``units`` dimensions drawn uniformly: orthogonal, determinant +1, float64.

    The orthogonal factor of a Gaussian matrix, its signs set so that the diagonal of the other factor is positive; the
    first direction is turned round where the determinant would be -1.

    >>> turn = random_rotation(5)
    >>> bool((turn @ turn.T - torch.eye(5)).abs().max() < 1e-12), round(float(torch.linalg.det(turn)), 6)
    (True, 1.0)
    """
    require(isinstance(units, int) and units > 0, f"units must be an int of at least 1, got {units!r}")
    drawn = torch.randn(units, units, generator=generator(seed), dtype=torch.float64)
    basis, upper = torch.linalg.qr(drawn)
    basis = basis * upper.diagonal().sign()
    basis[:, 0] *= torch.linalg.det(basis).sign()
    return basis


def part_of(rotation: Rotation, share: float) -> Rotation:
    """The rotation gone a ``share`` of the way: ``exp(share log Q)``, which is the identity at 0 and Q at 1.

    Every plane that Q turns by an angle is turned by that share of it, the shorter way round.

    Source: Bau et al. 2017 (arXiv 1704.05796), section 3.2; as remembered, unconfirmed.

    >>> quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    >>> part_of(quarter, 0.5)
    tensor([[ 0.7071, -0.7071],
            [ 0.7071,  0.7071]])
    """
    check_rotation(rotation)
    require(bool(torch.linalg.det(rotation.double()) > 0), "rotation must have determinant +1, got a reflection")
    from scipy.linalg import schur

    # The real Schur form of an orthogonal matrix consists of 1, -1 and plane rotations along the diagonal.
    form, vectors = (torch.from_numpy(part) for part in schur(rotation.double().cpu().numpy(), output="real"))
    first = (form.diagonal(-1) != 0).nonzero().flatten()
    angle = torch.atan2(form[first + 1, first], form[first, first])
    alone = torch.ones(len(form), dtype=torch.bool)
    alone[first] = alone[first + 1] = False
    # Determinant +1: those that are turned round can be paired, each pair a plane turned by half a circle.
    turned = (alone & (form.diagonal() < 0)).nonzero().flatten()
    one, other = torch.cat([first, turned[::2]]), torch.cat([first + 1, turned[1::2]])
    angle = share * torch.cat([angle, torch.full((len(turned) // 2,), torch.pi, dtype=angle.dtype)])
    partly = torch.eye(len(form), dtype=form.dtype)
    partly[one, one] = partly[other, other] = angle.cos()
    partly[other, one], partly[one, other] = angle.sin(), -angle.sin()
    return (vectors @ partly @ vectors.T).to(rotation)


def rotated(maps: Activations, rotation: Rotation) -> Activations:
    """``Q a`` at every place of every image.

    >>> rotated(torch.ones(1, 2, 1, 1), torch.tensor([[0.0, -1.0], [1.0, 0.0]])).flatten().tolist()
    [-1.0, 1.0]
    """
    check_rotation(rotation, maps.shape[1])
    return torch.einsum("ij,bjhw->bihw", rotation.to(maps), maps)


def check_rotation(rotation: object, units: int | None = None) -> None:
    """Raise `InputError` unless ``rotation`` is an orthogonal matrix of the layer's units."""
    if not isinstance(rotation, Tensor) or rotation.ndim != 2 or rotation.shape[0] != rotation.shape[1]:
        got = tuple(rotation.shape) if isinstance(rotation, Tensor) else type(rotation).__name__
        raise InputError(f"rotation must be a square matrix [units, units], got {got}")
    wide = rotation.double()
    off = (wide @ wide.T - torch.eye(len(wide), dtype=wide.dtype, device=wide.device)).abs().max()
    require(bool(off < _ROUNDING), "rotation must be an orthogonal matrix, whose rows have length 1 and right angles")
    require(
        units is None or len(rotation) == units,
        f"rotation must be of the layer's {units} units, got one of {len(rotation)}",
    )
