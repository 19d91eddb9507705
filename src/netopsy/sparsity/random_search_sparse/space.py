"""What there is to search: sets of hidden units, or of weights, of a given size."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.errors import UnknownNameError, require
from netopsy.core.masks import prunable_parameters, zero_masked
from netopsy.core.modes import check_model
from netopsy.core.seeds import generator
from netopsy.core.units import Units, compact, unit_groups

DRAWN_AT_ONCE = 2**24
"""Random numbers held at a time while masks are drawn."""


class SearchSpace(ABC):
    """Layers of which each keeps so many of its entries; a configuration says which."""

    @property
    @abstractmethod
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """The shape of every layer's mask."""

    @abstractmethod
    def multipliers(self, model: nn.Module, masks: Mapping[str, Tensor], gain: float) -> dict[str, Tensor]:
        """What to multiply parameters by, ``[candidates, ...]``; ``gain`` raises h/k to the factor on what is kept."""

    @abstractmethod
    def network(self, model: nn.Module, masks: Mapping[str, Tensor], gain: float = 0.0) -> nn.Module:
        """The network of one configuration, as a module of its own."""

    def kept(self, sparsity: float | int) -> dict[str, int]:
        """How many entries each layer keeps: ``max(1, round((1 - sparsity) h))``.

        Raises:
            InputError: a sparsity outside [0, 1).
        """
        real = isinstance(sparsity, float | int) and not isinstance(sparsity, bool)
        require(real and 0 <= sparsity < 1, f"sparsity must be in [0, 1), got {sparsity!r}")
        return {name: max(1, round((1 - sparsity) * math.prod(shape))) for name, shape in self.shapes.items()}

    def size(self, sparsity: float | int) -> int:
        """How many configurations there are at a sparsity, exactly."""
        kept = self.kept(sparsity)
        return math.prod(math.comb(math.prod(shape), kept[name]) for name, shape in self.shapes.items())

    def sample(self, sparsity: float | int, n: int, *, seed: int | torch.Generator = 0) -> dict[str, Tensor]:
        """``n`` configurations, drawn uniformly and layer by layer independently.

        Returns:
            name to a bool tensor ``[n, *shape]``, True where an entry is kept.

        Raises:
            InputError: a sparsity outside [0, 1), or no candidate asked for.
        """
        kept = self.kept(sparsity)
        whole = isinstance(n, int) and not isinstance(n, bool)
        require(whole and n >= 1, f"n must be an int of at least 1, got {n!r}")
        random = generator(seed)
        return {
            name: _subsets(math.prod(shape), kept[name], n, random).view(n, *shape)
            for name, shape in self.shapes.items()
        }


def _subsets(width: int, kept: int, n: int, random: torch.Generator) -> Tensor:
    """``[n, width]``: in each row so many True, every subset as likely."""
    masks = torch.zeros(n, width, dtype=torch.bool)
    for part in masks.split(max(1, DRAWN_AT_ONCE // width)):
        # In double precision two equal numbers, which sorting would order by their place, do not come up.
        order = torch.rand(part.shape, generator=random, dtype=torch.float64).argsort(1)
        part.scatter_(1, order[:, :kept], True)
    return masks


@dataclass(frozen=True, eq=False)
class NodeSpace(SearchSpace):
    """Sets of hidden units; `node_space` makes one."""

    units: Units
    """All units of the network that can be removed, and what could not be."""
    layers: tuple[str, ...]
    """The groups that are searched."""

    @property
    def widths(self) -> dict[str, int]:
        """The number of units of every group that is searched."""
        return {name: self.units.groups[name].width for name in self.layers}

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: (width,) for name, width in self.widths.items()}

    def multipliers(self, model: nn.Module, masks: Mapping[str, Tensor], gain: float) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name, mask in masks.items():
            values = mask.float() * _factor(mask, gain)
            for place in self.units.groups[name].consumers:
                size = model.get_parameter(place.parameter).shape[place.dimension]
                whole = found.setdefault(place.parameter, torch.ones(len(mask), *[1] * place.dimension, size))
                whole[..., place.index.flatten()] = values.repeat_interleave(place.repeat, 1).view(
                    len(mask), *[1] * place.dimension, -1
                )
        return found

    def network(self, model: nn.Module, masks: Mapping[str, Tensor], gain: float = 0.0) -> nn.Module:
        if not gain:
            return compact(model, self.units, masks)
        scaled = copied(model)
        with torch.no_grad():
            for name, mask in masks.items():
                for place in self.units.groups[name].consumers:
                    weight = scaled.get_parameter(place.parameter)
                    part = weight.index_select(place.dimension, place.index.flatten().to(weight.device))
                    weight.index_copy_(
                        place.dimension,
                        place.index.flatten().to(weight.device),
                        part * float(_factor(mask[None], gain)),
                    )
        return compact(scaled, self.units, masks)


def _factor(masks: Tensor, gain: float) -> float:
    """``(h / k) ** gain``; all candidates keep as many."""
    return float((masks[0].numel() / masks[0].sum()) ** gain)


@dataclass(frozen=True, eq=False)
class WeightSpace(SearchSpace):
    """Sets of single weights, layer by layer; the network keeps its size."""

    weights: Mapping[str, tuple[int, ...]]
    """Parameter name to shape."""

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        return self.weights

    def multipliers(self, model: nn.Module, masks: Mapping[str, Tensor], gain: float) -> dict[str, Tensor]:
        return {name: mask.float() * _factor(mask, gain) for name, mask in masks.items()}

    def network(self, model: nn.Module, masks: Mapping[str, Tensor], gain: float = 0.0) -> nn.Module:
        sparse = zero_masked(copied(model), masks)
        with torch.no_grad():
            for name, mask in masks.items():
                sparse.get_parameter(name).mul_(_factor(mask[None], gain))
        return sparse


@checked
def node_space(model: nn.Module, example_input: Tensor, *, layers: Sequence[str] | None = None) -> NodeSpace:
    """The hidden units of a network that can be searched: neurons, channels, and groups of those that are tied.

    Layers whose units cannot be removed safely are left out with a warning that gives the reason
    (`netopsy.core.units.unit_groups` finds both). Inputs and outputs of the network are never searched.

    Args:
        example_input: what the network takes, ``[batch, ...]``; only its shape matters.
        layers: the groups to search, by the name of the first layer that makes them; all by default. Others keep
            every unit.

    Raises:
        InputError: a network that cannot be traced, without hidden units to remove, or without such a layer.

    Source: the search over the node space of the paper's abstract; that several layers are drawn jointly, each
    independently, is ours (the full text is unconfirmed).

    >>> from netopsy.models import mlp
    >>> space = node_space(mlp([64, 6, 6, 10]), torch.zeros(1, 64))
    >>> space.widths, space.size(0.5)
    ({'fc1': 6, 'fc2': 6}, 400)
    """
    units = unit_groups(model, example_input)
    reasons = [f"{name} ({why})" for name, why in units.left_out.items() if "outputs of the network" not in why]
    if reasons:
        warnings.warn(f"some units are not searched: {'; '.join(reasons)}", stacklevel=3)
    require(units.groups, "the network has no hidden units that can be removed")
    for name in layers if layers is not None else ():
        if name not in units.groups:
            raise UnknownNameError("group of hidden units in layers", name, units.groups)
    chosen = tuple(units.groups) if layers is None else tuple(layers)
    require(chosen, "layers must name at least one group of hidden units, got none")
    return NodeSpace(units, chosen)


@checked
def weight_space(model: nn.Module, *, exclude: Sequence[str] = ()) -> WeightSpace:
    """Sets of weights of all linear and convolutional layers: the finer space, in which no unit goes as a whole.

    Args:
        exclude: module names to leave out.

    Raises:
        InputError: see `netopsy.core.masks.prunable_parameters`.

    >>> from netopsy.models import mlp
    >>> weight_space(mlp([4, 3, 2])).size(0.5)
    18480
    """
    check_model(model)
    return WeightSpace(
        {name: tuple(value.shape) for name, value in prunable_parameters(model, exclude=exclude).items()}
    )
