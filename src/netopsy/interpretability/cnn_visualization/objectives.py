"""What is to be made as large as possible: scores of classes, units of a layer, or any number of the outputs."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.computed import copied
from netopsy.core.errors import InputError, require
from netopsy.core.layers import Layer, layer_names
from netopsy.core.modes import evaluating, frozen, running_on
from netopsy.core.outputs import single_output
from netopsy.core.shapes import Images
from netopsy.core.split import run_to
from netopsy.core.targets import is_index, scores
from netopsy.interpretability.layer_maps import Reshape

Position = Literal["mean", "centre"] | tuple[int, int]
"""Where in its grid a unit is looked at: everywhere on average, in the middle, or at a row and column."""


@dataclass(frozen=True, eq=False)
class LayerUnits:
    """Units of a layer: channels of its grid, or entries of its vector."""

    layer: Layer
    units: int | Sequence[int] | None = None
    """One, several, or all of them."""
    position: Position = "mean"
    """Of no importance for a layer without a grid."""


Objective = int | Sequence[int] | LayerUnits | Callable[[Tensor], Tensor]
"""A class or several (their scores before softmax), units of a layer, or a function from the network's output to one
number an image."""


@dataclass(frozen=True, eq=False)
class Targets:
    """An objective made ready to be computed for a batch in which every image has a target of its own."""

    run: Callable[[Images], Float[Tensor, "batch units"]]
    units: Sequence[int]
    """Which column each target is."""

    def values(self, images: Images, units: Tensor) -> Float[Tensor, "batch"]:
        """Each image's value for its own unit."""
        return self.run(images).gather(1, units[:, None])[:, 0]


def targets(model: nn.Module, objective: Objective, probe: Images, reshape: Reshape | None) -> Targets:
    """The targets that ``objective`` names, found and checked with one run on ``probe``.

    Raises:
        InputError: an unknown layer, a unit, class or position out of range, or a layer with no units to speak of.
    """
    if isinstance(objective, LayerUnits):
        objective = dataclasses.replace(objective, layer=layer_names(model, [objective.layer])[0])
    model = _laid_out(model)
    if isinstance(objective, LayerUnits):
        return _of_layer(model, objective, probe, reshape)
    if callable(objective):
        wanted = objective
        return Targets(lambda images: scores(_outputs(model, images), wanted)[:, None], [0])
    with torch.no_grad():
        seen = _outputs(model, probe)
    require(
        seen.ndim == 2,
        f"target names classes, which needs an output [batch, classes]; this network returns {tuple(seen.shape)}: give "
        "LayerUnits, or a function from that output to one number an image",
    )
    return Targets(lambda images: _outputs(model, images), _chosen("target", "classes", objective, seen.shape[1]))


def _laid_out(model: nn.Module) -> nn.Module:
    """A copy whose convolutions keep the channels innermost: a batch goes through those in two thirds of the time."""
    if not any(isinstance(module, nn.Conv2d) for module in model.modules()):
        return model
    other: Any = copied(model)  # torch's annotations do not know this form of to()
    return other.to(memory_format=torch.channels_last)


def _of_layer(model: nn.Module, wanted: LayerUnits, probe: Images, reshape: Reshape | None) -> Targets:
    [name] = layer_names(model, [wanted.layer])

    def grid(images: Images) -> Tensor:
        values = run_to(model, name, images)
        return values if reshape is None else reshape(values)

    with torch.no_grad():
        seen = grid(probe)
    require(
        seen.ndim in (2, 4),
        f"layer {name!r} gives {tuple(seen.shape)}, wanted [batch, units, rows, columns] or [batch, units]; say with "
        "reshape= how to make a grid of it",
    )
    units = _chosen("units", f"units of layer {name!r}", wanted.units, seen.shape[1])
    if seen.ndim == 2:
        return Targets(grid, units)
    if wanted.position == "mean":
        return Targets(lambda images: grid(images).mean((2, 3)), units)
    rows, columns = seen.shape[2:]
    row, column = _place(wanted.position, rows, columns, name)
    return Targets(lambda images: grid(images)[:, :, row, column], units)


def _outputs(model: nn.Module, images: Images) -> Tensor:
    with evaluating(model), frozen(model), running_on(images, model):
        return single_output(model(images))


def _place(position: Position, rows: int, columns: int, name: str) -> tuple[int, int]:
    if position == "centre":
        return rows // 2, columns // 2
    pair = isinstance(position, tuple) and len(position) == 2 and all(is_index(one) for one in position)
    if not pair or isinstance(position, str):
        raise InputError(f"position must be 'mean', 'centre' or a pair (row, column), got {position!r}")
    row, column = position
    require(
        0 <= row < rows and 0 <= column < columns,
        f"position must lie in the {rows}x{columns} grid of layer {name!r}, got {position}",
    )
    return row, column


def _chosen(argument: str, kind: str, wanted: object, count: int) -> list[int]:
    if wanted is None:
        return list(range(count))
    listed = list(wanted) if isinstance(wanted, Sequence) and not isinstance(wanted, str) else [wanted]
    require(len(listed) > 0, f"{argument} must name at least one of the {kind}")
    numbers: list[int] = []
    for one in listed:
        if not is_index(one):
            raise InputError(f"{argument} must be ints, LayerUnits or a function, got {one!r}")
        require(0 <= one < count, f"{argument} must be from 0 to {count - 1}, the {kind} there are, got {one}")
        numbers.append(int(one))
    return numbers
