"""Networks that differ in the order of their hidden units alone: where each unit stands, and states reordered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Int
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import UnknownNameError, require
from netopsy.core.masks import check_tensors
from netopsy.core.parameters import State
from netopsy.core.seeds import generator
from netopsy.core.units import Place, unit_groups

Permutation = Mapping[str, Tensor]
"""Name of a group to ``[width]`` whole numbers: unit ``i`` afterwards is unit ``permutation[i]`` before."""


@dataclass(frozen=True, eq=False)
class PermutationSpec:
    """Groups of units that may change places with one another, and where in the network's state each of them stands."""

    groups: Mapping[str, tuple[Place, ...]]
    """Name of a group to its places: rows of the weights that make the units, columns of those that read them, biases,
    entries of normalisations."""
    layers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Name of a group to the layers that put its units out."""
    buffers: frozenset[str] = frozenset()
    """Entries that go along and are no weights, such as running statistics: no one compares them."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Layers whose units, or some of them, keep their places: name to reason."""

    @property
    def widths(self) -> dict[str, int]:
        """The number of units of every group."""
        return {name: len(places[0].index) for name, places in self.groups.items()}


@checked
def permutation_spec(model: nn.Module, example_input: Tensor) -> PermutationSpec:
    """Which units of a network may change places without changing what it computes.

    The forward pass is followed as by `netopsy.core.units.unit_groups`: what residual additions tie moves together, a
    channel takes all its inputs of a layer behind a flattening along, and blocks of grouped convolutions and of group
    norms move as a whole. Units that meet something in which they are not alone keep their places, as `fixed` says.

    Raises:
        InputError: a network that cannot be traced, for which a spec can be written by hand (`manual_spec`), or one
            that does not take the example.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> permutation_spec(net, torch.zeros(1, 2)).widths
    {'0': 3}
    """
    units = unit_groups(model, example_input)
    state, parameters = model.state_dict(), dict(model.named_parameters())
    groups = {
        # Numbers that count the units, or channels of zeros, do not change with their order.
        name: tuple(place for place in group.places if place.parameter in state)
        for name, group in units.groups.items()
        if group.width > 1
    }
    return PermutationSpec(
        {name: places for name, places in groups.items() if places},
        {name: units.groups[name].layers for name in groups},
        frozenset(set(state) - set(parameters)),
        units.left_out,
    )


@checked
def manual_spec(
    groups: Mapping[str, Sequence[tuple[str, int]]], state: State, *, buffers: Sequence[str] = ()
) -> PermutationSpec:
    """A spec for a network that cannot be traced.

    Args:
        groups: name of a group to its places, ``(name in the state, axis)``. The first place has one entry a unit; an
            axis that is a multiple of it, as behind a flattening, has so many in a row for each.
        state: of the network.
        buffers: entries that are no weights, such as running statistics.

    Raises:
        InputError: no place, an unknown entry, an axis that is not there, or sizes that do not go together.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> manual_spec({"hidden": [("0.weight", 0), ("0.bias", 0), ("2.weight", 1)]}, net.state_dict()).widths
    {'hidden': 3}
    """
    check_tensors("state", state)
    found: dict[str, tuple[Place, ...]] = {}
    for group, places in groups.items():
        require(len(places) > 0, f"groups[{group!r}] names no place")
        own: list[Place] = []
        for name, axis in places:
            if name not in state:
                raise UnknownNameError("entry of the state in groups", name, state)
            shape = tuple(state[name].shape)
            require(0 <= axis < len(shape), f"groups[{group!r}]: {name!r} of shape {shape} has no axis {axis}")
            width = len(own[0].index) if own else shape[axis]
            require(
                width > 0 and shape[axis] % width == 0,
                f"groups[{group!r}]: axis {axis} of {name!r} has {shape[axis]} entries, but {places[0][0]!r} has "
                f"{width} units",
            )
            own.append(Place(name, axis, torch.arange(shape[axis]).view(width, -1)))
        found[group] = tuple(own)
    return PermutationSpec(found, buffers=frozenset(buffers))


@checked
def apply_permutation(spec: PermutationSpec, permutation: Permutation, state: State) -> dict[str, Tensor]:
    """The state with its units reordered: a network that computes the same.

    Args:
        permutation: groups that it does not name keep their order.

    Raises:
        InputError: an unknown group, something that is no permutation of its units, a state of another network.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> spec = permutation_spec(net, torch.zeros(1, 2))
    >>> turned = apply_permutation(spec, {"0": torch.tensor([2, 0, 1])}, net.state_dict())
    >>> torch.equal(turned["0.bias"], net[0].bias[[2, 0, 1]])
    True
    """
    check_state(spec, state, "state")
    check_tensors("permutation", permutation)
    orders: dict[tuple[str, int], Tensor] = {}
    for group, order in permutation.items():
        if group not in spec.groups:
            raise UnknownNameError("group in permutation", group, spec.groups)
        width = spec.widths[group]
        whole = order.shape == (width,) and not order.is_floating_point()
        fits = whole and torch.equal(order.cpu().sort().values.long(), torch.arange(width))
        require(fits, f"permutation[{group!r}] must hold each of the {width} unit numbers once")
        for place in spec.groups[group]:
            key = place.parameter, place.dimension
            positions = orders.setdefault(key, torch.arange(state[place.parameter].shape[place.dimension]))
            positions[place.index.flatten()] = place.index[order.cpu().long()].flatten()
    moved = {name: value.detach().clone() for name, value in state.items()}
    for (name, axis), positions in orders.items():
        moved[name] = moved[name].index_select(axis, positions.to(moved[name].device))
    return moved


@checked
def random_permutation(spec: PermutationSpec, *, seed: int = 0) -> dict[str, Int[Tensor, "_"]]:
    """Every order of units as likely as any other.

    Raises:
        InputError: a negative seed.

    >>> spec = manual_spec({"hidden": [("0.weight", 0)]}, nn.Sequential(nn.Linear(2, 3)).state_dict())
    >>> sorted(random_permutation(spec)["hidden"].tolist())
    [0, 1, 2]
    """
    random = generator(seed)
    return {name: torch.randperm(width, generator=random) for name, width in spec.widths.items()}


def check_state(spec: PermutationSpec, state: State, argument: str) -> None:
    """Raise `InputError` unless the state has what the spec names."""
    check_tensors(argument, state)
    for places in spec.groups.values():
        for place in places:
            if place.parameter not in state:
                raise UnknownNameError(f"entry in {argument} that the spec names", place.parameter, state)
            shape = tuple(state[place.parameter].shape)
            fits = place.dimension < len(shape) and int(place.index.max()) < shape[place.dimension]
            require(fits, f"{argument} is of another network than spec: {place.parameter!r} has shape {shape}")
