"""Random choices among sizes that let a gradient through to their probabilities."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import generator as random_generator


@checked
def gumbel_topk_weights(
    logits: Float[Tensor, "layers candidates"], tau: float | int, n: int, *, seed: int | torch.Generator = 0
) -> tuple[Int[Tensor, "layers n"], Float[Tensor, "layers n"]]:
    """A few candidates of every layer, drawn at random, and the weights to mix them with.

    The log probabilities with Gumbel noise, divided by ``tau``, have a softmax, from which ``n`` distinct candidates
    are drawn; their weights are the softmax over the drawn ones alone. A gradient flows through the weights, none
    through the draw. Equations 3 to 5 of Dong and Yang 2019.

    Args:
        logits: one row a layer; ``-inf`` marks what is no candidate. A row with fewer than ``n`` candidates is filled
            up with others of weight 0.
        tau: temperature; the lower, the nearer are the weights to 0 and 1.
        n: how many are drawn.
        seed: of noise and draw.

    Returns:
        the indices, and their weights, which sum to 1.

    Raises:
        InputError: a temperature that is not positive, ``n`` outside 1 to the number of candidates, a row without one.

    >>> index, weight = gumbel_topk_weights(torch.zeros(5, 8), 1.0, 2)
    >>> index.shape, bool(weight.sum(1).allclose(torch.ones(5)))
    (torch.Size([5, 2]), True)
    """
    require(1 <= n <= logits.shape[1], f"n must lie between 1 and {logits.shape[1]} candidates, got {n}")
    random = random_generator(seed)
    z = perturbed(logits, tau, random)
    with torch.no_grad():  # the n largest of log p plus fresh noise are n draws without replacement
        order = z.log_softmax(1) + gumbel_noise(z, random)
        index = order.topk(n, dim=1).indices
    return index, z.gather(1, index).softmax(1)


@checked
def gumbel_softmax(
    logits: Float[Tensor, "layers candidates"], tau: float | int, *, seed: int | torch.Generator = 0
) -> Float[Tensor, "layers candidates"]:
    """The softmax of log probabilities with Gumbel noise, divided by ``tau``.

    Raises:
        InputError: a temperature that is not positive, a row without a candidate.

    >>> gumbel_softmax(torch.zeros(2, 3), 1.0).sum(1)
    tensor([1., 1.])
    """
    return perturbed(logits, tau, random_generator(seed)).softmax(1)


def perturbed(logits: Tensor, tau: float, random: torch.Generator) -> Tensor:
    """(log p + Gumbel noise) / tau."""
    require(0 < tau < math.inf, f"tau must be positive and finite, got {tau}")
    require(bool((logits > -math.inf).any(1).all()), "logits must leave every row at least one candidate")
    return (logits.log_softmax(1) + gumbel_noise(logits, random)) / tau


def gumbel_noise(like: Tensor, random: torch.Generator) -> Tensor:
    """Standard Gumbel noise."""
    uniform = torch.rand(like.shape, generator=random, dtype=torch.float64, device=random.device)
    return -(-uniform.clamp(1e-300, 1 - 1e-16).log()).log().to(like)
