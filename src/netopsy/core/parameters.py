"""A network's parameters as one vector: flatten, restore, interpolate, and directions to move in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.masks import check_tensors
from netopsy.core.seeds import generator

State = Mapping[str, Tensor]
"""Parameter name to tensor."""


@checked
def check_has_values(model: nn.Module) -> None:
    """Raise `InputError` where a parameter or buffer is on the meta device: it has a shape and no values.

    >>> with torch.device("meta"):
    ...     hollow = nn.Linear(2, 1)
    >>> check_has_values(hollow)
    Traceback (most recent call last):
    netopsy.core.errors.InputError: the network has no values for 'weight', which is on the meta device: load its \
weights with assign=True, or make it elsewhere
    """
    named = (*model.named_parameters(), *model.named_buffers())
    hollow = [name for name, tensor in named if tensor.device.type == "meta"]
    require(
        not hollow,
        f"the network has no values for {hollow[0] if hollow else ''!r}, which is on the meta device: load its weights "
        "with assign=True, or make it elsewhere",
    )


@checked
def flatten(parameters: State) -> Float[Tensor, "size"]:
    """All parameters end to end, in the order of the mapping.

    >>> flatten({"w": torch.ones(2, 2), "b": torch.zeros(1)}).tolist()
    [1.0, 1.0, 1.0, 1.0, 0.0]
    """
    check_tensors("parameters", parameters)
    require(parameters, "parameters is empty; there is nothing to flatten")
    return torch.cat([value.reshape(-1) for value in parameters.values()])


@checked
def unflatten(vector: Float[Tensor, "size"], like: State) -> dict[str, Tensor]:
    """The vector cut into tensors of the names and shapes of ``like``; the inverse of `flatten`."""
    check_tensors("like", like)
    require(isinstance(vector, Tensor), f"vector must be a tensor, got {type(vector).__name__}")
    size = sum(value.numel() for value in like.values())
    require(vector.shape == (size,), f"vector must have shape ({size},), got {tuple(vector.shape)}")
    pieces = torch.split(vector, [value.numel() for value in like.values()])
    return {name: piece.view_as(value) for piece, (name, value) in zip(pieces, like.items(), strict=True)}


@checked
def interpolate(start: State, end: State, at: float) -> dict[str, Tensor]:
    """``(1 - at) * start + at * end``; integer entries (step counters) are taken from ``start``.

    >>> interpolate({"w": torch.zeros(1)}, {"w": torch.ones(1)}, 0.25)["w"].item()
    0.25
    """
    require(list(start) == list(end), "start and end must hold the same names in the same order")
    for name in start:
        require(
            start[name].shape == end[name].shape,
            f"start[{name!r}] has shape {tuple(start[name].shape)}, end has {tuple(end[name].shape)}",
        )
    return {
        name: torch.lerp(value, end[name], at) if value.is_floating_point() else value.clone()
        for name, value in start.items()
    }


@checked
def random_direction(
    parameters: State, *, seed: int | torch.Generator = 0, scale: Literal["unit", "filter"] = "unit"
) -> dict[str, Tensor]:
    """A Gaussian direction in parameter space.

    Args:
        scale: ``"unit"`` for length 1 over all parameters; ``"filter"`` gives every filter (row) the norm it has in
            ``parameters`` and zeros biases and norms (Li et al. 2018, Visualizing the Loss Landscape, section 4).
    """
    require(scale in ("unit", "filter"), f"scale must be 'unit' or 'filter', got {scale!r}")
    random = generator(seed)
    noise = {
        name: torch.randn(value.shape, generator=random, device=random.device).to(value)
        for name, value in parameters.items()
    }
    if scale == "unit":
        length = flatten(noise).norm()
        return {name: value / length for name, value in noise.items()}
    return {name: _like_filters(value, parameters[name]) for name, value in noise.items()}


def _like_filters(noise: Tensor, weights: Tensor) -> Tensor:
    if weights.ndim < 2:
        return torch.zeros_like(weights)
    axes = tuple(range(1, weights.ndim))
    norm = torch.linalg.vector_norm
    return noise * norm(weights, dim=axes, keepdim=True) / norm(noise, dim=axes, keepdim=True)
