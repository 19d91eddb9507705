"""How far a level set reaches to the sides of a walk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.drawing import PALETTE, panel, style
from netopsy.core.errors import require
from netopsy.core.modes import device_of
from netopsy.core.seeds import generator
from netopsy.core.shapes import Images, Labels
from netopsy.robustness.checks import Bounds, check_labels
from netopsy.robustness.level_set_traversal.checks import check_count, check_number, check_pairs
from netopsy.robustness.level_set_traversal.gradients import borrowed, without
from netopsy.robustness.level_set_traversal.points import confidence_at

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class LevelSetWidth:
    """Quantiles of the confidence around points, by distance."""

    radii: Float[Tensor, "radii"]
    """0 first, the point itself."""
    levels: tuple[float, ...]
    quantiles: Float[Tensor, "batch radii levels"]

    @style()
    def plot(self, ax: Axes | None = None) -> Axes:
        """Between the first and the last quantile, the mean over the points."""
        ax = panel(ax)
        mean = self.quantiles.detach().cpu().float().mean(0)
        name = f"{100 * self.levels[0]:g} to {100 * self.levels[-1]:g} % of the directions"
        radii = self.radii.cpu()
        ax.fill_between(radii, mean[:, 0], mean[:, -1], color=PALETTE[0], alpha=0.3, linewidth=0, label=name)
        ax.set(xlabel="distance from the walk", ylabel="confidence", ylim=(-0.03, 1.03))
        ax.legend()
        return ax


@checked
def level_set_width(
    model: nn.Module,
    points: Images,
    label: Labels,
    target: Images,
    *,
    radii: Sequence[float | int] = (0.5, 1.0, 1.5, 2.0),
    directions: int = 256,
    levels: Sequence[float | int] = (0.05, 0.95),
    bounds: Bounds | None = (0, 1),
    batch_size: int = 1024,
    seed: int | torch.Generator = 0,
) -> LevelSetWidth:
    """Confidence at some distance from points of a walk, in random directions orthogonal to where the walk goes.

    The walk goes along the part of ``target - points`` that is orthogonal to the gradient; Gaussian directions lose
    their component along it and are scaled to length 1. Points may leave ``bounds`` then (whether they are brought back
    is unconfirmed).

    Args:
        points: images ``[batch, channels, height, width]``.
        radii: Euclidean distances.
        levels: of the quantiles over the directions.
        batch_size: images that go through the network at a time.

    Raises:
        InputError: images of different shapes, outside ``bounds`` or not finite, a label that is no class, radii or
            levels out of their range.

    Source: Balasubramanian et al. 2023 (place unconfirmed).

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> points, target = torch.rand(2, 3, 1, 2, 2)
    >>> level_set_width(net, points, torch.tensor([0, 1, 0]), target, directions=8).quantiles.shape
    torch.Size([3, 5, 2])
    """
    check_pairs(points, label, target, bounds)
    require(len(radii) > 0, "radii must hold at least one distance")
    for radius in radii:
        check_number(radius, "every entry of radii", least=0, above=True)
    fine = len(levels) > 0 and all(isinstance(each, float | int) and 0 <= each <= 1 for each in levels)
    require(fine, f"levels must be numbers from 0 to 1, got {levels!r}")
    check_count(directions, "directions")
    random = generator(seed)
    at = torch.tensor([0.0, *radii], device=points.device)
    wanted = torch.tensor([float(each) for each in levels])
    found = []
    for row in range(len(points)):
        point, own = points[row : row + 1].detach(), label[row : row + 1]
        sideways = _sideways(model, point, own, target[row : row + 1].detach(), directions, random)
        made = (point + at[:, None, None, None, None] * sideways).flatten(0, 1).to(points.dtype)
        values = confidence_at(model, own.expand(len(made)), 1, made[:, None].__getitem__, batch_size=batch_size)
        by_radius = values.view(len(at), directions).cpu()
        found.append(torch.quantile(by_radius, wanted.to(by_radius), dim=1).T)
    return LevelSetWidth(at, tuple(float(each) for each in levels), torch.stack(found).to(points.device))


def _sideways(
    model: nn.Module, point: Images, label: Labels, target: Images, count: int, random: torch.Generator
) -> Float[Tensor, "count channels height width"]:
    """Unit vectors without a component along the walk."""
    device = device_of(model)
    at, goal, own = point.to(device), target.to(device), label.to(device).long()
    with borrowed(model, at) as (network, scores):
        check_labels(label, 1, scores.shape[1], "label")
        wide = at.to(scores.dtype)
        direction = network.slope(wide, own).direction
    assert direction is not None
    along = without(direction, goal.to(wide) - wide).to(point.device)
    drawn = torch.randn(count, *point.shape[1:], generator=random, dtype=wide.dtype, device=random.device)
    free = without(along.expand(count, *along.shape[1:]), drawn.to(point.device))
    return free / free.flatten(1).norm(dim=1).clamp_min(1e-12)[:, None, None, None]
