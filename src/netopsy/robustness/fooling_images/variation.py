"""How genes between 0 and 1 vary from parents to children: polynomial mutation and simulated binary crossover."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require

SAME = 1e-14
"""Genes closer than this are the same: crossing them changes nothing."""


@checked
def polynomial_steps(draws: Float[Tensor, "*genes"], eta: float | int = 15.0) -> Float[Tensor, "*genes"]:
    """The step of a mutated gene for uniform ``draws`` r in [0, 1]: ``(2r)^(1/(eta+1)) - 1`` below one half, otherwise
    ``1 - (2(1-r))^(1/(eta+1))``. Large ``eta`` makes large steps rare.

    Raises:
        InputError: an ``eta`` that is negative.

    Source: Deb's polynomial mutation, as used in Nguyen et al. 2015.

    >>> polynomial_steps(torch.tensor([0.0, 0.5, 1.0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    require(eta >= 0, f"eta must not be negative, got {eta}")
    power = 1 / (eta + 1)
    return torch.where(draws < 0.5, (2 * draws) ** power - 1, 1 - (2 * (1 - draws)).clamp_min(0) ** power)


def mutated(
    genes: Float[Tensor, "*genes"], rate: float | int, eta: float | int, random: torch.Generator
) -> Float[Tensor, "*genes"]:
    """The genes, each taken a polynomial step with probability ``rate`` and kept within 0 and 1."""
    changed = torch.rand(genes.shape, generator=random) < rate
    # Draws for the genes that change only: at the usual rate that is a tenth of them.
    steps = polynomial_steps(torch.rand(int(changed.sum()), generator=random), eta)
    found = genes.clone()
    found[changed] = (found[changed] + steps).clamp_(0, 1)
    return found


@checked
def crossed(
    first: Float[Tensor, "*genes"],
    second: Float[Tensor, "*genes"],
    draws: Float[Tensor, "*genes"],
    eta: float | int = 10.0,
) -> tuple[Float[Tensor, "*genes"], Float[Tensor, "*genes"]]:
    """Simulated binary crossover of genes between 0 and 1, for uniform ``draws``, one a pair of genes.

    With ``y1 <= y2`` the two genes, ``beta = 1 + 2 y1 / (y2 - y1)`` (for the upper child ``1 - y2`` in place of
    ``y1``), ``alpha = 2 - beta^-(eta+1)`` and ``q`` the spread that a draw u gives, ``(u alpha)^(1/(eta+1))`` up to
    ``u = 1/alpha`` and ``(2 - u alpha)^(-1/(eta+1))`` beyond, the children are ``((y1 + y2) -/+ q (y2 - y1)) / 2``.

    Returns:
        the lower and the upper children.

    Raises:
        InputError: an ``eta`` that is negative.

    Source: Deb and Agrawal's crossover with bounds, as used in Nguyen et al. 2015.

    >>> low, high = crossed(torch.tensor([0.4]), torch.tensor([0.4]), torch.tensor([0.9]))
    >>> float(low) == float(high) == float(torch.tensor(0.4))
    True
    """
    require(eta >= 0, f"eta must not be negative, got {eta}")
    low, high = torch.minimum(first, second), torch.maximum(first, second)
    apart = high - low
    differ = apart > SAME
    apart = torch.where(differ, apart, 1)
    children = []
    for room, sign in ((low, -1.0), (1 - high, 1.0)):
        alpha = 2 - (1 + 2 * room / apart) ** -(eta + 1)
        inside = draws * alpha
        spread = torch.where(inside <= 1, inside, 1 / (2 - inside).clamp_min(1e-12)) ** (1 / (eta + 1))
        children.append(torch.where(differ, (0.5 * (low + high + sign * spread * apart)).clamp(0, 1), low))
    return children[0], torch.where(differ, children[1], high)
