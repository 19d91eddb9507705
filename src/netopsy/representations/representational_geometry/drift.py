"""Where the weights of one hidden neuron are driven early in training."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.batches import check_batch, check_finite
from netopsy.core.errors import require
from netopsy.representations.representational_geometry.kernels import check_labels

_QUANTILES = 2048
"""Equally likely values that stand for the noise along the weights: a derivative may be a step, as that of ReLU."""


@checked
def class_axes(means: Tensor, labels: Float[Tensor, " conditions"]) -> Float[Tensor, "2 features"]:
    """Two orthonormal directions: between the classes, and the widest one within them.

    Raises:
        InputError: classes with the same mean, or no direction within them.
    """
    wide = means.detach().double()
    centres = torch.stack([wide[labels == sign].mean(0) for sign in (1, -1)])
    between = centres[0] - centres[1]
    size = float(wide.abs().max())
    require(between.norm() > 1e-9 * size, "means must differ between the classes; give axes where they do not")
    first = between / between.norm()
    within = wide - centres[(labels < 0).long()]
    within = within - (within @ first)[:, None] * first
    _, spread, directions = torch.linalg.svd(within, full_matrices=False)
    require(spread[0] > 1e-9 * size, "means must differ within a class; give axes where they do not")
    return torch.stack([first, directions[0]])


@checked
def gradient_field(
    activation: Callable[[Tensor], Tensor],
    means: Float[Tensor, "conditions features"],
    labels: Float[Tensor, " conditions"],
    grid: Float[Tensor, " points"],
    *,
    readout: float | int = 1.0,
    bias: float | int = 0.0,
    noise: float | int = 0.0,
    axes: Float[Tensor, "2 features"] | None = None,
) -> Float[Tensor, "points points 2"]:
    """The early drift of a neuron's weights, ``j E[(y - 1/2) f'(w x + b) x]``, for weights on a plane.

    It is the negative gradient of the mean logistic loss while the output is still near 1/2, with ``y`` the label as 0
    or 1. Of ReLU only conditions on the positive side of ``w`` take part; of tanh, all do.

    Args:
        activation: element by element, differentiable.
        labels: -1 or 1 a condition.
        grid: coordinates of the weights along either axis; entry ``[a, b]`` is for ``grid[a]`` along the first, and
            ``grid[b]`` along the second.
        readout: the neuron's fixed outgoing weight ``j``.
        noise: standard deviation of the inputs around their means.
        axes: two orthonormal directions; between the classes and within them where not given.

    Returns:
        The drift along both axes.

    Raises:
        InputError: labels as in `parallelism_score`, axes that are not orthonormal, or values that are not finite.

    >>> means = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> gradient_field(torch.relu, means, means[:, 0], torch.tensor([1.0]), axes=torch.eye(2))[0, 0].tolist()
    [0.125, 0.125]
    """
    check_batch(means, "means")
    check_labels(labels[:, None])
    check_finite(grid, "grid")
    require(len(means) == len(labels), f"means and labels must be of one length, got {len(means)} and {len(labels)}")
    require(noise >= 0, f"noise must be at least 0, got {noise}")
    plane = class_axes(means, labels) if axes is None else axes.double()
    apart = float((plane @ plane.T - torch.eye(2, dtype=plane.dtype, device=plane.device)).abs().max())
    require(apart < 1e-5, "axes must be two orthonormal directions")
    places = means.detach().double() @ plane.T
    pull = readout * labels.double() / (2 * len(means))
    rows = [_row(activation, places, pull, grid.double(), float(at), bias, noise) for at in grid]
    return torch.stack(rows).to(means.dtype)


def _row(
    activation: Callable[[Tensor], Tensor],
    places: Tensor,
    pull: Tensor,
    grid: Tensor,
    at: float,
    bias: float | int,
    noise: float | int,
) -> Tensor:
    weights = torch.stack([torch.full_like(grid, at), grid], 1)
    fields = weights @ places.T + bias
    if noise == 0:
        return (_slope(activation, fields) * pull) @ places
    steps = (torch.arange(_QUANTILES, dtype=grid.dtype, device=grid.device) + 0.5) / _QUANTILES
    normal = math.sqrt(2) * torch.erfinv(2 * steps - 1)
    lengths = weights.norm(dim=1)
    slopes = _slope(activation, fields[..., None] + noise * lengths[:, None, None] * normal)
    # the noise along the weights moves them too: E[f' x] = E[f'] mean + noise E[f' g] w / |w|
    along = noise * ((slopes * normal).mean(-1) * pull).sum(1)
    directions = weights / lengths.clamp(min=1e-300)[:, None]
    return (slopes.mean(-1) * pull) @ places + along[:, None] * directions


def _slope(activation: Callable[[Tensor], Tensor], fields: Tensor) -> Tensor:
    with torch.inference_mode(False), torch.enable_grad():
        given = fields.detach().clone().requires_grad_()
        (found,) = torch.autograd.grad(activation(given).sum(), given)
    return found
