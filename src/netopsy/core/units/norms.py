"""How much each unit can matter, by the size of its weights."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from netopsy.core.arguments import checked
from netopsy.core.units.groups import Place, Units


@torch.no_grad()
@checked
def unit_norms(model: nn.Module, units: Units) -> dict[str, Tensor]:
    """The Euclidean norm of the weights that make each unit, times that of the weights that read it.

    Where a normalisation rescales the units, its own weights stand for those that make them, whose size then does not
    matter. Scaling a rectified unit up and what reads it down, which changes nothing, so changes no norm.

    Returns:
        name of a group to its norms ``[width]``, on the CPU.

    Raises:
        InputError: ``units`` are those of another network.

    Source: filters of small norm go first in H. Li et al. 2017 (arXiv 1608.08710), section 3.1, channels of a small
    weight in their batch norm in Z. Liu et al. 2017 (arXiv 1708.06519); the product of both sides is ours.

    >>> from netopsy.core.units import unit_groups
    >>> net = nn.Sequential(nn.Linear(2, 2, bias=False), nn.ReLU(), nn.Linear(2, 1))
    >>> net[0].weight.data = torch.tensor([[3.0, 4.0], [0.0, 1.0]])
    >>> net[2].weight.data = torch.tensor([[-2.0, 1.0]])
    >>> unit_norms(net, unit_groups(net, torch.zeros(1, 2)))["0"].tolist()
    [10.0, 1.0]
    """
    units.check(model, {})
    found = {}
    for name, group in units.groups.items():
        scales = [place for place in group.norms if _scales(model, place)]
        made = _norm(model, scales or group.producers, group.width)
        read = _norm(model, group.consumers, group.width) if group.consumers else torch.ones(group.width)
        found[name] = (made * read).float()
    return found


def _scales(model: nn.Module, place: Place) -> bool:
    return place.parameter.endswith("weight") and isinstance(model.get_submodule(place.layer), _NormBase | nn.GroupNorm)


def _norm(model: nn.Module, places: Iterable[Place], width: int) -> Tensor:
    squares = torch.zeros(width, dtype=torch.float64)
    for place in places:
        weight = model.get_parameter(place.parameter).detach().cpu().double()
        rows = weight.transpose(0, place.dimension).reshape(weight.shape[place.dimension], -1).square().sum(1)
        squares += rows[place.index].sum(1)
    return squares.sqrt()
