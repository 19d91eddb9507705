"""How far the loss rises above the chord on the straight line between two networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.drawing import PALETTE, panel, style
from netopsy.core.errors import require
from netopsy.core.parameters import State, interpolate
from netopsy.data import Dataset
from netopsy.landscape.curvature.loss import LossFunction
from netopsy.landscape.linear_mode_connectivity.states import StateLosses, check_ends, check_losses, state_losses

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PRECISION = 1e-3
"""Of the place of the highest point, in shares of the way."""


@dataclass(frozen=True, eq=False)
class Barrier:
    """The loss on the way from one network to the other."""

    height: float
    """The most that the loss lies above the chord between its ends; 0 or more."""
    at: float
    """The share of the way where that is."""
    midpoint: float
    """The loss half way, less the mean of the ends': below 0 where averaging helps."""
    error_height: float | None
    """The same as ``height`` of the share of wrong answers, on the grid."""
    shares: Float[Tensor, "points"]
    """The grid, 0 and 1 included."""
    losses: Float[Tensor, "points"]
    errors: Float[Tensor, "points"] | None

    @style()
    def plot(self, ax: Axes | None = None) -> Axes:
        """The loss along the way, over the chord."""
        axes = panel(ax)
        axes.plot(self.shares, self.losses, color=PALETTE[0])
        axes.plot([0, 1], [self.losses[0], self.losses[-1]], "--", color=PALETTE[5], linewidth=1)
        axes.set(xlabel="share of the way", ylabel="loss")
        return axes


@checked
def loss_barrier(
    model: nn.Module,
    a: State,
    b: State,
    data: Dataset,
    *,
    loss: LossFunction = "cross_entropy",
    points: int = 25,
    refine: bool = True,
    reset_norms: bool | Tensor = True,
    together: bool | None = None,
    batch_size: int = 1024,
) -> Barrier:
    """The barrier ``max_t [L(a + t (b - a)) - ((1 - t) L(a) + t L(b))]`` between two states of a network.

    It is taken over a grid, and the highest place is then looked for between its neighbours (Brent's bounded search,
    golden sections and parabolas). Entries that are whole numbers are those of ``a``. Batch norms have the statistics
    of the networks they came from, which fit nothing in between: they are taken anew at every point, the ends included.

    Source: section 2 of the paper; Frankle et al. 2020 (arXiv 1912.05671) for the error.

    Args:
        model: the architecture; its own weights do not matter, and stay.
        a, b: state dicts, such as ``model.state_dict()``.
        points: of the grid, the ends included.
        refine: look for the highest place between the points.

    The other arguments are those of `state_losses`.

    Raises:
        InputError: states with other names or shapes, fewer than three points, a loss that is not finite, what
            `state_losses` refuses.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> a, b = (mlp([64, 8, 10], seed=seed).state_dict() for seed in (0, 1))
    >>> found = loss_barrier(mlp([64, 8, 10]), a, b, digits()[:50], points=5)
    >>> found.height >= 0, found.losses.shape
    (True, torch.Size([5]))
    """
    check_ends(a, b)
    require(points > 2, f"points must be at least 3, got {points}")
    options = {"loss": loss, "reset_norms": reset_norms, "together": together, "batch_size": batch_size}

    def at(shares: list[float]) -> StateLosses:
        return state_losses(model, [interpolate(a, b, share) for share in shares], data, **options)  # type: ignore[arg-type]

    shares = torch.linspace(0, 1, points, dtype=torch.float64)
    found = at([*shares.tolist(), 0.5])
    losses, middle = found.losses[:-1], float(found.losses[-1])
    ends = losses[[0, -1]]
    check_losses(found, ends)
    above = _above(losses, shares)
    top = int(above.argmax())
    place, height = float(shares[top]), max(0.0, float(above[top]))
    if refine and 0 < top < points - 1:

        def below(share: float) -> float:
            return float(torch.lerp(ends[0], ends[1], share)) - float(at([float(share)]).losses[0])

        from scipy.optimize import minimize_scalar

        limits = (float(shares[top - 1]), float(shares[top + 1]))
        best = minimize_scalar(below, bounds=limits, method="bounded", options={"xatol": PRECISION})
        if -best.fun > height:
            place, height = float(best.x), -float(best.fun)
    errors = None if found.errors is None else found.errors[:-1]
    rise = None if errors is None else max(0.0, float(_above(errors, shares).max()))
    return Barrier(height, place, middle - float(ends.mean()), rise, shares, losses, errors)


def _above(values: Tensor, shares: Tensor) -> Tensor:
    """Over the chord between the ends."""
    return values - ((1 - shares) * values[0] + shares * values[-1])
