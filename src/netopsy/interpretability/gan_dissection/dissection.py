"""Which unit is high where which class is: every unit of a layer against every class of a segmenter."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.layers import Layer
from netopsy.core.shapes import Activations
from netopsy.interpretability.gan_dissection.checks import Threshold, check_masks, check_threshold
from netopsy.interpretability.gan_dissection.histogram import edges_at, levels_of, pixels_of, tables_above
from netopsy.interpretability.gan_dissection.observing import Observed, first_images, observations, observe
from netopsy.interpretability.gan_dissection.stage import Masks, Segmenter, check_z
from netopsy.interpretability.gan_dissection.tables import Tables
from netopsy.interpretability.unit_masks import overlap, upsampled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FRACTIONS = torch.logspace(-3, 0, 100)
"""Shares of the pixels above the level, among which the information quality ratio chooses."""
_LEAST_AREA = 1e-3
_LEAST_ACCURACY = 0.8
_LEAST_IOU = 0.05
_LEAST_RATIO = 0.01
_VALUES = 1 << 22


@dataclass(frozen=True, eq=False)
class DissectReport:
    """How well each unit of a layer agrees with each class, and at which level."""

    iou: Float[Tensor, "units classes"]
    """Intersection over union of all pixels of the sample together."""
    iqr: Float[Tensor, "units classes"]
    """Information quality ratio in the same pixels: mutual information over joint entropy."""
    level: Float[Tensor, "units classes"]
    """The unit is high where it is above this; infinite where no level was allowed."""
    label: Int[Tensor, "units"]
    """The class with the highest IoU, the background left out."""
    label_iou: Float[Tensor, "units"]
    interpretable: Bool[Tensor, "units"]
    """IoU with its label above 0.05 and ratio above 0.01."""
    classes: tuple[str, ...]
    """What the classes are called."""

    def best(self, cls: int, count: int | None = None) -> Int[Tensor, "ranked"]:
        """Units by their IoU with a class, the highest first; ``count`` of them, or all."""
        require(0 <= cls < len(self.classes), f"cls must be from 0 to {len(self.classes) - 1}, got {cls}")
        return self.iou[:, cls].argsort(descending=True, stable=True)[:count]

    def plot(self, ax: Axes | None = None) -> Figure:
        """How many units stand for each class, in bars; classes without a unit are left out."""
        from netopsy.interpretability.gan_dissection.pictures import plot_report

        return plot_report(self, ax)


def dissect(
    generator: nn.Module,
    layer: Layer,
    segmenter: Segmenter | Masks,
    z: Tensor,
    *,
    z_threshold: Tensor | None = None,
    threshold: Threshold = "iqr",
    labels: Sequence[str] | None = None,
    background: int | None = None,
    multi_label: bool = False,
    counted: Bool[Tensor, "n classes"] | None = None,
    batch_size: int = 64,
) -> DissectReport:
    """Compare every unit of a layer with every class of the pixels, over a sample of images.

    A unit's map is brought to the size of the image and thresholded; its IoU with a class is the number of pixels where
    both are, over the number where either is, both counted over the whole sample. All units and classes are counted at
    once.

    Args:
        generator: any network from a batch to images: a GAN's generator, the decoder of an autoencoder. It is in
            evaluation mode meanwhile and left as it was. With masks of a data set, any network at all, a classifier
            say, whose inputs ``z`` then are.
        layer: whose output is ``[batch, units, rows, columns]``: name the end of a block, behind its activation.
        segmenter: from the generator's images to logits ``[batch, classes, height, width]`` or to masks of that shape;
            or the masks themselves, bool ``[n, classes, height, width]``, one entry for each of ``z``.
        z: what the generator is run on, ``[n, ...]``.
        z_threshold: another sample on which the levels are chosen. By default the first half of ``z`` chooses them and
            the other half is measured, since a level measured where it was chosen flatters the unit.
        threshold: ``"iqr"``: for each unit and class the level, of 100 whose tails are 0.1% to 100% of the pixels, with
            the highest information quality ratio, among those above 0 with which unit and class agree in more than 80%
            of the pixels, and for classes of at least 0.1% of the pixels. ``("quantile", 0.005)``: for each unit the
            level that 0.5% of its pixels exceed. A tensor ``[units]``: these levels.
        labels: what the classes are called.
        background: a class that is no label of any unit.
        multi_label: pixels may belong to several classes, those whose logit is above 0.
        counted: bool ``[n, classes]``, for masks of a data set in which not every image is labelled for every class:
            which images count for which class.
        batch_size: how many of ``z`` are run at a time.

    Raises:
        InputError: a layer that is unknown, unreached or without a grid; images or masks of the wrong shape; too few
            pixels for the quantile; no class in the sample at all.

    Source: Bau et al. 2019, section 3.1, equations 2 and 3; the limits on levels, and the two of a report's
    ``interpretable``, are those of the reference code.

    >>> images = torch.rand(8, 1, 4, 4)
    >>> net = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False))
    >>> net[0].weight.data[:] = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
    >>> report = dissect(net, "0", images > 0.5, images, threshold=torch.tensor([0.5, -0.5]), labels=["bright"])
    >>> report.iou.tolist(), report.interpretable.tolist()
    ([[1.0], [0.0]], [True, False])
    """
    check_threshold(threshold)
    check_z(z, batch_size)
    if z_threshold is None and isinstance(segmenter, Tensor):
        check_masks(segmenter, counted, z)
    parts = observations(generator, layer, segmenter, z, multi_label, counted, batch_size)
    chooses: Observed | None = None
    if not isinstance(threshold, Tensor):
        if z_threshold is None:
            require(len(z) >= 2, f"z must hold at least 2: one half chooses the levels, one is measured; got {len(z)}")
            chooses, parts = first_images(parts, len(z) // 2)
        else:
            require(
                not isinstance(segmenter, Tensor), "z_threshold goes with a segmenter, not with masks: leave it out"
            )
            chooses = observe(generator, layer, segmenter, z_threshold, multi_label=multi_label, batch_size=batch_size)
    return _reported(parts, chooses, threshold, labels, background)


def dissect_observed(
    measured: Observed,
    chooses: Observed | None,
    *,
    threshold: Threshold = "iqr",
    labels: Sequence[str] | None = None,
    background: int | None = None,
) -> DissectReport:
    """`dissect` on what was observed before: for one sample with many masks, or many thresholds.

    Args:
        measured: where agreement is counted.
        chooses: where levels are chosen; not needed where they are given.
    """
    check_threshold(threshold)
    return _reported(iter([measured]), chooses, threshold, labels, background)


def _reported(
    measured: Iterator[Observed],
    chooses: Observed | None,
    threshold: Threshold,
    labels: Sequence[str] | None,
    background: int | None,
) -> DissectReport:
    """Levels from one sample, then counts part by part, of which only the sums are kept."""
    first = next(measured)
    units, classes = first.maps.shape[1], first.masks.shape[1]
    names = tuple(map(str, range(classes))) if labels is None else tuple(labels)
    require(len(names) == classes, f"labels must be as many as the segmenter's classes, {classes}, got {len(names)}")
    require(background is None or 0 <= background < classes, f"background must be from 0 to {classes - 1}, or None")
    if isinstance(threshold, Tensor):
        require(threshold.shape == (units,), f"threshold must be [{units}] levels, got {tuple(threshold.shape)}")
        own = threshold.to(first.maps)
    else:
        require(chooses is not None, "chooses must be given where levels are to be chosen")
        assert chooses is not None
        if not isinstance(threshold, str):
            own = tail_level(chooses.maps, threshold[1], (chooses.masks.shape[2], chooses.masks.shape[3]))
    if isinstance(threshold, str):
        assert chooses is not None
        chosen = _best_edges(chooses)
        level, count = chosen.level, chosen.count
    else:
        level, count = own[:, None].expand(units, classes).float(), partial(_at_levels, level=own)
    found, present = None, False
    for part in chain([first], measured):
        present = present or bool(part.masks.any())
        counts = count(part)
        found = counts if found is None else found + counts
    require(present, "no class is present in the sample: nothing to compare the units with")
    assert found is not None
    iou, ratio = found.iou(), found.ratio()
    labelled = iou.clone()
    if background is not None:
        labelled[:, background] = -1
    best, label = labelled.max(1)
    certain = ratio.gather(1, label[:, None])[:, 0] > _LEAST_RATIO
    return DissectReport(iou, ratio, level, label, best.clamp(min=0), (best > _LEAST_IOU) & certain, names)


def tail_level(maps: Activations, fraction: float, size: tuple[int, int]) -> Float[Tensor, "units"]:
    """For each unit the level that ``fraction`` of its pixels exceed, at the size of the image: an exact quantile.

    >>> tail_level(torch.arange(9.0).reshape(1, 1, 3, 3), 0.25, (3, 3)).tolist()
    [6.0]
    """
    cells = len(maps) * maps.shape[2] * maps.shape[3]
    require(
        cells * fraction >= 1,
        f"z is too small for a tail of {fraction}: {len(maps)} images have {cells} cells at this layer, and at least "
        f"{math.ceil(1 / fraction)} are needed",
    )
    pixels = len(maps) * size[0] * size[1]
    place = (1 - fraction) * (pixels - 1)
    low, high = math.floor(place), math.ceil(place)
    found = []
    for some in maps.float().split(max(1, _VALUES // pixels), dim=1):
        values = upsampled(some, size).transpose(0, 1).flatten(1)
        first = values.kthvalue(low + 1).values
        second = values.kthvalue(high + 1).values if high > low else first
        found.append(torch.lerp(first, second, place - low))
    return torch.cat(found)


@dataclass(frozen=True, eq=False)
class _Edges:
    """For each unit and class the edge of the best ratio in the sample that chooses."""

    chosen: Int[Tensor, "units classes"]
    none: Bool[Tensor, "units classes"]
    """Where no level was allowed."""

    @property
    def level(self) -> Float[Tensor, "units classes"]:
        return levels_of(self.chosen).masked_fill(self.none, math.inf)

    def count(self, measured: Observed) -> Tables:
        """Counts at the edges in other images."""
        # Counting takes a unit's edges in ascending order; then each class picks its own.
        ordered, order = self.chosen.sort(1)
        counts = tables_above(measured.maps, pixels_of(measured.masks, measured.counted), ordered)
        place = order.argsort(1)[:, None]
        both, high = (of.gather(1, place)[:, 0].masked_fill(self.none, 0) for of in (counts.both, counts.high))
        return Tables(both, high, counts.there, counts.pixels)


def _best_edges(chooses: Observed) -> _Edges:
    seen = pixels_of(chooses.masks, chooses.counted)
    ascending = _FRACTIONS.flip(0).to(chooses.maps.device)
    edges = edges_at(chooses.maps, seen.size, ascending)
    tables = tables_above(chooses.maps, seen, edges)
    allowed = (tables.accuracy() > _LEAST_ACCURACY) & (tables.area() >= _LEAST_AREA)
    allowed &= (tables.high > 0) & (edges >= 1)[:, :, None]
    value, which = torch.where(allowed, tables.ratio(), -1).max(1)
    return _Edges(edges.gather(1, which), value < 0)


def _at_levels(measured: Observed, level: Float[Tensor, "units"]) -> Tables:
    """Counts in the sample at one level a unit."""
    _, _, height, width = measured.masks.shape
    total = None
    step = max(1, _VALUES // (measured.maps.shape[1] * height * width))
    for start in range(0, len(measured.maps), step):
        part = measured.part(slice(start, start + step))
        above = upsampled(part.maps.float(), (height, width)) > level[:, None, None]
        counts = overlap(above, part.masks, part.counted)
        total = counts if total is None else total + counts
    assert total is not None
    images = torch.full((measured.masks.shape[1],), len(measured.masks), device=measured.masks.device)
    images = images if measured.counted is None else measured.counted.sum(0)
    return Tables(total.intersection, total.units, total.concepts, images * height * width)
