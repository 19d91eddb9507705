"""The part of an image that a filter answers to, around the cell where it peaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.layers import Layer
from netopsy.core.modes import device_of
from netopsy.core.split import run_to
from netopsy.interpretability.layer_maps import Reshape, check_images
from netopsy.interpretability.pattern_net.firing import Peaks, filter_maps
from netopsy.interpretability.pattern_net.windows import Windows
from netopsy.interpretability.receptive_field import ReceptiveField, receptive_field

Regions = Float[Tensor, "filters 4"]
"""Top, left, bottom and right, in pixels from the middle of the cell's receptive field."""

_TOGETHER = 256
_WHOLE = 64
"""Images whose activations are kept while one filter after another is gone back to."""


def receptive_field_of(model: nn.Module, layer: str, images: Tensor, reshape: Reshape | None) -> ReceptiveField:
    """The receptive field of a layer's cells; for tokens, which see everything, the patch that a token stands for."""
    if reshape is None:
        return receptive_field(model, layer, images)
    grid = filter_maps(model, layer, images[:1], reshape)
    height, width = images.shape[2:]
    stride = height // grid.shape[2], width // grid.shape[3]
    return ReceptiveField(stride, stride, (0, 0), (height, width))


def theoretical_regions(field: ReceptiveField, count: int) -> Regions:
    """The whole receptive field, for ``count`` filters: an upper bound, usually much too large."""
    half = [size / 2 for size in field.size]
    return torch.tensor([[-half[0], -half[1], half[0], half[1]]]).repeat(count, 1)


@checked
def effective_regions(
    model: nn.Module,
    layer: Layer,
    images: Tensor,
    peaks: Peaks,
    filters: Sequence[int],
    field: ReceptiveField,
    *,
    k: int = 50,
    threshold: float = 0.1,
    reshape: Reshape | None = None,
) -> Regions:
    """The mean box around what makes a filter peak, over the ``k`` images in which it peaks highest.

    The peak alone is projected back to the image by its gradient, through the part of the image that its cell sees
    where the network gives the same peak for that part alone, and through the whole image otherwise; the box is the
    tight one around all pixels whose gradient, summed over channels in absolute value, is at least ``threshold`` of the
    largest. Where no gradient arrives, the receptive field counts.

    Args:
        images: those that ``peaks`` are of.
        filters: for which filters.
    """
    check_images(images)
    which = torch.tensor(list(filters))
    top = highest(peaks, filters, k)
    numbers, owners = top.T.flatten(), which.repeat_interleave(len(top))
    spots = _Spots(numbers, owners, peaks.rows[numbers, owners], peaks.columns[numbers, owners])
    boxes, done = torch.zeros(len(numbers), 4), 0
    for gradients, starts in _in_windows(model, layer, images, spots, field, peaks) if reshape is None else ():
        part = slice(done, done + len(gradients))
        boxes[part] = _tight(gradients, threshold, field, spots.at(part), starts)
        done += len(gradients)
    for gradients, here in _in_whole_images(model, layer, images, spots.at(slice(done, None)), reshape):
        boxes[done + here] = _tight(gradients, threshold, field, spots.at(done + here), torch.zeros(len(here), 2))
    return boxes.reshape(len(which), len(top), 4).mean(1)


def highest(peaks: Peaks, filters: Sequence[int], k: int) -> Int[Tensor, "k filters"]:
    """The images in which each filter peaks highest, the highest first."""
    order = peaks.values[:, list(filters)].argsort(dim=0, descending=True, stable=True)
    return order[: min(k, len(peaks))]


@dataclass(frozen=True)
class _Spots:
    """Filters at a cell each of an image each."""

    images: Tensor
    filters: Tensor
    rows: Tensor
    columns: Tensor

    def at(self, places: Tensor | slice) -> _Spots:
        return _Spots(self.images[places], self.filters[places], self.rows[places], self.columns[places])


def _in_windows(
    model: nn.Module, layer: Layer, images: Tensor, spots: _Spots, field: ReceptiveField, peaks: Peaks
) -> Iterator[tuple[Float[Tensor, "batch y x"], Tensor]]:
    """Gradients in the part of the image that the cell sees, and where it begins, as long as the peaks there agree."""
    windows = Windows.of(field, images)
    for batch in torch.arange(len(spots.images)).split(_TOGETHER) if windows is not None else ():
        assert windows is not None
        some = spots.at(batch)
        cut, starts, cells = windows.around(images, some.images, some.rows, some.columns)
        given, maps = _run(model, layer, cut, None)
        inside = _Spots(torch.arange(len(cut)), some.filters, *cells)
        if not _agree(maps, inside, peaks.values[some.images, some.filters]):
            return
        yield _gradients(maps, inside, given), starts


def _in_whole_images(
    model: nn.Module, layer: Layer, images: Tensor, spots: _Spots, reshape: Reshape | None
) -> Iterator[tuple[Float[Tensor, "batch y x"], Tensor]]:
    """Gradients and which of the spots they are of: an image is run once, and gone back through for each of its spots.

    Images with about as many spots run together.
    """
    count = spots.images.bincount(minlength=len(images))
    order = spots.images.argsort(stable=True)
    first = count.cumsum(0) - count
    wanted = count.argsort(descending=True, stable=True)[: int((count > 0).sum())]
    for those in wanted.split(_WHOLE) if len(wanted) else ():
        given, maps = _run(model, layer, images[those.to(images.device)], reshape)
        for turn in range(int(count[those[0]])):
            left = those[count[those] > turn]
            here = order[first[left] + turn]
            some = spots.at(here)
            own = _Spots(torch.arange(len(left)), some.filters, some.rows, some.columns)
            yield _gradients(maps, own, given)[: len(left)], here


def _run(model: nn.Module, layer: Layer, images: Tensor, reshape: Reshape | None) -> tuple[Tensor, Tensor]:
    """The images, which now ask for a gradient, and the layer's maps of them."""
    with torch.enable_grad():
        given = images.to(device_of(model)).detach().clone().requires_grad_()
        maps = run_to(model, layer, given)
        return given, maps if reshape is None else reshape(maps)


def _gradients(maps: Tensor, spots: _Spots, given: Tensor) -> Float[Tensor, "batch y x"]:
    with torch.enable_grad():
        chosen = maps[spots.images, spots.filters, spots.rows, spots.columns].sum()
    (gradient,) = torch.autograd.grad(chosen, given, retain_graph=True)
    return gradient.abs().sum(1).cpu()


def _agree(maps: Tensor, spots: _Spots, expected: Tensor) -> bool:
    if maps.ndim != 4 or int(spots.rows.max()) >= maps.shape[2] or int(spots.columns.max()) >= maps.shape[3]:
        return False
    found = maps.detach()[spots.images, spots.filters, spots.rows, spots.columns].relu().cpu()
    return torch.allclose(found, expected, rtol=1e-3, atol=1e-4 * float(expected.max()))


def _tight(
    gradients: Tensor, threshold: float, field: ReceptiveField, spots: _Spots, starts: Tensor
) -> Float[Tensor, "batch 4"]:
    most = gradients.amax((1, 2))
    strong = gradients >= threshold * most[:, None, None].clamp(min=torch.finfo(gradients.dtype).tiny)
    down, across = strong.any(2).float(), strong.any(1).float()
    height, width = gradients.shape[1:]
    box = torch.stack(
        [
            down.argmax(1).float(),
            across.argmax(1).float(),
            height - down.flip(1).argmax(1).float(),
            width - across.flip(1).argmax(1).float(),
        ],
        1,
    )
    found = box + starts.repeat(1, 2) - field.centre(spots.rows, spots.columns).repeat(1, 2)
    return torch.where((most > 0)[:, None], found, theoretical_regions(field, 1))
