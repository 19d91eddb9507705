"""Hidden units that go together: where each of them stands in the network's parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Int
from torch import Tensor, nn

from netopsy.core.errors import UnknownNameError, require
from netopsy.core.masks import check_tensors
from netopsy.core.modes import check_model

UnitMasks = Mapping[str, Tensor]
"""Name of a group to a bool tensor ``[width]``, True where the unit is kept; groups that are not named keep all."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where the units of a group stand along one dimension of a parameter or buffer."""

    parameter: str
    """Name in ``state_dict()``."""
    dimension: int
    index: Int[Tensor, "width repeat"]
    """The positions of every unit: several where a flattened channel becomes many inputs of a linear layer."""

    @property
    def repeat(self) -> int:
        """How many positions each unit has."""
        return self.index.shape[1]

    @property
    def layer(self) -> str:
        """The module that holds the parameter."""
        return self.parameter.rpartition(".")[0]


@dataclass(frozen=True, eq=False)
class UnitGroup:
    """Units of the same kind that can be removed one by one; what residual additions and the like tie is one unit."""

    name: str
    """The first layer that makes them."""
    width: int
    layers: tuple[str, ...]
    """The layers that make them: several where their outputs are added or multiplied."""
    producers: tuple[Place, ...]
    """Weights and biases of which each unit has its own part, those of depthwise and grouped layers included."""
    consumers: tuple[Place, ...]
    """Weights that read the units."""
    norms: tuple[Place, ...] = ()
    """Weights, biases and running statistics of normalisation, and slopes of activations, one entry a unit."""
    counts: tuple[Place, ...] = ()
    """Where a number counts the units, its name in place of a parameter's: ``num_features`` of a norm that has nothing
    else, ``zeros`` of a shortcut that adds channels of zeros."""

    @property
    def places(self) -> tuple[Place, ...]:
        """Everything that goes when a unit goes."""
        return (*self.producers, *self.consumers, *self.norms, *self.counts)


@dataclass(frozen=True, eq=False)
class Units:
    """The hidden units of a network, as `unit_groups` found them."""

    groups: Mapping[str, UnitGroup]
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Layers whose units, or some of them, cannot be removed: name to reason."""
    infinite: Mapping[str, str] = field(default_factory=dict)
    """Groups whose units are infinite where their weights are 0: name to the step that makes them so."""

    @property
    def widths(self) -> dict[str, int]:
        """The number of units of every group."""
        return {name: group.width for name, group in self.groups.items()}

    def check(self, model: nn.Module, masks: UnitMasks) -> dict[str, Tensor]:
        """The masks as bool tensors on the CPU, once they are known to fit and the units to be this network's.

        Raises:
            InputError: an unknown group, another shape, values other than 0 and 1, a group of which no unit is left,
                or a network of another architecture.
        """
        check_model(model)
        check_tensors("unit_masks", masks)
        found = {}
        for name, mask in masks.items():
            if name not in self.groups:
                raise UnknownNameError("group of units in unit_masks", name, self.groups)
            group = self.groups[name]
            require(
                tuple(mask.shape) == (group.width,),
                f"unit_masks[{name!r}] must have shape ({group.width},), got {tuple(mask.shape)}",
            )
            binary = mask.dtype == torch.bool or bool(((mask == 0) | (mask == 1)).all())
            require(binary, f"unit_masks[{name!r}] must hold only 0 and 1 (or be boolean)")
            require(bool(mask.any()), f"unit_masks[{name!r}] must keep at least one unit")
            found[name] = mask.bool().cpu()
        self._check_architecture(model)
        return found

    def _check_architecture(self, model: nn.Module) -> None:
        for group in self.groups.values():
            for place in group.places:
                shape = _shape(model, place)
                fits = place.dimension < len(shape) and int(place.index.max()) < shape[place.dimension]
                require(fits, f"these units belong to another network: {place.parameter!r} has shape {shape} here")

    def removed(self, masks: UnitMasks) -> dict[tuple[str, int], Tensor]:
        """The positions that go, by parameter and dimension; ``masks`` as `check` returns them."""
        parts: dict[tuple[str, int], list[Tensor]] = {}
        for name, mask in masks.items():
            for place in self.groups[name].places:
                parts.setdefault((place.parameter, place.dimension), []).append(place.index[~mask].flatten())
        return {key: torch.cat(found) for key, found in parts.items()}


def _shape(model: nn.Module, place: Place) -> tuple[int, ...]:
    """Of what holds the place, a count being one dimension; empty where there is no such thing."""
    try:
        value = getattr(model.get_submodule(place.layer), place.parameter.rpartition(".")[2])
    except AttributeError:
        return ()
    return (value,) if isinstance(value, int) else tuple(getattr(value, "shape", ()))
