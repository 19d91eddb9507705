"""Walks between all pairs of a few images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.drawing import figure_grid, label, style
from netopsy.core.errors import require
from netopsy.core.image_drawing import show_image
from netopsy.core.modes import check_model, device_of
from netopsy.core.shapes import Images, Labels
from netopsy.robustness.checks import Bounds, check_images, check_labels
from netopsy.robustness.level_set_traversal.gradients import borrowed
from netopsy.robustness.level_set_traversal.traversal import level_set_traversal

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class BlindSpotGrid:
    """Where the walks between all pairs of images ended: a row a source, a column a target."""

    labels: Labels
    final: Float[Tensor, "sources targets channels height width"]
    """On the diagonal the images themselves."""
    confidence: Float[Tensor, "sources targets"]
    """In the class of the row."""

    @style()
    def plot(self, class_names: Sequence[str] = ()) -> Figure:
        """All end points, with the confidence in the row's class under each; the images are on the diagonal."""
        count = len(self.labels)
        drawn, axes = figure_grid(count, count, 0.95 * count + 0.8, 1.1 * count + 0.3)
        for row, line in enumerate(axes):
            number = int(self.labels[row])
            name = label(class_names[number], 12, number=number) if number < len(class_names) else f"class {number}"
            line[0].text(-0.1, 0.5, name, transform=line[0].transAxes, ha="right", va="center", fontsize=7)
            for column, ax in enumerate(line):
                show_image(ax, self.final[row, column], largest=64, interpolation="none")
                ax.set_xlabel(f"{float(self.confidence[row, column]):.2f}", fontsize=7)
        axes[0, 0].set_title("to each image, across", fontsize=7)
        return drawn


@checked
def blind_spot_grid(
    model: nn.Module,
    images: Images,
    labels: Labels | None = None,
    *,
    steps: int = 400,
    bounds: Bounds | None = (0, 1),
    **walking: Any,
) -> BlindSpotGrid:
    """Walk from every image to every other one: the grids of images of the paper.

    Args:
        images: at least two, ``[batch, channels, height, width]``.
        labels: of the images; by default the classes that the network names.
        steps, bounds, walking: options of `level_set_traversal`.

    Raises:
        InputError: fewer than two images, and what `level_set_traversal` refuses.

    Source: Balasubramanian et al. 2023 (its image grids; place unconfirmed).

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> blind_spot_grid(net, torch.rand(3, 1, 2, 2), steps=20).final.shape
    torch.Size([3, 3, 1, 2, 2])
    """
    check_model(model)
    check_images(images, bounds)
    require(len(images) >= 2, f"images must be two or more, got {len(images)}")
    if labels is None:
        with borrowed(model, images.to(device_of(model))) as (_, scores):
            labels = scores.argmax(1).to(images.device)
    check_labels(labels, len(images))
    count = len(images)
    source, target = (~torch.eye(count, dtype=torch.bool)).nonzero().T.to(images.device)
    found = level_set_traversal(
        model, images[source], labels[source], images[target], steps=steps, bounds=bounds, **walking
    )
    final = images.detach()[:, None].repeat(1, count, 1, 1, 1)
    confidence = torch.zeros(count, count, device=images.device, dtype=found.final_conf.dtype)
    final[source, target], confidence[source, target] = found.final, found.final_conf
    confidence[source, source] = found.source_conf
    return BlindSpotGrid(labels, final, confidence)
