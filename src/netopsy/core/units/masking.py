"""Networks that run without some of their units, as masks: on what reads the units, or on the weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.modes import uncompiled
from netopsy.core.units.groups import UnitMasks, Units


@contextmanager
def apply_unit_masks(model: nn.Module, units: Units, unit_masks: UnitMasks) -> Iterator[nn.Module]:
    """Inside the block, units that ``unit_masks`` drop are 0 to every layer that reads them.

    That is behind their activation and their norm: a unit with a bias, or with the shift of a batch norm, is silent
    too. Gradients of what is kept are those of the smaller network. Weights stay as they are.

    Args:
        units: what `unit_groups` found in this network.
        unit_masks: name of a group to a bool tensor, True where a unit is kept.

    Raises:
        InputError: see `Units.check`.

    >>> import torch
    >>> from netopsy.core.units import unit_groups
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.Sigmoid(), nn.Linear(3, 1, bias=False))
    >>> units = unit_groups(net, torch.zeros(1, 2))
    >>> with apply_unit_masks(net, units, {"0": torch.tensor([True, False, False])}):
    ...     masked = net(torch.zeros(1, 2))
    >>> bool(masked == net[0].bias[0].sigmoid() * net[2].weight[0, 0])
    True
    """
    masks = units.check(model, unit_masks)
    silent: dict[str, Tensor] = {}
    for name, mask in masks.items():
        for place in units.groups[name].consumers:
            weight = model.get_parameter(place.parameter)
            none = torch.zeros(weight.shape[place.dimension], dtype=torch.bool, device=weight.device)
            silent.setdefault(place.layer, none)[place.index[~mask].flatten()] = True
    handles = [
        model.get_submodule(name).register_forward_pre_hook(_silencing(gone), with_kwargs=True)
        for name, gone in silent.items()
    ]
    try:
        with uncompiled(model):
            yield model
    finally:
        for handle in handles:
            handle.remove()


def _silencing(gone: Tensor) -> Callable[[nn.Module, Any, Any], Any]:
    """A hook that puts 0 for what is gone, also where that is infinite."""

    def hook(module: nn.Module, given: Any, named: Any) -> Any:
        inputs, *others = given or (named["input"],)
        grid = len(module.kernel_size) if isinstance(module, _ConvNd) else 0
        heard = inputs.masked_fill(gone.to(inputs.device).view(-1, *[1] * grid), 0)
        return ((heard, *others), named) if given else ((), {**named, "input": heard})

    return hook


@checked
def weight_masks(model: nn.Module, units: Units, unit_masks: UnitMasks) -> dict[str, Tensor]:
    """The same as masks over weights: for what trains or stores networks with weight masks (`netopsy.core.masks`).

    Everything that belongs to a removed unit is dropped: its weights, bias and entries in norms, and what reads it.

    Returns:
        parameter name to a bool tensor of its shape, for every parameter of the groups in ``units``.

    Raises:
        InputError: see `Units.check`; or units whose output is infinite where their weights are 0, as the logarithm of
            a rectified unit is.

    >>> import torch
    >>> from netopsy.core.units import unit_groups
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> masks = weight_masks(net, unit_groups(net, torch.zeros(1, 2)), {"0": torch.tensor([True, False, True])})
    >>> masks["0.bias"].tolist(), masks["2.weight"].tolist()
    ([True, False, True], [[True, False, True]])
    """
    checked_masks = units.check(model, unit_masks)
    for name, step in units.infinite.items():
        require(
            name not in checked_masks or bool(checked_masks[name].all()),
            f"unit_masks drops units of {name!r}, which {step!r} makes infinite where their weights are 0: remove them "
            "with apply_unit_masks or compact",
        )
    removed = units.removed(checked_masks)
    parameters = dict(model.named_parameters())
    named = [place.parameter for group in units.groups.values() for place in group.places]
    masks = {name: torch.ones_like(parameters[name], dtype=torch.bool) for name in named if name in parameters}
    for (name, dimension), positions in removed.items():
        if name in masks:
            masks[name].index_fill_(dimension, positions.to(masks[name].device), False)
    return masks


@checked
def kept_parameters(model: nn.Module, units: Units, unit_masks: UnitMasks) -> int:
    """How many parameters the network has without the units that ``unit_masks`` drop; every position counts once.

    Raises:
        InputError: see `Units.check`.

    >>> import torch
    >>> from netopsy.core.units import unit_groups
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> kept_parameters(net, unit_groups(net, torch.zeros(1, 2)), {"0": torch.tensor([True, False, True])})
    9
    """
    removed = units.removed(units.check(model, unit_masks))
    total = 0
    for name, parameter in model.named_parameters():
        count = 1
        for dimension, size in enumerate(parameter.shape):
            count *= size - len(removed.get((name, dimension), ()))
        total += count
    return total
