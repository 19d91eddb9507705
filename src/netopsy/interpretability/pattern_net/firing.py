"""How strongly each filter answers to an image, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.layers import Layer
from netopsy.core.modes import device_of
from netopsy.core.progress import track
from netopsy.core.shapes import Activations
from netopsy.core.split import run_to
from netopsy.interpretability.image_batches import ManyImages, image_batches
from netopsy.interpretability.layer_maps import Reshape


@dataclass(frozen=True, eq=False)
class Peaks:
    """Each filter's highest activation in each image, never below 0, and its cell in the layer's grid."""

    values: Float[Tensor, "images filters"]
    rows: Int[Tensor, "images filters"]
    columns: Int[Tensor, "images filters"]

    def __len__(self) -> int:
        return len(self.values)

    def at(self, images: Tensor) -> Peaks:
        """In some of the images."""
        return Peaks(self.values[images], self.rows[images], self.columns[images])


def filter_maps(model: nn.Module, layer: Layer, images: Tensor, reshape: Reshape | None = None) -> Activations:
    """The rectified activations of a layer, ``[batch, filters, rows, columns]``."""
    with torch.no_grad():
        maps = run_to(model, layer, images.to(device_of(model)))
    maps = maps if reshape is None else reshape(maps)
    require(
        maps.ndim == 4,
        f"layer must give a grid [batch, filters, rows, columns], got {tuple(maps.shape)}: choose an earlier one, or "
        "say with reshape= how to make a grid of it",
    )
    require(maps.isfinite().all(), "layer gives NaN or infinite activations; check weights and images")
    return maps.relu()


def filter_peaks(
    model: nn.Module,
    layer: Layer,
    images: ManyImages,
    *,
    batch_size: int = 256,
    reshape: Reshape | None = None,
) -> Peaks:
    """The peaks of all filters of a layer, in one forward pass over the images.

    Args:
        images: ``[n, channels, height, width]``, or batches of those (a ``DataLoader``), never all held.

    Raises:
        InputError: an unknown layer, or one whose output is no grid or not finite.

    >>> found = filter_peaks(nn.Sequential(nn.Identity()), "0", torch.tensor([[[[0.0, 1.0], [3.0, 2.0]]]]))
    >>> found.values.item(), found.rows.item(), found.columns.item()
    (3.0, 1, 0)
    """
    total = -(-len(images) // batch_size) if isinstance(images, Tensor) else None
    batches = track(image_batches(images, batch_size), "looking for peaks", total)
    return joined_peaks([peaks_of(model, layer, batch.images, reshape) for batch in batches])


def peaks_of(model: nn.Module, layer: Layer, images: Tensor, reshape: Reshape | None) -> Peaks:
    """The peaks in one batch, on the CPU."""
    maps = filter_maps(model, layer, images, reshape)
    values, cells = maps.flatten(2).max(2)
    return Peaks(values.cpu(), (cells // maps.shape[3]).cpu(), (cells % maps.shape[3]).cpu())


def joined_peaks(parts: Sequence[Peaks]) -> Peaks:
    """Those of all parts."""
    return Peaks(*(torch.cat([getattr(part, name) for part in parts]) for name in ("values", "rows", "columns")))


def within(peaks: Peaks, filters: Int[Tensor, "members"], radius: int | None) -> Bool[Tensor, "images"]:
    """Whether the peaks of some filters are mutually within ``radius`` cells, rows and columns each."""
    rows, columns = peaks.rows[:, filters], peaks.columns[:, filters]
    if radius is None or len(filters) < 2:
        return torch.ones(len(peaks), dtype=torch.bool)
    # Of numbers, all pairs differ by at most the radius if the extremes do.
    return ((rows.amax(1) - rows.amin(1)) <= radius) & ((columns.amax(1) - columns.amin(1)) <= radius)
