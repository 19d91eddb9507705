"""How faithful scores of concepts are: what happens to the answer when concepts go in their order."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import generator
from netopsy.interpretability.concept_lens.checks import Codes, Score, Scores, check_codes
from netopsy.interpretability.concept_lens.masking import masked_scores


def deletion_curve(F: Score, u: Codes, phi: Scores, *, batch_size: int = 2048) -> Float[Tensor, "batch steps"]:
    """F with the 0, 1, ..., k most important concepts of each image taken away, at all their positions."""
    return masked_scores(F, u, _in_order(u, phi, keep=False), batch_size)


def insertion_curve(F: Score, u: Codes, phi: Scores, *, batch_size: int = 2048) -> Float[Tensor, "batch steps"]:
    """F with only the 0, 1, ..., k most important concepts of each image."""
    return masked_scores(F, u, _in_order(u, phi, keep=True), batch_size)


@checked
def c_deletion(F: Score, u: Codes, phi: Scores, *, batch_size: int = 2048) -> Float[Tensor, "batch"]:
    """C-Deletion: the mean of `deletion_curve`, one number an image. Lower is better: the answer goes quickly.

    It is not normalised, so that methods can be compared.

    Args:
        F: from codes ``[n, *positions, concepts]`` to one number a row.
        u: codes ``[batch, *positions, concepts]``.
        phi: importances ``[batch, concepts]``.

    Raises:
        InputError: importances that are not finite, or not one a concept and image.

    Source: Fel et al. 2023, the section on fidelity (place in the paper unconfirmed).

    >>> c_deletion(lambda u: u.sum(1), torch.tensor([[1.0, 5.0]]), torch.tensor([[0.0, 1.0]]))
    tensor([2.3333])
    """
    return deletion_curve(F, u, phi, batch_size=batch_size).mean(1)


@checked
def c_insertion(F: Score, u: Codes, phi: Scores, *, batch_size: int = 2048) -> Float[Tensor, "batch"]:
    """C-Insertion: the mean of `insertion_curve`. Higher is better: few concepts bring the answer back.

    Raises:
        InputError: as `c_deletion`.

    >>> c_insertion(lambda u: u.sum(1), torch.tensor([[1.0, 5.0]]), torch.tensor([[0.0, 1.0]]))
    tensor([3.6667])
    """
    return insertion_curve(F, u, phi, batch_size=batch_size).mean(1)


@checked
def c_mu_fidelity(
    F: Score,
    u: Codes,
    phi: Scores,
    *,
    share: float = 0.2,
    draws: int = 200,
    seed: int = 0,
    batch_size: int = 2048,
) -> Float[Tensor, "batch"]:
    """C-muFidelity: does the sum of importances say what taking several concepts away costs? One number an image.

    The Pearson correlation over random subsets S of ``ceil(share * k)`` concepts between the sum of their importances
    and F(u) less F without them; NaN where either does not vary. The paper's number is the mean over images.

    Raises:
        InputError: as `c_deletion`; a share that is not between 0 and 1, or fewer than 3 draws.

    Source: Fel et al. 2023; Bhatt et al. 2020 for pixels.

    >>> u = torch.tensor([[1.0, 5.0, 2.0]])
    >>> c_mu_fidelity(lambda u: u.sum(1), u, u).round(decimals=3)
    tensor([1.])
    """
    _check(u, phi)
    require(0 < share < 1, f"share must lie strictly between 0 and 1, got {share}")
    require(draws >= 3, f"draws must be at least 3, got {draws}")
    concepts = u.shape[-1]
    size = math.ceil(share * concepts)
    random = generator(seed)
    order = torch.rand(draws, concepts, generator=random, device=random.device).argsort(1)
    chosen = torch.zeros(draws, concepts).scatter_(1, order.cpu()[:, :size], 1.0).to(u)
    masks = torch.cat([torch.ones_like(chosen[:1]), 1 - chosen])
    scores = masked_scores(F, u, masks[None], batch_size).double()
    return _correlation(phi.double() @ chosen.double().T, scores[:, :1] - scores[:, 1:]).to(u.dtype)


def _in_order(u: Codes, phi: Scores, *, keep: bool) -> Float[Tensor, "batch steps concepts"]:
    _check(u, phi)
    rank = phi.argsort(dim=1, descending=True, stable=True).argsort(1)
    among_first = rank[:, None] < torch.arange(phi.shape[1] + 1, device=rank.device)[:, None]
    return (among_first if keep else ~among_first).to(u.dtype)


def _correlation(one: Tensor, other: Tensor) -> Tensor:
    one, other = (each - each.mean(1, keepdim=True) for each in (one, other))
    sizes = one.norm(dim=1) * other.norm(dim=1)
    return torch.where(sizes > 0, (one * other).sum(1) / sizes, torch.nan)


def _check(u: Codes, phi: Scores) -> None:
    check_codes(u)
    wanted = (len(u), u.shape[-1])
    got = tuple(phi.shape) if isinstance(phi, Tensor) else type(phi).__name__
    require(got == wanted, f"phi must be one importance a concept and image, {wanted}, got {got}")
    require(phi.isfinite().all(), "phi holds NaN or infinite values; they must be finite")
