"""The smaller network: the same layers with the rows and columns of removed units left out."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.pad_shortcut import PadShortcut
from netopsy.core.units.groups import UnitMasks, Units


@checked
def compact(model: nn.Module, units: Units, unit_masks: UnitMasks) -> nn.Module:
    """A copy of the network that has only the units that ``unit_masks`` keep: an ordinary module with smaller layers.

    It computes what the network computes inside `apply_unit_masks`, up to rounding.

    Args:
        units: what `unit_groups` found in this network.
        unit_masks: name of a group to a bool tensor, True where a unit is kept.

    Raises:
        InputError: see `Units.check`.

    >>> from netopsy.core.units import unit_groups
    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> compact(net, unit_groups(net, torch.zeros(1, 2)), {"0": torch.tensor([True, False, True])})
    Sequential(
      (0): Linear(in_features=2, out_features=2, bias=True)
      (1): ReLU()
      (2): Linear(in_features=2, out_features=1, bias=True)
    )
    """
    removed = units.removed(units.check(model, unit_masks))
    replaced = {name for name, _ in removed}
    smaller = copied(model, (value for name, value in model.named_parameters() if name in replaced))
    by_layer: dict[str, list[tuple[str, int, Tensor]]] = defaultdict(list)
    for (name, dimension), positions in removed.items():
        layer, _, own = name.rpartition(".")
        by_layer[layer].append((own, dimension, positions))
    for layer, cuts in by_layer.items():
        _shrink(smaller.get_submodule(layer), cuts)
    return smaller


@torch.no_grad()
def _shrink(module: nn.Module, cuts: list[tuple[str, int, Tensor]]) -> None:
    for name, dimension, positions in cuts:
        if isinstance(module, PadShortcut):
            module.remove_zeros(positions)
            return
        value = getattr(module, name)
        if isinstance(value, int):
            setattr(module, name, value - len(positions))
            return
        kept = torch.ones(value.shape[dimension], dtype=torch.bool)
        kept[positions] = False
        left = value.index_select(dimension, kept.nonzero()[:, 0].to(value.device))
        if isinstance(value, nn.Parameter):
            left = nn.Parameter(left, requires_grad=value.requires_grad)
        setattr(module, name, left)
    _set_sizes(module)


def _set_sizes(module: Any) -> None:
    """What a layer says of its sizes, from its parameters."""
    if isinstance(module, _ConvNd):
        rows, columns = module.weight.shape[:2]
        before = module.in_channels if isinstance(module, _ConvTransposeNd) else module.out_channels
        groups = module.groups * rows // before if module.groups > 1 else 1
        if isinstance(module, _ConvTransposeNd):
            module.in_channels, module.out_channels = rows, columns * groups
        else:
            module.out_channels, module.in_channels = rows, columns * groups
        module.groups = groups
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif isinstance(module, _NormBase):
        first = next(each for each in (module.weight, module.running_mean) if each is not None)
        module.num_features = len(first)
    elif isinstance(module, nn.GroupNorm):
        module.num_groups = module.num_groups * len(module.weight) // module.num_channels
        module.num_channels = len(module.weight)
    elif isinstance(module, nn.PReLU):
        module.num_parameters = len(module.weight)
