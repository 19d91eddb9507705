"""From a network, images and layers to one map a layer: the part that all saliency methods share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.batches import check_batch
from netopsy.core.capture import layer_activations, layer_gradients
from netopsy.core.errors import InputError, require
from netopsy.core.layers import Layers
from netopsy.core.shapes import Activations, Images, Maps
from netopsy.core.targets import Target
from netopsy.interpretability.maps import rescaled, resized

LayerMaps = Float[Tensor, "batch rows columns"] | dict[str, Float[Tensor, "batch rows columns"]]
"""The maps of one layer, or layer name to maps where several layers were asked for."""

Reshape = Callable[[Tensor], Tensor]
"""Turns a layer's output into a grid ``[batch, channels, rows, columns]``; used on its gradient, too."""


@dataclass(frozen=True)
class Site:
    """What a method sees of one layer."""

    name: str
    activation: Activations
    gradient: Activations
    """Of the target with respect to the activation."""
    input: Tensor | None = None
    """What the layer was given, where that was asked for."""


def layer_maps(
    model: nn.Module,
    images: Images,
    target: Target,
    layer: Layers,
    draw: Callable[[Site], Maps],
    *,
    with_inputs: bool = False,
    reshape: Reshape | None = None,
    resize: bool = True,
    normalise: bool = True,
) -> LayerMaps:
    """The maps that ``draw`` makes of each layer, from one forward and one backward pass.

    A network in half precision is explained in float32: squares of its activations would not fit into 16 bits.

    Args:
        layer: one layer gives one tensor; a sequence of layers gives a dict from layer name to tensor.
        draw: makes a map of what was captured at a layer.
        with_inputs: let ``draw`` see what the layer was given.
        reshape, resize, normalise: as in `netopsy.interpretability.norm_grad.backprop_saliency`.
    """
    check_images(images)
    seen = layer_gradients(model, images, target, layer, with_inputs=with_inputs)
    maps = {}
    for name, activation in seen.activations.items():
        activation, gradient = (wide(_grid(values, name, reshape)) for values in (activation, seen.gradients[name]))
        given = seen.inputs.get(name)
        drawn = draw(Site(name, activation, gradient, None if given is None else wide(given)))
        drawn = resized(drawn, (images.shape[2], images.shape[3])) if resize else drawn
        maps[name] = rescaled(drawn) if normalise else drawn
    return next(iter(maps.values())) if isinstance(layer, str | nn.Module) else maps


def activation_maps(
    model: nn.Module,
    images: Images,
    layer: Layers,
    draw: Callable[[Activations], Maps],
    *,
    reshape: Reshape | None = None,
    resize: bool = True,
    normalise: bool = True,
) -> LayerMaps:
    """The maps that ``draw`` makes of each layer's activations, from one forward pass and no backward pass.

    The arguments are those of `layer_maps`, without a target; half precision is explained in float32 here, too.
    """
    check_images(images)
    maps = {}
    for name, values in layer_activations(model, images, layer).items():
        drawn = draw(wide(_grid(values, name, reshape)))
        drawn = resized(drawn, (images.shape[2], images.shape[3])) if resize else drawn
        maps[name] = rescaled(drawn) if normalise else drawn
    return next(iter(maps.values())) if isinstance(layer, str | nn.Module) else maps


def check_images(images: object, name: str = "images") -> None:
    """Raise `InputError` unless what is called ``name`` is a batch of at least one image, float and finite."""
    got = tuple(images.shape) if isinstance(images, Tensor) else type(images).__name__
    require(
        isinstance(images, Tensor) and images.ndim == 4 and len(images) > 0,
        f"{name} must be [batch, channels, height, width] with at least one image, got {got}",
    )
    check_batch(images, name)


def each_layer(function: Callable[..., Tensor], *maps: Tensor | dict[str, Tensor]) -> Any:
    """``function`` of the maps, or layer by layer where they are dicts."""
    if isinstance(maps[0], dict):
        return {name: function(*(one[name] for one in maps)) for name in maps[0]}  # type: ignore[index]
    return function(*maps)


@dataclass(frozen=True)
class TokenGrid:
    """Lays tokens ``[batch, tokens, channels]`` out as the grid they came from; see `token_grid`."""

    height: int
    width: int
    skip: int = 1

    def __call__(self, tokens: Float[Tensor, "batch tokens channels"]) -> Activations:
        """``[batch, channels, height, width]``."""
        expected = self.skip + self.height * self.width
        if tokens.ndim != 3 or tokens.shape[1] != expected:
            raise InputError(
                f"a {self.height}x{self.width} grid behind {self.skip} other tokens needs "
                f"[batch, {expected}, channels], got {tuple(tokens.shape)}"
            )
        grid = tokens[:, self.skip :].transpose(1, 2)
        return grid.reshape(*grid.shape[:2], self.height, self.width)


def storable(reshape: Reshape | None) -> TokenGrid | None:
    """The reshape, if it can be written to a file: any function cannot, `token_grid` can."""
    if reshape is not None and not isinstance(reshape, TokenGrid):
        raise InputError(f"reshape must be a token_grid to be saved, got {type(reshape).__name__}")
    return reshape


def token_grid(height: int, width: int, skip: int = 1) -> TokenGrid:
    """A ``reshape`` for vision transformers, whose layers return ``[batch, tokens, channels]``, row by row.

    Args:
        height, width: of the grid of patches.
        skip: tokens before the grid that stand for no position (the class token, registers).

    >>> import torch
    >>> token_grid(2, 3)(torch.zeros(5, 7, 16)).shape
    torch.Size([5, 16, 2, 3])
    """
    require(height > 0 and width > 0, f"height and width must be at least 1, got {height} and {width}")
    require(skip >= 0, f"skip must not be negative, got {skip}")
    return TokenGrid(height, width, skip)


def wide(values: Tensor) -> Tensor:
    """At least in single precision."""
    return values.float() if values.element_size() < 4 else values


def _grid(values: Tensor, name: str, reshape: Reshape | None) -> Tensor:
    grid = values if reshape is None else reshape(values)
    where = f"layer {name!r}" if name else "the input"
    if reshape is None:
        require(
            values.ndim == 4,
            f"{where} gives {tuple(values.shape)}, which is no grid [batch, channels, rows, columns]: choose an "
            f"earlier layer, or say with reshape= how to make a grid of it (token_grid for transformers)",
        )
    require(
        isinstance(grid, Tensor) and grid.ndim == 4 and len(grid) == len(values) and grid.numel() > 0,
        f"reshape must turn {where} into [{len(values)}, channels, rows, columns], got "
        f"{tuple(grid.shape) if isinstance(grid, Tensor) else type(grid).__name__}",
    )
    return grid
