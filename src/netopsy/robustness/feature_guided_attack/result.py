"""What a search found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.robustness.feature_guided_attack.keypoints import Keypoints

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNITS = {0: "pixels", 1: "in L1", 2: "in L2"}


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The nearest image of another class that a search met, if it met one."""

    image: Float[Tensor, "channels height width"]
    """The image that was tested."""
    label: int
    """Its class."""
    success: bool
    """Whether an image of another class was found."""
    adversarial: Float[Tensor, "channels height width"]
    """That image; the image itself where there is none."""
    predicted: int
    """What the classifier says of it."""
    severity: float
    """Its distance: changed pixels (norm 0), all channels of a pixel being one, or the L1 or L2 distance. Infinite
    where there is none, 0 where the classifier was wrong about the image itself."""
    norm: int
    minimal: bool
    """Whether restoring any single pixel restores the class, as far as was asked."""
    value: float
    """What the game is worth by the search's estimate, in 1 / severity; of one player, that of the best image. Where
    queries ended before any estimate, that of the best image for players who cooperate, 0 for others."""
    n_queries: int
    """Images that the classifier was asked about."""
    history: tuple[tuple[int, float], ...]
    """Queries and severity at every improvement."""
    manipulations: Int[Tensor, "n 2"]
    """Row and column of the pixels that were changed."""
    keypoints: Keypoints

    def plot(self, ax: Axes | None = None) -> Axes:
        """The image with its keypoints, and beside it the image of another class with the changed pixels marked."""
        from matplotlib.patches import Circle, Rectangle

        from netopsy.core.drawing import PALETTE, panel, style
        from netopsy.core.image_drawing import show_image, tiled

        ax = panel(ax, 5.0, 2.8)
        gap = self.image.shape[-1] + max(1, self.image.shape[-2] // 16)
        with style():
            both = torch.stack([self.image, self.adversarial]).detach().cpu().float()
            show_image(ax, tiled(both, 2), limits=(0.0, 1.0))
            for (x, y), size in zip(self.keypoints.xy.tolist(), self.keypoints.size.tolist(), strict=True):
                ax.add_patch(Circle((x, y), size / 2, fill=False, edgecolor=PALETTE[1], linewidth=1))
            for row, column in self.manipulations.tolist():
                place = (column + gap - 0.5, row - 0.5)
                ax.add_patch(Rectangle(place, 1, 1, fill=False, edgecolor=PALETTE[0], linewidth=1))
            amount = f"{self.severity:.4g} {UNITS[self.norm]}, class {self.label} becomes {self.predicted}"
            ax.set_title(
                f"{amount if self.success else f'class {self.label} stays'} ({self.n_queries} queries)", loc="left"
            )
        return ax
