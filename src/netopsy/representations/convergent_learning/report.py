"""All three comparisons of two networks at once, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.drawing import PALETTE, panel, style
from netopsy.core.errors import require
from netopsy.core.progress import track
from netopsy.representations.convergent_learning.clusters import UnitClusters, spectral_unit_clusters
from netopsy.representations.convergent_learning.mapping import held_out_loss, sparse_mapping
from netopsy.representations.convergent_learning.matching import Matching, match_units
from netopsy.representations.convergent_learning.statistics import UnitStats, unit_statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Convergence:
    """How far the units of a layer of two networks are the same."""

    matching: Matching
    """One to one."""
    semi: Matching
    """The best partner of each unit, whoever else takes it."""
    single_loss: float
    """Held-out half squared error of the best single unit with its best slope."""
    dense_loss: float
    """That of the least-squares map from all units."""
    clusters: UnitClusters
    """Many to many."""

    @style()
    def plot(self, ax: Axes | None = None) -> Axes:
        """Correlations with the partner, sorted, as the paper shows them."""
        axes = panel(ax)
        for each, words, colour in (
            (self.semi, "best partner", PALETTE[5]),
            (self.matching, "one to one", PALETTE[0]),
        ):
            axes.plot(each.value[each.index >= 0].sort(descending=True).values.numpy(), color=colour, label=words)
        axes.set(xlabel="units, best matched first", ylabel="correlation", ylim=(min(0, axes.get_ylim()[0]), 1.02))
        axes.legend()
        return axes


@checked
def convergence_report(
    models: Sequence[nn.Module], layers: Sequence[str], inputs: Tensor, held_out: Tensor, *, seed: int = 0
) -> Mapping[str, Convergence]:
    """How far two networks have learned the same, at each of their layers of one name.

    Args:
        models: two networks.
        inputs: images by which units are matched and maps are made.
        held_out: others, on which the maps are judged.

    Raises:
        InputError: not two networks, no layer, or see `unit_statistics`.

    >>> from netopsy.models import mlp
    >>> x = torch.randn(80, 4, generator=torch.Generator().manual_seed(0))
    >>> found = convergence_report([mlp([4, 8, 2], seed=s) for s in (0, 0)], ["act1"], x[:60], x[60:])
    >>> round(found["act1"].matching.mean, 6)
    1.0
    """
    require(len(models) == 2, f"models must be two networks, got {len(models)}")
    require(len(layers) > 0, "layers is empty; give at least one name")
    found = {}
    for layer in track(layers, "comparing layers"):
        stats, other = (unit_statistics(models, layer, some) for some in (inputs, held_out))
        between = _living(stats)
        dense = sparse_mapping(stats, 0, 1, 0.0)
        found[layer] = Convergence(
            match_units(between),
            match_units(between, "semi"),
            float(single_unit_loss(stats, other, 0, 1).nanmean()),
            float(held_out_loss(dense, stats, other, 0, 1).nanmean()),
            spectral_unit_clusters(stats, seed=seed),
        )
    return found


@checked
def single_unit_loss(stats: UnitStats, held_out: UnitStats, source: int, target: int) -> Tensor:
    """Held-out half squared error of each target, predicted by its best single unit with the best slope."""
    between = stats.correlation(source, target)
    best = between.abs().argmax(0)
    slope = between.gather(0, best[None])[0]
    products = held_out.second_moments(stats, source, target).gather(0, best[None])[0]
    squares = held_out.second_moments(stats, source, source).diagonal()[best]
    own = held_out.second_moments(stats, target, target).diagonal()
    loss = 0.5 * (own - 2 * slope * products + slope.square() * squares)
    return torch.where(stats.alive(target), loss, torch.nan)


def _living(stats: UnitStats) -> Tensor:
    return stats.correlation(0, 1)[stats.alive(0)][:, stats.alive(1)]
