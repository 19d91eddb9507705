"""Random kernels whose alignment with the labels is set in advance, exactly."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import check_seed

Array = NDArray[np.float64]
_ROUNDING = 1e-9


@checked
def label_kernel(labels: Tensor) -> Float[Tensor, "conditions conditions"]:
    """The centred kernel ``H Y Y^T H`` of labels ``[conditions, bits]``, scaled to a trace of the number of conditions.

    Raises:
        InputError: labels other than -1 and 1, a bit that is the same for all conditions, or fewer than 2 conditions.

    >>> label_kernel(torch.tensor([[1.0], [-1.0]])).tolist()
    [[1.0, -1.0], [-1.0, 1.0]]
    """
    check_labels(labels)
    bits = labels.double()
    bits = bits - bits.mean(0)
    kernel = bits @ bits.T
    return kernel * (len(labels) / kernel.trace())


@checked
def aligned_kernel(
    labels: Tensor, alignment: float | int, *, rank: int | None = None, scale: float | int = 0.5, seed: int = 0
) -> Float[Tensor, "conditions conditions"]:
    """A random input kernel whose centred alignment (CKA) with that of the labels is ``alignment``, to rounding.

    A random kernel is moved along a straight line, towards the label kernel or towards a random kernel orthogonal to
    it, to the point with the alignment asked for: a quadratic equation. It is positive semidefinite, its rows sum to
    0, and its trace is the number of conditions. Unstructured (isotropic) inputs have an alignment of
    ``sqrt(bits / (conditions - 1))``.

    Args:
        labels: ``[conditions, bits]`` of -1 and 1.
        alignment: 0 to 1.
        rank: of the random kernel, at most ``conditions - 1``, the default; moving towards the labels adds theirs.
        scale: how uneven the spectrum is, a Dirichlet draw with concentration ``1 / scale``; 0 is isotropic.

    Returns:
        In float64.

    Raises:
        InputError: see `label_kernel`; an alignment outside [0, 1] or out of reach, a rank that does not exceed that
            of the label kernel with an alignment above 0, or a negative scale.

    >>> from netopsy.representations.similarity import kernel_alignment
    >>> labels = torch.tensor([[1.0], [1.0], [-1.0], [-1.0]])
    >>> round(kernel_alignment(aligned_kernel(labels, 0.3), label_kernel(labels)).item(), 8)
    0.3
    """
    target = label_kernel(labels).cpu().numpy()
    count = len(target)
    require(0 <= alignment <= 1, f"alignment must lie between 0 and 1, got {alignment}")
    require(scale >= 0 and math.isfinite(scale), f"scale must be at least 0, got {scale}")
    rank = count - 1 if rank is None else rank
    require(1 <= rank < count, f"rank must lie between 1 and {count - 1}, got {rank}")
    check_seed(seed)
    values, vectors = np.linalg.eigh(target)
    coded = vectors[:, values > _ROUNDING * count]
    bits = coded.shape[1]
    require(
        alignment == 0 or rank > bits or bits == count - 1,
        f"rank must exceed that of the labels, {bits}, for an alignment above 0, got {rank}",
    )
    random = np.random.default_rng(seed)
    if alignment == 0:  # a draw from the kernels orthogonal to the labels needs no line
        free = _complement(np.column_stack([np.ones(count), coded]))
        require(free.shape[1] > 0, f"alignment 0 is out of reach: {bits} bits leave no free direction")
        found = _random_kernel(_some(free, min(rank, free.shape[1]), random), scale, random)
        return torch.from_numpy(found)
    basis = _some(_complement(np.ones((count, 1))), rank, random)
    start = _random_kernel(basis, scale, random)
    unit = target / np.linalg.norm(target)
    if (start * unit).sum() < alignment * np.linalg.norm(start):
        end = target
    else:
        inside = basis @ _complement(basis.T @ coded)
        require(inside.shape[1] > 0, f"an alignment as low as {alignment:g} is out of reach with {bits} bits")
        end = _random_kernel(inside, scale, random)
    return torch.from_numpy(_on_the_line(start, end, unit, alignment))


@checked
def check_labels(labels: Tensor, name: str = "labels") -> None:
    """Raise `InputError` unless labels are ``[conditions, bits]`` of -1 and 1 with both in every column."""
    require(labels.ndim == 2 and labels.shape[1] > 0, f"{name} must be [conditions, bits], got {list(labels.shape)}")
    require(len(labels) >= 2, f"{name} must be of at least 2 conditions, got {len(labels)}")
    require(bool((labels.abs() == 1).all()), f"{name} must be -1 or 1 everywhere")
    constant = (labels == labels[:1]).all(0)
    require(
        not constant.any(), f"{name} must have both values in every bit; bit {int(constant.int().argmax())} has one"
    )


def _complement(columns: Array) -> Array:
    """An orthonormal basis of all that is orthogonal to the columns."""
    left, values, _ = np.linalg.svd(columns, full_matrices=True)
    return np.asarray(left[:, int((values > _ROUNDING).sum()) :])


def _some(basis: Array, rank: int, random: np.random.Generator) -> Array:
    """So many orthonormal directions of a basis' span, uniformly at random."""
    turned, triangle = np.linalg.qr(random.normal(size=(basis.shape[1], rank)))
    return np.asarray(basis @ (turned * np.sign(triangle.diagonal())))


def _random_kernel(basis: Array, scale: float | int, random: np.random.Generator) -> Array:
    count, rank = basis.shape
    spectrum = random.dirichlet(np.full(rank, 1 / scale)) if scale > 0 else np.full(rank, 1 / rank)
    return np.asarray((basis * (count * spectrum)) @ basis.T)


def _on_the_line(start: Array, end: Array, unit: Array, alignment: float | int) -> Array:
    """The kernel between two with ``<X, unit> = alignment |X|``."""
    step = end - start
    first, slope = float((start * unit).sum()), float((step * unit).sum())
    squares = alignment**2 * np.array([(step * step).sum(), 2 * (start * step).sum(), (start * start).sum()])
    a, b, c = np.array([slope**2, 2 * first * slope, first**2]) - squares
    root = math.sqrt(max(0.0, b * b - 4 * a * c))
    whole = -(b + math.copysign(root, b)) / 2  # the form without cancellation
    roots = [x / y for x, y in ((whole, a), (c, whole)) if y != 0]
    inside = [min(1.0, max(0.0, t)) for t in roots if -1e-6 <= t <= 1 + 1e-6 and first + t * slope >= -_ROUNDING]
    require(inside, f"an alignment of {alignment:g} is out of reach from this draw; choose another rank or seed")

    def apart(t: float) -> float:
        kernel = start + t * step
        return abs(float((kernel * unit).sum()) - alignment * float(np.linalg.norm(kernel)))

    return start + min(inside, key=apart) * step
