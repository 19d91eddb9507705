"""A network pruned at random before training, and what was kept of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.drawing import PALETTE, label, panel, style
from netopsy.core.errors import InputError, UnknownNameError, require
from netopsy.core.masks import density as density_of
from netopsy.core.masks import prunable_parameters, zero_masked
from netopsy.models import initialise
from netopsy.sparsity.random_pruning.score_ratios import grasp_densities, snip_densities
from netopsy.sparsity.ratios import METHODS, layer_densities, random_masks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SCORED: Mapping[str, Callable[..., dict[str, float]]] = {"snip": snip_densities, "grasp": grasp_densities}


@dataclass(frozen=True, eq=False)
class RandomlyPruned:
    """A network pruned at random, its masks, and what share of every layer they keep."""

    network: nn.Module
    """A copy of the network with the dropped weights at zero; train it with ``masks``."""
    masks: Mapping[str, Tensor]
    """Parameter name to bool mask."""
    densities: Mapping[str, float]
    """Parameter name to the share that the method wanted."""
    raised: tuple[str, ...] = ()
    """Layers whose share is less than ``min_per_layer`` weights, which they keep instead."""

    @property
    def density(self) -> float:
        """The share of weights kept, over all masks."""
        return density_of(self.masks)

    def report(self) -> str:
        """A line a layer: how many weights it has, how many of them are kept, and their share.

        >>> print(randomly_prune(nn.Linear(4, 5), 0.3).report())
        layer   weights  kept  density
        weight       20     6    0.300
        all          20     6    0.300
        """
        rows = [("layer", "weights", "kept", "density")]
        rows += [_row(name, [mask], " (raised)" * (name in self.raised)) for name, mask in self.masks.items()]
        rows.append(_row("all", list(self.masks.values())))
        return _aligned(rows)

    @style()
    def plot(self, ax: Axes | None = None) -> Axes:
        """The share that is kept of every layer, the first on top."""
        ax = panel(ax, 5.0, 0.6 + 0.22 * len(self.masks))
        shares = [100 * density_of({name: mask}) for name, mask in self.masks.items()]
        ax.barh(range(len(shares)), shares, color=PALETTE[0])
        ax.set_yticks(range(len(shares)), [label(name, 32) for name in self.masks])
        ax.set(xlabel="weights kept (%)", ylim=(len(shares) - 0.5, -0.5))
        return ax


@checked
def randomly_prune(
    model: nn.Module,
    density: float | int,
    method: str = "erk",
    *,
    inputs: Tensor | None = None,
    targets: Tensor | None = None,
    exclude: Sequence[str] = (),
    dense: Sequence[str] = (),
    exact: bool = True,
    min_per_layer: int = 1,
    init_scale: bool = False,
    seed: int = 0,
) -> RandomlyPruned:
    """Delete weights at random: the share of every layer by ``method``, which ones by chance.

    Liu et al. 2022 (arXiv 2202.02643), section 3. Biases and norms stay dense. The masks are fixed from here on: train
    with ``fit(found.network, data, recipe, masks=found.masks)``, or any optimiser within
    ``apply_masks(found.network, found.masks)``.

    Args:
        model: stays as it is.
        density: share of the prunable weights to keep, in (0, 1].
        method: one of `netopsy.sparsity.ratios.METHODS`, or ``snip`` or ``grasp``, which score one batch.
        inputs, targets: that batch.
        exclude: modules left alone, outside the budget.
        dense: parameters that stay dense within it; not for ``snip`` and ``grasp``.
        exact: as in `netopsy.sparsity.ratios.random_masks`, as are ``min_per_layer`` and ``seed``.
        init_scale: draw all weights of the copy anew, He-normal for the inputs that are left: with variance
            ``2 / (fan_in * share)``.

    Raises:
        InputError: nothing to prune, an unknown method, a density out of range or that cannot be reached, or a missing
            batch.

    >>> from netopsy.models import mlp
    >>> found = randomly_prune(mlp([64, 30, 10]), 0.1)
    >>> round(found.density, 2), {name: round(share, 2) for name, share in found.densities.items()}
    (0.1, {'fc1.weight': 0.08, 'output.weight': 0.22})
    """
    weights = prunable_parameters(model, exclude=exclude)
    shapes = {name: tuple(weight.shape) for name, weight in weights.items()}
    if method in _SCORED:
        require(not dense, f"dense goes with the ratios of shapes, not with method={method!r}")
        if inputs is None or targets is None:
            raise InputError(f"method={method!r} needs a batch: give inputs and targets")
        densities = _SCORED[method](model, inputs, targets, density, names=list(weights), seed=seed)
    elif method in METHODS:
        densities = layer_densities(shapes, density, method, dense=dense)
    else:
        raise UnknownNameError("method", method, (*METHODS, *_SCORED))
    drawn = random_masks(shapes, densities, seed=seed, exact=exact, min_per_layer=min_per_layer)
    masks = {name: mask.to(weights[name].device) for name, mask in drawn.items()}
    network = copied(model)
    if init_scale:
        _scaled_kaiming(network, masks, seed)
    raised = tuple(name for name, mask in masks.items() if round(densities[name] * mask.numel()) < min_per_layer)
    return RandomlyPruned(zero_masked(network, masks), masks, densities, raised)


@torch.no_grad()
def _scaled_kaiming(network: nn.Module, masks: Mapping[str, Tensor], seed: int) -> None:
    initialise(network, "he_normal", seed=seed)
    parameters = dict(network.named_parameters())
    for name, mask in masks.items():
        parameters[name].div_(math.sqrt(density_of({name: mask})))


def _row(name: str, masks: Sequence[Tensor], note: str = "") -> tuple[str, str, str, str]:
    kept, size = sum(int(mask.sum()) for mask in masks), sum(mask.numel() for mask in masks)
    return name + note, f"{size:,}", f"{kept:,}", f"{kept / size:.3f}"


def _aligned(rows: Sequence[Sequence[str]]) -> str:
    """Text in columns, the first to the left and numbers to the right."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = []
    for name, *cells in rows:
        lines.append("  ".join([name.ljust(first), *(cell.rjust(n) for cell, n in zip(cells, others, strict=True))]))
    return "\n".join(lines)
