"""Non-negative matrix factorisation by coordinate descent on small Gram matrices."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import generator
from netopsy.interpretability.concept_lens.checks import Bank, Rows, check_count, check_rows

_SWEEPS = 4
"""Sweeps over the concepts for every product with the activations, which costs more than a sweep."""
_ROWS = 16384
"""Rows held in double precision at once."""
_FIRST = 4000
"""Rows of the random part that the bank is first fitted to where there are more than twice as many."""


@dataclass(frozen=True, eq=False)
class Factors:
    """Activations as a product, ``codes @ bank``."""

    codes: Float[Tensor, "rows concepts"]
    bank: Bank
    iterations: int
    """Passes over all rows."""


@checked
def nmf(
    activations: Rows,
    n_concepts: int,
    *,
    alpha: float = 0.0,
    start: tuple[Float[Tensor, "rows concepts"], Bank] | None = None,
    max_iter: int = 200,
    tol: float = 1e-4,
    seed: int = 0,
) -> Factors:
    """Non-negative codes U and bank V with the least ``|A - U V|^2`` that coordinate descent finds.

    Hierarchical alternating least squares: one concept's codes, or its row of the bank, at a time takes its best value
    given all others, so the error never rises. It starts from the non-negative double SVD with its zeros filled by the
    mean ("nndsvda"); where there are many rows, a random part of them is factorised first and its bank is the start.

    Args:
        activations: ``[rows, channels]``, non-negative.
        n_concepts: at most as many as rows and as channels.
        alpha: weight of the squared sizes of both factors, scaled as in scikit-learn: ``alpha * channels / 2`` times
            that of the codes and ``alpha * rows / 2`` times that of the bank.
        start: codes and bank to begin with, non-negative; a factorisation of no larger error results.
        max_iter: passes over all rows at most.
        tol: it stops when a pass lowers the squared error (and the penalties) by less than this share.
        seed: for the choice of the rows that come first.

    Raises:
        InputError: negative or non-finite activations, too many concepts, a start of another shape.

    Source: Cichocki and Phan 2009, algorithm 2; Gillis and Glineur 2012 for the repeated sweeps; the part that comes
    first is ours.

    >>> found = nmf(torch.tensor([[1.0, 2.0], [2.0, 4.0]]), 1)
    >>> torch.allclose(found.codes @ found.bank, torch.tensor([[1.0, 2.0], [2.0, 4.0]]), atol=1e-5)
    True
    """
    check_rows(activations)
    check_count(n_concepts, activations)
    require(activations.min() >= 0, "activations must not be negative for NMF: choose a layer behind a ReLU, or pca")
    require(alpha >= 0, f"alpha must not be negative, got {alpha}")
    require(max_iter >= 1, f"max_iter must be at least 1, got {max_iter}")
    rows, channels = activations.shape
    if start is not None:
        shapes = tuple(start[0].shape), tuple(start[1].shape)
        wanted = (rows, n_concepts), (n_concepts, channels)
        require(shapes == wanted, f"start must be codes and bank of shapes {wanted}, got {shapes}")
        require(min(start[0].min(), start[1].min()) >= 0, "start must not be negative")
        codes, bank = start[0].T.clone().contiguous(), start[1].clone()
    elif rows > 2 * _FIRST:
        some = activations[torch.randperm(rows, generator=generator(seed))[:_FIRST].to(activations.device)]
        codes, bank = _double_svd(some, n_concepts)
        _descend(some, codes, bank, alpha, max_iter, tol / 3)
        gram = _ridge(bank @ bank.T, alpha * channels)
        scale = gram.diagonal().clamp_min(torch.finfo(bank.dtype).tiny)[:, None]
        products = bank @ activations.T
        codes = (products / scale).clamp_(min=0) * (bank.any(1, keepdim=True) / n_concepts)
        _sweep(codes, gram, products, 2 * _SWEEPS)
    else:
        codes, bank = _double_svd(activations, n_concepts)
    iterations = _descend(activations, codes, bank, alpha, max_iter, tol)
    return Factors(codes.T.contiguous(), bank, iterations)


def _descend(activations: Rows, codes: Tensor, bank: Tensor, alpha: float, max_iter: int, tol: float) -> int:
    """Change ``codes`` [concepts, rows] and ``bank`` in place until a pass hardly helps."""
    rows, channels = activations.shape
    of_codes, of_bank = alpha * channels, alpha * rows
    total, before, transposed = float(activations.square().sum()), float("inf"), activations.T
    for number in range(1, max_iter + 1):
        _sweep(codes, _ridge(bank @ bank.T, of_codes), bank @ transposed, _SWEEPS)
        products, gram = codes @ activations, codes @ codes.T
        _sweep(bank, _ridge(gram, of_bank), products.clone(), _SWEEPS)
        between = bank @ bank.T
        error = total - 2 * float((products * bank).sum()) + float((gram * between).sum())
        error += of_codes * float(gram.trace()) + of_bank * float(between.trace())
        if before - error <= tol * error:
            return number
        before = error
    return max_iter


def _sweep(factor: Tensor, gram: Tensor, products: Tensor, times: int) -> None:
    """Give every row of ``factor`` in turn its best non-negative value; ``products`` is used up.

    With the other factor's Gram matrix G and its products B with the data, the best row j given the others is
    ``relu(x_j + (B_j - G_j x) / G_jj)``.
    """
    diagonal = gram.diagonal()
    alive = diagonal > 0
    scale = torch.where(alive, diagonal, 1)[:, None]
    gram, products, transposed = gram / scale, products.div_(scale), factor.T
    numbers = alive.nonzero()[:, 0].tolist()
    for _ in range(times):
        for number in numbers:
            step = torch.addmv(products[number], transposed, gram[number], alpha=-1)
            factor[number].add_(step).clamp_(min=0)


def _ridge(gram: Tensor, weight: float) -> Tensor:
    return gram + weight * torch.eye(len(gram), dtype=gram.dtype, device=gram.device) if weight else gram


def _double_svd(activations: Rows, n_concepts: int) -> tuple[Tensor, Tensor]:
    """Codes [concepts, rows] and bank: of each singular pair the larger of its two non-negative parts.

    Source: Boutsidis and Gallopoulos 2008, with zeros filled by the mean of the data.
    """
    left, singular, right = leading_directions(activations, n_concepts)
    (up, un), (vp, vn) = ((part.clamp(min=0), (-part).clamp(min=0)) for part in (left, right))
    sizes = [part.norm(dim=1) for part in (up, un, vp, vn)]
    positive = sizes[0] * sizes[2] >= sizes[1] * sizes[3]
    tiny = torch.finfo(activations.dtype).tiny
    codes = torch.where(positive[:, None], up, un) / torch.where(positive, sizes[0], sizes[1]).clamp_min(tiny)[:, None]
    bank = torch.where(positive[:, None], vp, vn) / torch.where(positive, sizes[2], sizes[3]).clamp_min(tiny)[:, None]
    root = (singular * torch.maximum(sizes[0] * sizes[2], sizes[1] * sizes[3])).sqrt()[:, None]
    mean = activations.mean()
    codes, bank = root * codes, root * bank
    return torch.where(codes > 0, codes, mean).contiguous(), torch.where(bank > 0, bank, mean).contiguous()


def leading_directions(activations: Rows, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """The first singular triples: left vectors as rows, values, right vectors as rows.

    From the eigenvectors of the smaller Gram matrix, summed and solved in double precision: in single precision no
    value below 3e-4 of the largest would be right.
    """
    wide = activations.shape[0] < activations.shape[1]
    data = activations.T if wide else activations
    gram = torch.zeros(data.shape[1], data.shape[1], dtype=torch.double, device=data.device)
    for some in data.split(_ROWS):
        gram += some.T.double() @ some.double()
    values, vectors = torch.linalg.eigh(gram)
    singular = values.flip(0)[:count].clamp(min=0).sqrt().to(data.dtype)
    right = vectors.flip(1)[:, :count].to(data.dtype)
    left = data @ right
    left = left / left.norm(dim=0).clamp_min(torch.finfo(data.dtype).tiny)
    return (right.T, singular, left.T) if wide else (left.T, singular, right.T)
