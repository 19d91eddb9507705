"""Confidence along straight segments: the rays of a level set that is star-shaped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.drawing import INK, PALETTE, panel, style
from netopsy.core.shapes import Images, Labels
from netopsy.robustness.checks import Bounds
from netopsy.robustness.level_set_traversal.checks import check_count, check_pairs
from netopsy.robustness.level_set_traversal.points import confidence_at
from netopsy.robustness.queries import Classifier

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class PathConfidence:
    """Confidence at points of segments; one row a segment."""

    at: Float[Tensor, "points"]
    """Where on the segment: 0 at its start, 1 at its end."""
    confidence: Float[Tensor, "batch points"]

    @property
    def lowest(self) -> Float[Tensor, "batch"]:
        """The least confidence on each segment."""
        return self.confidence.amin(1)

    @style()
    def plot(self, ax: Axes | None = None, *, name: str = "", color: str = PALETTE[0]) -> Axes:
        """Every segment, thin, and their mean."""
        ax = panel(ax)
        at, values = self.at.cpu(), self.confidence.detach().cpu().float()
        ax.plot(at, values.T, color=color, linewidth=0.5, alpha=min(0.5, 8 / len(values)))
        ax.plot(at, values.mean(0), color=color, marker="o", label=name or f"mean of {len(values)}")
        ax.set(xlabel="along the straight segment (0: source)", ylabel="confidence", ylim=(-0.03, 1.03))
        ax.legend()
        return ax


@checked
def path_confidence(
    model: Classifier,
    start: Images,
    end: Images,
    label: Labels,
    *,
    n: int = 11,
    bounds: Bounds | None = (0, 1),
    batch_size: int = 1024,
) -> PathConfidence:
    """Confidence in each label at ``n`` equally spaced points of the segment from ``start`` to ``end``.

    Args:
        model: a network, or any function from images to scores.
        start, end: images ``[batch, channels, height, width]``, for example a source and where its walk ended.
        n: points, both ends included.
        bounds: the range that pixels must have.
        batch_size: images that go through the network at a time.

    Raises:
        InputError: images of different shapes, outside ``bounds`` or not finite, a label that is no class, n below 2.

    Source: Balasubramanian et al. 2023 (the path column of its table; place unconfirmed).

    >>> from torch import nn
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> found = path_confidence(net, torch.zeros(3, 1, 2, 2), torch.ones(3, 1, 2, 2), torch.tensor([0, 1, 0]), n=5)
    >>> found.at.tolist(), found.confidence.shape
    ([0.0, 0.25, 0.5, 0.75, 1.0], torch.Size([3, 5]))
    """
    check_pairs(start, label, end, bounds, "end")
    check_count(n, "n", 2)
    at = torch.arange(n, device=start.device) / (n - 1)

    def points(rows: slice) -> Tensor:
        share = at.to(start.dtype)[:, None, None, None]
        return start[rows, None] * (1 - share) + end[rows, None] * share

    return PathConfidence(at, confidence_at(model, label, n, points, batch_size=batch_size))


@dataclass(frozen=True, eq=False)
class Star:
    """One source, the ends of its rays and the confidence along each."""

    source: Float[Tensor, "channels height width"]
    ends: Images
    paths: PathConfidence
    """A row a ray."""
    lengths: Float[Tensor, "rays"]
    """Of the rays: RMSE of end and source."""

    @style()
    def plot(self, ax: Axes | None = None, *, bar: bool = True, largest: int = 64) -> Axes:
        """The source in the middle, a ray to every end, as long as it is far, coloured by the confidence along it.

        ``bar`` adds the scale of the colours.
        """
        from matplotlib.collections import LineCollection

        ax = panel(ax, 4.6, 4.2)
        angles = torch.arange(len(self.ends)) * (2 * torch.pi / len(self.ends))
        far = (self.lengths / self.lengths.max().clamp_min(1e-12)).detach().cpu().float()
        tips = torch.stack([angles.cos(), angles.sin()], 1) * far[:, None]
        for tip, values in zip(tips, self.paths.confidence.detach().cpu().float(), strict=True):
            places = self.paths.at.cpu().float()[:, None] * tip
            segments = torch.stack([places[:-1], places[1:]], 1).numpy()
            shades = ((values[:-1] + values[1:]) / 2).numpy()
            drawn = LineCollection(segments, array=shades, cmap="viridis", linewidths=4, zorder=1)  # type: ignore[arg-type]
            drawn.set_clim(0, 1)
            ax.add_collection(drawn)
        for place, image in zip([torch.zeros(2), *tips * 1.16], [self.source, *self.ends], strict=True):
            _stamp(ax, place.tolist(), image, largest)
        ax.set(xlim=(-1.4, 1.4), ylim=(-1.4, 1.4), aspect="equal", xticks=[], yticks=[])
        ax.grid(visible=False)
        for side in ax.spines.values():
            side.set_visible(False)
        if bar:
            scale = ax.figure.colorbar(drawn, ax=ax, fraction=0.04)
            scale.set_label("confidence in the source's class", color=INK)
        return ax


def _stamp(ax: Axes, place: list[float], image: Tensor, largest: int) -> None:
    from netopsy.core.image_drawing import show_image

    half = 0.17
    corner: Any = (place[0] - half, place[1] - half, 2 * half, 2 * half)
    inset = ax.inset_axes(corner, transform=ax.transData, zorder=3)
    show_image(inset, image, largest=largest, interpolation="none")


@checked
def level_set_star(
    model: Classifier,
    source: Float[Tensor, "channels height width"],
    label: int,
    ends: Images,
    *,
    n: int = 41,
    bounds: Bounds | None = (0, 1),
    batch_size: int = 1024,
) -> Star:
    """The star of one source: confidence in its class along the straight rays to several ends.

    Args:
        ends: ``[rays, channels, height, width]``, for example where walks from this source to several targets ended.

    Raises:
        InputError: what `path_confidence` refuses.

    >>> from torch import nn
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> level_set_star(net, torch.zeros(1, 2, 2), 0, torch.rand(5, 1, 2, 2)).paths.confidence.shape
    torch.Size([5, 41])
    """
    from netopsy.robustness.checks import as_batch, check_class, check_images
    from netopsy.robustness.level_set_traversal.distances import rmse

    one = as_batch(source, bounds, "source")
    check_images(ends, bounds, "ends")
    check_class(label)
    labels = torch.full((len(ends),), int(label), device=ends.device)
    starts = one.expand(len(ends), *one.shape[1:])
    paths = path_confidence(model, starts, ends, labels, n=n, bounds=bounds, batch_size=batch_size)
    return Star(source.detach(), ends.detach(), paths, rmse(starts, ends))
