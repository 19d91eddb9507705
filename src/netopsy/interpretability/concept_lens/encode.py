"""Codes of new activations in a known bank."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.errors import require
from netopsy.interpretability.concept_lens.checks import Bank, Rows


def non_negative_codes(
    activations: Rows, bank: Bank, *, alpha: float = 0.0, tol: float = 1e-4, max_iter: int = 200
) -> Float[Tensor, "rows concepts"]:
    """Non-negative least squares: the codes U >= 0 with the least ``|A - U V|^2``, for all rows at once.

    Accelerated proximal gradient steps (FISTA) on the concepts' Gram matrix alone, with the momentum taken back in the
    rows where it points uphill. Concepts are brought to length 1 meanwhile.

    It is differentiable in ``activations``, through the optimum and not through the steps: where a code is positive it
    moves as least squares on the positive concepts does, where it is 0 it stays.

    Args:
        activations: ``[rows, channels]``.
        bank: ``[concepts, channels]``.
        alpha: as in `nmf`.
        tol: a row is done when a step changes it by less than this share of its length.
        max_iter: steps at most.

    Source: the FISTA encoder of the authors' library; Beck and Teboulle 2009; O'Donoghue and Candes 2015 (restarts).

    >>> non_negative_codes(torch.tensor([[3.0, -1.0]]), torch.eye(2))
    tensor([[3., 0.]])
    """
    require(
        activations.ndim == 2 and activations.shape[1] == bank.shape[1],
        f"activations must be [rows, {bank.shape[1]}] for this bank, got {tuple(activations.shape)}",
    )
    require(max_iter >= 1, f"max_iter must be at least 1, got {max_iter}")
    return _NonNegativeCodes.apply(activations, bank, alpha * bank.shape[1], tol, max_iter)  # type: ignore[no-any-return,no-untyped-call]


class _NonNegativeCodes(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, activations: Tensor, bank: Tensor, ridge: float, tol: float, max_iter: int) -> Tensor:
        bank = bank.detach()
        gram = bank @ bank.T + ridge * torch.eye(len(bank), dtype=bank.dtype, device=bank.device)
        codes = _fista(activations @ bank.T, gram, tol, max_iter)
        ctx.save_for_backward(codes > 0, gram, bank)
        return codes

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = gradients
        support, gram, bank = ctx.saved_tensors
        moved = torch.cat([_implicit(*part, gram) for part in zip(gradient.split(8192), support.split(8192))])  # noqa: B905
        return moved @ bank, None, None, None, None


def _implicit(gradient: Tensor, support: Tensor, gram: Tensor) -> Tensor:
    """The gradient sent through the least squares on each row's positive concepts."""
    active = support.to(gram.dtype)
    both = active[:, :, None] * active[:, None, :]
    system = both * gram + torch.diag_embed(1 - active)
    tiny = torch.finfo(gram.dtype).eps * gram.diagonal().max()
    system = system + tiny * torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    solved: Tensor = torch.linalg.solve(system, (active * gradient)[..., None])
    return active * solved[..., 0]


def _fista(products: Tensor, gram: Tensor, tol: float, max_iter: int) -> Tensor:
    size = gram.diagonal().sqrt()
    alive = size > 0
    unit = torch.where(alive, size, 1)
    gram, products = gram / (unit[:, None] * unit), products / unit
    step = 1 / torch.linalg.eigvalsh(gram)[-1].clamp_min(torch.finfo(gram.dtype).tiny)
    codes = products.clamp(min=0) * alive
    done = torch.zeros_like(codes)
    where = torch.arange(len(codes), device=codes.device)
    ahead, pace = codes, codes.new_ones(len(codes), 1)
    for number in range(max_iter):
        after = (ahead - step * (ahead @ gram - products)).clamp_(min=0)
        moved = after - codes
        uphill = ((ahead - after) * moved).sum(1, keepdim=True) > 0
        pace = torch.where(uphill, 1, pace)
        quicker = (1 + (1 + 4 * pace**2).sqrt()) / 2
        ahead = after + torch.where(uphill, 0, (pace - 1) / quicker) * moved
        codes, pace = after, quicker
        if number % 5 == 4:
            still = moved.norm(dim=1) > tol * codes.norm(dim=1)
            if not still.any():
                break
            if still.sum() < 0.7 * len(still):
                done[where] = codes
                where, codes, ahead, pace, products = (x[still] for x in (where, codes, ahead, pace, products))
    done[where] = codes
    return done / unit * alive
