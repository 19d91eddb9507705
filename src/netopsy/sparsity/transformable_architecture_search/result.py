"""What a search leaves behind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.drawing import INK, PALETTE, panel, style
from netopsy.sparsity.transformable_architecture_search.space import Shape, ShapeSpace

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class SearchHistory:
    """A search, epoch by epoch."""

    ratio: Float[Tensor, "epochs"]
    """Cost of the most probable sizes, as a share of the full network's."""
    expected_ratio: Float[Tensor, "epochs"]
    """The same of the cost expected over all sizes."""
    tau: Float[Tensor, "epochs"]
    """The temperature."""
    train_loss: Float[Tensor, "epochs"]
    """Mean over the steps on the weights."""
    validation_loss: Float[Tensor, "epochs"]
    """Mean over the steps on the sizes, without the cost."""
    shapes: tuple[Shape, ...]
    """The most probable sizes."""


@dataclass(frozen=True, eq=False)
class TASResult:
    """The sizes that a search has chosen."""

    space: ShapeSpace
    shape: Shape
    """The sizes as `ShapeSpace.build` and `ShapeSpace.flops` take them."""
    epoch: int
    """The epoch, counted from 0, whose sizes they are."""
    flops_ratio: float
    """The budget: a share of the full network's operations."""
    tol: float
    """How far from the budget, as a share of it, counts as within."""
    width_probabilities: Mapping[str, Float[Tensor, "candidates"]]
    """Layer to the probabilities of its candidates, at the end."""
    depth_probabilities: Mapping[str, Float[Tensor, "depths"]]
    """Stage to the probabilities of its depths, at the end."""
    history: SearchHistory

    @property
    def widths(self) -> Mapping[str, int]:
        """Layer to channels or neurons."""
        return self.shape.widths

    @property
    def depths(self) -> Mapping[str, int]:
        """Stage to number of blocks."""
        return self.shape.depths

    @property
    def flops(self) -> float:
        """Multiply-accumulate operations of the network of these sizes."""
        return self.space.flops(self.shape)

    @property
    def ratio(self) -> float:
        """Its cost as a share of the full network's."""
        return self.flops / self.space.flops()

    def build(self, *, seed: int = 0) -> nn.Module:
        """An ordinary network of these sizes with new weights, to be trained."""
        return self.space.build(self.shape, seed=seed)

    @style()
    def plot(self, ax: Axes | None = None) -> Axes:
        """The cost of the most probable sizes along the search, with the budget."""
        ax = panel(ax)
        epochs = range(1, len(self.history.ratio) + 1)
        ax.axhspan(*(100 * self.flops_ratio * (1 + side * self.tol) for side in (-1, 1)), color=INK, alpha=0.1)
        ax.axhline(100 * self.flops_ratio, color=INK, linestyle="--", linewidth=1, label="budget")
        shown = {"most probable sizes": self.history.ratio, "expected": self.history.expected_ratio}
        for color, (name, values) in zip(PALETTE, shown.items(), strict=False):
            ax.plot(epochs, 100 * values.numpy(), label=name, color=color)
        ax.plot(self.epoch + 1, 100 * self.ratio, "o", color=PALETTE[0], label="chosen")
        ax.set(xlabel="epoch", ylabel="operations (%)", ylim=(0, None))
        ax.legend()
        return ax
