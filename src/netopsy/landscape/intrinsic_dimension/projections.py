"""Random directions in the space of all parameters: what the coordinates of a subspace are multiplied by."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked, checked_class
from netopsy.core.errors import lookup, require
from netopsy.core.seeds import check_seed, generator


class Projection(nn.Module, ABC):
    """A fixed matrix P of D rows and d columns: call it with coordinates, `transpose` it onto gradients.

    It is drawn on the CPU, so that a seed gives the same matrix on every device, and moves with ``to``.
    """

    nested = False
    """Whether that of a smaller d is the first columns of a larger one, and no cheaper."""

    def __init__(self, full: int, dimension: int) -> None:
        super().__init__()
        for name, value in (("full", full), ("dimension", dimension)):
            whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
            require(whole, f"{name} must be an int of at least 1, got {value!r}")
        require(dimension <= full, f"dimension must be at most the {full} parameters there are, got {dimension}")
        self.full, self.dimension = full, dimension

    def forward(self, z: Float[Tensor, "*batch d"]) -> Float[Tensor, "*batch D"]:
        """``P z``; autograd goes back through the transpose."""
        self._fits(z, self.dimension, "z")
        return self._project(z)

    def transpose(self, gradient: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch d"]:
        """``P^T gradient``, the exact transpose."""
        self._fits(gradient, self.full, "gradient")
        return self._transpose(gradient)

    @torch.no_grad()
    def to_matrix(self) -> Float[Tensor, "D d"]:
        """P itself, for looking at: it takes D times d numbers."""
        like = next(each for each in self.buffers() if each.is_floating_point())
        return self(torch.eye(self.dimension, dtype=like.dtype, device=like.device)).T.contiguous()

    @abstractmethod
    def first(self, dimension: int) -> Projection:
        """The projection of the first columns alone."""

    @abstractmethod
    def _project(self, z: Tensor) -> Tensor: ...

    @abstractmethod
    def _transpose(self, gradient: Tensor) -> Tensor: ...

    def extra_repr(self) -> str:
        """For people."""
        return f"full={self.full}, dimension={self.dimension}"

    def _fits(self, vector: Tensor, length: int, name: str) -> None:
        if not isinstance(vector, Tensor) or not vector.ndim or vector.shape[-1] != length:
            got = tuple(vector.shape) if isinstance(vector, Tensor) else type(vector).__name__
            require(False, f"{name} must be a tensor with a last axis of {length}, got {got}")


@checked_class
class MatrixProjection(Projection):
    """A matrix of the caller's own, such as the main directions of a training run.

    >>> MatrixProjection(torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]))(torch.tensor([2.0, 3.0])).tolist()
    [2.0, 3.0, 0.0]
    """

    columns: Tensor

    def __init__(self, matrix: Float[Tensor, "D d"]) -> None:
        known = isinstance(matrix, Tensor) and matrix.ndim == 2 and matrix.is_floating_point()
        require(known, "matrix must be a float tensor of D rows and d columns")
        require(bool(matrix.isfinite().all()), "matrix must be finite, got NaN or infinity")
        super().__init__(*matrix.shape)
        self.register_buffer("columns", matrix.detach().T.contiguous(), persistent=False)

    def first(self, dimension: int) -> MatrixProjection:
        """The matrix of the first columns."""
        return MatrixProjection(self.columns[:dimension].T)

    def _project(self, z: Tensor) -> Tensor:
        return z @ self.columns

    def _transpose(self, gradient: Tensor) -> Tensor:
        return gradient @ self.columns.T


@checked_class
class DenseProjection(MatrixProjection):
    """Gaussian entries, every column divided by its norm: O(d D) time and memory (Li et al. 2018, section S7).

    Args:
        full, dimension: D and d, the number of rows and of columns.
        seed: of the draw.

    Raises:
        InputError: d below 1 or above D.

    >>> DenseProjection(50, 3).to_matrix().norm(dim=0)
    tensor([1.0000, 1.0000, 1.0000])
    """

    def __init__(self, full: int, dimension: int, *, seed: int = 0) -> None:
        check_seed(seed)
        Projection.__init__(self, full, dimension)
        columns = torch.randn(dimension, full, generator=generator(seed))
        # In place: at the sizes at which this is still of use, a second copy is what no longer fits.
        columns /= columns.norm(dim=1, keepdim=True)
        self.seed = seed
        self.register_buffer("columns", columns, persistent=False)


def _kinds() -> dict[str, type[Projection]]:
    from netopsy.landscape.intrinsic_dimension.fastfood import FastfoodProjection
    from netopsy.landscape.intrinsic_dimension.sparse import SparseProjection

    return {"dense": DenseProjection, "sparse": SparseProjection, "fastfood": FastfoodProjection}


@checked
def make_projection(kind: str, full: int, dimension: int, *, seed: int = 0) -> Projection:
    """The projection of a name: ``dense``, ``sparse`` or ``fastfood``.

    Raises:
        InputError: an unknown name, or d below 1 or above D.

    >>> make_projection("sparse", 100, 4)
    SparseProjection(full=100, dimension=4)
    """
    make: type = lookup("projection", kind, _kinds())
    made: Projection = make(full, dimension, seed=seed)
    return made


def kind_of(projection: Projection) -> str:
    """The name that `make_projection` makes it again by; raises `InputError` for one that has no such name."""
    names = [name for name, kind in _kinds().items() if type(projection) is kind]
    require(
        names,
        f"a {type(projection).__name__} cannot be drawn again from a seed: take 'dense', 'sparse' or 'fastfood'",
    )
    return names[0]
