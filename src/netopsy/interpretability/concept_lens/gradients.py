"""Scores of concepts from gradients with respect to the codes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.errors import require
from netopsy.core.seeds import generator
from netopsy.interpretability.concept_lens.checks import Codes, Score


def gradient_at(function: Score, u: Codes, batch_size: int) -> Codes:
    """The gradient of every row's score with respect to its codes."""
    parts = []
    for some in u.split(batch_size):
        point = some.detach().clone().requires_grad_()
        with torch.enable_grad():
            scored = scored_rows(function, point)
            require(scored.requires_grad, "F does not depend on the codes in a differentiable way: use oc, ri or sb")
            parts.append(torch.autograd.grad(scored.sum(), point)[0])
    return torch.cat(parts)


def integrated_gradients(function: Score, u: Codes, steps: int, batch_size: int) -> Codes:
    """The codes times their gradient averaged over ``steps`` midpoints between no concept at all and ``u``."""
    along = (torch.arange(steps, dtype=u.dtype, device=u.device) + 0.5) / steps

    def path(some: Codes) -> Tensor:
        return some[:, None] * along.view(-1, *[1] * (u.ndim - 1))

    return u * _moments(function, u, path, steps, batch_size)[0]


def noisy_gradients(
    function: Score, u: Codes, samples: int, sigma: float, seed: int, batch_size: int
) -> tuple[Codes, Codes]:
    """Mean and mean square of the gradient under Gaussian noise of ``sigma`` times the range of each row's codes."""
    random = generator(seed)
    flat = u.flatten(1)
    spread = sigma * (flat.amax(1) - flat.amin(1)).view(-1, *[1] * (u.ndim - 1))
    noise = torch.randn(samples, *u.shape[1:], generator=random, device=random.device, dtype=u.dtype).to(u.device)
    pairs = torch.cat([u, spread.expand_as(u)], -1)

    def around(some: Tensor) -> Tensor:
        middle, wide = some.chunk(2, -1)
        return middle[:, None] + wide[:, None] * noise

    return _moments(function, pairs, around, samples, batch_size)


def _moments(
    function: Score, u: Tensor, points: Callable[[Tensor], Tensor], count: int, batch_size: int
) -> tuple[Float[Tensor, "batch *positions concepts"], Float[Tensor, "batch *positions concepts"]]:
    means, squares = [], []
    for some in u.split(max(1, batch_size // count)):
        gradients = gradient_at(function, points(some).flatten(0, 1), batch_size).unflatten(0, (len(some), count))
        means.append(gradients.mean(1))
        squares.append(gradients.square().mean(1))
    return torch.cat(means), torch.cat(squares)


def scored_rows(function: Score, points: Tensor) -> Float[Tensor, "n"]:
    """``function`` of the points, checked to be one finite number a row."""
    scored = function(points)
    got = tuple(scored.shape) if isinstance(scored, Tensor) else type(scored).__name__
    good = isinstance(scored, Tensor) and scored.shape == (len(points),)
    require(good, f"F must return one number a row, shape ({len(points)},), but returned {got}")
    require(scored.isfinite().all(), "F returned NaN or infinite values")
    return scored
