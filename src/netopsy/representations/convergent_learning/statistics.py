"""Means, deviations and correlations of the units of several networks, in one pass over the images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.capture import layer_activations
from netopsy.core.errors import require
from netopsy.core.modes import check_model, device_of
from netopsy.core.moments import Moments, unit_rows

DEAD = 1e-6
"""A unit whose standard deviation is less than this is dead."""


@dataclass(frozen=True)
class UnitStats:
    """What was seen of the units of a layer of every network, on the same images and places.

    Dead units keep their place and have correlations of 0; ``alive`` tells them.
    """

    moments: Moments
    """Of all units side by side."""
    sizes: tuple[int, ...]
    """Units of each network."""

    @property
    def count(self) -> int:
        """Samples, places of a grid counted one by one."""
        return self.moments.count

    def part(self, network: int) -> slice:
        """Where the units of a network are among all."""
        start = sum(self.sizes[:network])
        return slice(start, start + self.sizes[network])

    def mean(self, network: int) -> Float[Tensor, "units"]:
        """Of each unit."""
        assert self.moments.mean is not None
        return self.moments.mean[self.part(network)]

    def std(self, network: int) -> Float[Tensor, "units"]:
        """Standard deviation of each unit."""
        return self.moments.std()[self.part(network)]

    def alive(self, network: int) -> Bool[Tensor, "units"]:
        """Whether each unit ever changes."""
        return self.std(network) > DEAD

    def correlation(self, first: int, second: int) -> Float[Tensor, "units_first units_second"]:
        """Pearson's, of every unit of one network with every unit of another one, or of the same."""
        return self.moments.correlation(DEAD)[self.part(first), self.part(second)]

    def second_moments(self, of: UnitStats, first: int, second: int) -> Float[Tensor, "units_first units_second"]:
        """Mean products of units that were standardised by ``of``, as they are here: for other images than those."""
        assert self.moments.mean is not None
        assert of.moments.mean is not None
        std = of.moments.std()
        scale = torch.where(std > DEAD, std, torch.inf)
        shift = (self.moments.mean - of.moments.mean) / scale
        products = self.moments.covariance() / torch.outer(scale, scale) + torch.outer(shift, shift)
        return products[self.part(first), self.part(second)]


@checked
def unit_statistics(
    models: Sequence[nn.Module], layers: str | Sequence[str], inputs: Tensor | Iterable[Tensor]
) -> UnitStats:
    """Correlations within and between the layers of several networks; a channel is one unit at all of its places.

    Li et al. 2016, section 2.2. The networks run in evaluation mode; memory does not grow with the images.

    Args:
        layers: one name for all networks, or one for each; layers may have different widths.
        inputs: images ``[samples, ...]``, or batches of them.

    Raises:
        InputError: no network, not as many layers as networks, grids of different sizes, no input, fewer than two
            units that ever change in a network, or activations that are not finite.

    >>> from netopsy.models import mlp
    >>> stats = unit_statistics([mlp([4, 8, 2], seed=0), mlp([4, 6, 2], seed=1)], "act1", torch.randn(50, 4))
    >>> stats.sizes, stats.correlation(0, 1).shape
    ((8, 6), torch.Size([8, 6]))
    """
    require(len(models) > 0, "models is empty; give at least one network")
    for model in models:
        check_model(model)
    names = [layers] * len(models) if isinstance(layers, str) else list(layers)
    require(len(names) == len(models), f"layers must be one name, or one a network ({len(models)}), got {len(names)}")
    shape = list(inputs.shape) if isinstance(inputs, Tensor) else [1, 1]
    require(len(shape) > 1, f"inputs must be [samples, ...], or batches of them, got a tensor of shape {shape}")
    moments, sizes = Moments(), None
    for batch in inputs.split(256) if isinstance(inputs, Tensor) else inputs:
        rows = [
            unit_rows(layer_activations(model, batch.to(device_of(model)), name)[name]).cpu()
            for model, name in zip(models, names, strict=True)
        ]
        counts = [len(each) for each in rows]
        require(
            len(set(counts)) == 1,
            f"layers must have as many places in all networks, but one batch gave {counts} rows: choose layers whose "
            "grids are of one size",
        )
        sizes = tuple(each.shape[1] for each in rows)
        moments.update(torch.cat([each.double() for each in rows], 1) if _mixed(rows) else torch.cat(rows, 1))
    require(sizes is not None, "inputs is empty; give at least one batch")
    assert sizes is not None
    return _checked(UnitStats(moments, sizes))


@checked
def statistics_of(series: Sequence[Tensor]) -> UnitStats:
    """The same of activations that are already there, a table a network with the same samples as rows.

    Raises:
        InputError: no table, tables of different lengths, or fewer than two units that ever change in one.

    >>> statistics_of([torch.randn(9, 3), torch.randn(9, 4)]).sizes
    (3, 4)
    """
    require(len(series) > 0, "series is empty; give at least one table")
    shapes = [list(each.shape) for each in series]
    fits = all(len(shape) == 2 for shape in shapes) and len({shape[0] for shape in shapes}) == 1
    require(fits, f"series must be tables [samples, units] with the same samples as rows, got {shapes}")
    moments = Moments()
    moments.update(torch.cat(list(series), 1))
    return _checked(UnitStats(moments, tuple(each.shape[1] for each in series)))


def _mixed(rows: Sequence[Tensor]) -> bool:
    return len({each.dtype for each in rows}) > 1


def _checked(stats: UnitStats) -> UnitStats:
    for network in range(len(stats.sizes)):
        alive = int(stats.alive(network).sum())
        require(alive >= 2, f"network {network} has {alive} units that ever change; at least 2 are needed")
    return stats
