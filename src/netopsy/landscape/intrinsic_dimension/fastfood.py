"""A structured random matrix that is multiplied in O(D log D) and kept in O(D) memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from netopsy.core.arguments import checked_class
from netopsy.core.seeds import check_seed, generator
from netopsy.landscape.intrinsic_dimension.projections import Projection
from netopsy.landscape.intrinsic_dimension.transform import transformed


@checked_class
class FastfoodProjection(Projection):
    """``H G Pi H B``, cut to D rows and d columns (Le et al. 2013, as in Li et al. 2018, section S7).

    B holds random signs, H is the Walsh-Hadamard transform over L, the least power of two that is at least D, Pi a
    permutation, G Gaussian. One transform for the whole network. All is divided by ``sqrt(D * sum(G^2))``: columns have
    length 1 where D is a power of two, and otherwise in mean square over the draws. The columns of a smaller d are the
    first of a larger one, for the same seed.

    Only the first d of L coordinates are not 0, so that the first transform needs no more than the least power of two
    that is at least d: over L it would repeat itself.

    Args:
        full, dimension: D and d, the number of rows and of columns.
        seed: of the draw.

    Raises:
        InputError: d below 1 or above D.

    >>> FastfoodProjection(64, 3).to_matrix().norm(dim=0)
    tensor([1.0000, 1.0000, 1.0000])
    """

    nested = True
    signs: Tensor
    order: Tensor
    inverse: Tensor
    gaussian: Tensor

    def __init__(self, full: int, dimension: int, *, seed: int = 0) -> None:
        check_seed(seed)
        super().__init__(full, dimension)
        random, length, few = generator(seed), _power_of_two(full), _power_of_two(dimension)
        signs = 2.0 * torch.randint(2, (length,), generator=random) - 1
        permutation = torch.randperm(length, generator=random)
        gaussian = torch.randn(length, generator=random)
        scale = float(full * gaussian.double().square().sum()) ** 0.5
        self.seed = seed
        self.register_buffer("signs", signs[:few].clone(), persistent=False)
        self.register_buffer("order", permutation % few, persistent=False)
        self.register_buffer("inverse", permutation.argsort(), persistent=False)
        self.register_buffer("gaussian", gaussian / scale, persistent=False)

    def first(self, dimension: int) -> FastfoodProjection:
        """Drawn again with fewer columns, which are the same."""
        fewer = FastfoodProjection(self.full, dimension, seed=self.seed)
        return fewer.to(device=self.gaussian.device, dtype=self.gaussian.dtype)

    def _project(self, z: Tensor) -> Tensor:
        return _Fastfood.apply(z, self.signs, self.order, self.inverse, self.gaussian, self.full)

    def _transpose(self, gradient: Tensor) -> Tensor:
        return _Transposed.apply(gradient, self.signs, self.order, self.inverse, self.gaussian, self.dimension)


class _Fastfood(torch.autograd.Function):
    """``P z``. The four vectors of the matrix may have leading axes of their own, a matrix for each."""

    @staticmethod
    def forward(z: Tensor, signs: Tensor, order: Tensor, inverse: Tensor, gaussian: Tensor, full: int) -> Tensor:
        few = transformed(pad(z, (0, signs.shape[-1] - z.shape[-1])) * signs)
        return transformed(_taken(few, order) * gaussian)[..., :full]

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.dimension, ctx.full = inputs[0].shape[-1], inputs[5]
        ctx.save_for_backward(*inputs[1:5])
        ctx.save_for_forward(*inputs[1:5])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _Transposed.apply(gradient, *ctx.saved_tensors, ctx.dimension), None, None, None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: Any) -> Any:
        return _Fastfood.apply(tangent, *ctx.saved_tensors, ctx.full)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *given: Any) -> Any:
        return _Fastfood.apply(*_batched(info.batch_size, in_dims, given)), 0


class _Transposed(torch.autograd.Function):
    """``P^T gradient``: the same factors the other way round."""

    @staticmethod
    def forward(
        gradient: Tensor, signs: Tensor, order: Tensor, inverse: Tensor, gaussian: Tensor, dimension: int
    ) -> Tensor:
        length, few = inverse.shape[-1], signs.shape[-1]
        back = _taken(transformed(pad(gradient, (0, length - gradient.shape[-1]))) * gaussian, inverse)
        folded = back.unflatten(-1, (length // few, few)).sum(-2)
        return (transformed(folded) * signs)[..., :dimension]

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.full, ctx.dimension = inputs[0].shape[-1], inputs[5]
        ctx.save_for_backward(*inputs[1:5])
        ctx.save_for_forward(*inputs[1:5])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Any:
        return _Fastfood.apply(gradient, *ctx.saved_tensors, ctx.full), None, None, None, None, None

    @staticmethod
    def jvp(ctx: Any, tangent: Tensor, *_: Any) -> Any:
        return _Transposed.apply(tangent, *ctx.saved_tensors, ctx.dimension)

    @staticmethod
    def vmap(info: Any, in_dims: Any, *given: Any) -> Any:
        return _Transposed.apply(*_batched(info.batch_size, in_dims, given)), 0


def _taken(vector: Tensor, index: Tensor) -> Tensor:
    if index.ndim == 1:
        return vector.index_select(-1, index)
    return vector.gather(-1, index.expand(*vector.shape[:-1], -1))


def _batched(size: int, in_dims: Any, given: Any) -> list[Any]:
    """The vector with the batch in front, and those of the matrix with axes that broadcast against it."""
    vector, *parts, length = given
    vector = vector.expand(size, *vector.shape) if in_dims[0] is None else vector.movedim(in_dims[0], 0)
    placed = []
    for part, at in zip(parts, in_dims[1:5], strict=True):
        own = part if at is None else part.movedim(at, 0)
        missing = 0 if at is None else vector.ndim - own.ndim
        placed.append(own.reshape(*own.shape[:1], *[1] * missing, *own.shape[1:]))
    return [vector, *placed, length]


def _power_of_two(least: int) -> int:
    return 1 << (least - 1).bit_length()
