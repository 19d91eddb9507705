"""The images that excite a layer's units most, and where in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.layers import Layer, layer_names
from netopsy.core.modes import device_of
from netopsy.core.shapes import Images
from netopsy.core.split import run_to
from netopsy.interpretability.gallery import gallery
from netopsy.interpretability.layer_maps import Reshape, check_images

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True, eq=False)
class TopImages:
    """For each unit of a layer the images in which it is highest, the highest first."""

    values: Float[Tensor, "units k"]
    """The unit's highest activation in that image."""
    indices: Int[Tensor, "units k"]
    """The images' numbers."""
    rows: Int[Tensor, "units k"]
    """Where in the layer's grid it is highest; 0 for a layer that has no grid."""
    columns: Int[Tensor, "units k"]

    def plot(self, images: Images, units: Sequence[int] = ()) -> Figure:
        """A row for each unit: the images in which it is highest, each with its activation above it.

        Args:
            images: those given to `top_images`.
            units: which to show; by default the eight with the highest activations.

        Raises:
            InputError: a unit that is none of the layer's, or other images.
        """
        count, k = self.indices.shape
        shown = list(units) or self.values[:, 0].argsort(descending=True, stable=True)[:8].tolist()
        require(all(0 <= unit < count for unit in shown), f"units must be from 0 to {count - 1}, got {shown}")
        last = int(self.indices.max())
        require(len(images) > last, f"images must be those of the ranking, which names image {last}, got {len(images)}")
        titles = [f"{value:.3g}" for value in self.values[shown].flatten().tolist()]
        rows = [f"unit {unit}" for unit in shown]
        chosen = images[self.indices[shown].flatten().to(images.device)]
        return gallery(chosen, titles, columns=k, row_titles=rows)


@checked
def top_images(
    model: nn.Module,
    layer: Layer,
    images: Images,
    *,
    k: int = 9,
    batch_size: int = 256,
    reshape: Reshape | None = None,
) -> TopImages:
    """The ``k`` images in which each unit of a layer is highest anywhere, for all units in one pass over the images.

    Args:
        layer: of a grid ``[batch, units, rows, columns]`` or of ``[batch, units]``.
        images: ``[n, channels, height, width]``; batches go to the network's device.
        k: at most as many as there are images.
        reshape: lays out a layer's output as a grid (`netopsy.interpretability.layer_maps.token_grid`).

    Raises:
        InputError: an unknown layer, one without units, ``k`` out of range, or activations that are not finite.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2, bias=False))
    >>> _ = net[1].weight.data.copy_(torch.tensor([[1.0, 0, 0, 0], [0, 0, 0, -1.0]]))
    >>> found = top_images(net, "1", torch.arange(12.0).reshape(3, 1, 2, 2), k=1)
    >>> found.indices.tolist(), found.values.tolist()
    ([[2], [0]], [[8.0], [-3.0]])
    """
    check_images(images)
    [name] = layer_names(model, [layer])
    require(0 < k <= len(images), f"k must be from 1 to the number of images, {len(images)}, got {k}")
    require(batch_size > 0, f"batch_size must be at least 1, got {batch_size}")
    device, seen = device_of(model), 0
    best: list[Tensor] = []
    for batch in images.split(batch_size):
        with torch.no_grad():
            values = run_to(model, name, batch.to(device))
        values = values if reshape is None else reshape(values)
        require(
            values.ndim in (2, 4),
            f"layer {name!r} gives {tuple(values.shape)}, wanted [batch, units, rows, columns] or [batch, units]; "
            "say with reshape= how to make a grid of it",
        )
        require(values.isfinite().all(), f"layer {name!r} gives NaN or infinite activations; check weights and images")
        columns = values.shape[3] if values.ndim == 4 else 1
        peaks, positions = values.flatten(2).max(2) if values.ndim == 4 else (values, torch.zeros_like(values).long())
        numbers = torch.arange(seen, seen + len(batch), device=device)[:, None].expand_as(positions)
        new = [peaks.T, numbers.T, (positions // columns).T, (positions % columns).T]
        best = [torch.cat(pair, 1) for pair in zip(best, new, strict=True)] if best else new
        # Stable, so that of equal images the first one counts whatever the size of a batch.
        order = best[0].argsort(dim=1, descending=True, stable=True)[:, :k]
        best = [one.gather(1, order) for one in best]
        seen += len(batch)
    return TopImages(*best)
