"""Which unit is high where which class is: every unit of a layer against every class of a segmenter."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.core.layers import Layer
from netopsy.core.shapes import Activations
from netopsy.interpretability.dissection.bars import unit_bars
from netopsy.interpretability.dissection.counting import tables_at
from netopsy.interpretability.dissection.edges import BestEdges
from netopsy.interpretability.dissection.enlarging import Enlarging
from netopsy.interpretability.dissection.pixels import Pixels
from netopsy.interpretability.dissection.quantiles import tail_level
from netopsy.interpretability.dissection.tables import Tables
from netopsy.interpretability.gan_dissection.observing import (
    Observed,
    check_masks,
    observations,
    observe,
)
from netopsy.interpretability.gan_dissection.stage import Masks, Segmenter, check_z

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Threshold = Literal["iqr"] | tuple[Literal["quantile"], float] | Tensor
_LEAST_IOU, _LEAST_RATIO = 0.05, 0.01


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

    def plot(self, ax: Axes | None = None) -> Axes:
        """How many units stand for each class, in bars; classes without a unit are left out."""
        counts = self.label[self.interpretable].bincount(minlength=len(self.classes))
        order = counts.argsort(descending=True, stable=True).tolist()
        return unit_bars({self.classes[one]: int(counts[one]) for one in order if counts[one]}, len(self.label), ax)


@checked
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

    >>> import torch
    >>> images = torch.rand(8, 1, 4, 4)
    >>> net = nn.Sequential(nn.Conv2d(1, 2, 1, bias=False))
    >>> net[0].weight.data[:] = torch.tensor([1.0, -1.0]).reshape(2, 1, 1, 1)
    >>> report = dissect(net, "0", images > 0.5, images, threshold=torch.tensor([0.5, -0.5]), labels=["bright"])
    >>> report.iou.tolist(), report.interpretable.tolist()
    ([[1.0], [0.0]], [True, False])
    """
    check_threshold(threshold)
    check_z(z, batch_size)
    if isinstance(segmenter, Tensor):
        check_masks(segmenter, counted, z)
        require(z_threshold is None, "z_threshold goes with a segmenter, not with masks: leave it out")

    run: dict[str, Any] = {"multi_label": multi_label, "batch_size": batch_size}

    def images(which: slice) -> dict[str, Any]:
        masks = segmenter[which] if isinstance(segmenter, Tensor) else segmenter
        return run | {"segmenter": masks, "z": z[which], "counted": None if counted is None else counted[which]}

    chooses, half = None, 0
    if z_threshold is not None and not isinstance(threshold, Tensor):
        chooses = observe(generator, layer, segmenter, z_threshold, **run)
    elif not isinstance(threshold, Tensor):
        require(len(z) >= 2, f"z must hold at least 2: one half chooses the levels, one is measured; got {len(z)}")
        half = len(z) // 2
        chooses = observe(generator, layer, **images(slice(half)))
    return _reported(
        observations(generator, layer, **images(slice(half, None))), chooses, threshold, labels, background
    )


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
    level, tables = _levels(first, chooses, threshold)
    total = reduce(Tables.__add__, (tables(part.maps.float(), part.pixels) for part in chain([first], measured)))
    require(bool(total.there.any()), "no class is present in the sample: nothing to compare the units with")
    iou, ratio = total.iou(), total.ratio()
    labelled = iou.clone()
    if background is not None:
        labelled[:, background] = -1
    best, label = labelled.max(1)
    certain = ratio.gather(1, label[:, None])[:, 0] > _LEAST_RATIO
    level = level.expand(units, classes)
    return DissectReport(iou, ratio, level, label, best.clamp(min=0), (best > _LEAST_IOU) & certain, names)


def _levels(
    like: Observed, chooses: Observed | None, threshold: Threshold
) -> tuple[Tensor, Callable[[Activations, Pixels], Tables]]:
    """The levels, one a unit ``[units, 1]`` or one a unit and class, and how to count at them."""
    grid, size = like.maps.shape[2:], like.masks.shape[2:]
    if isinstance(threshold, Tensor):
        units = like.maps.shape[1]
        require(threshold.shape == (units,), f"threshold must be [{units}] levels, got {tuple(threshold.shape)}")
        own = threshold.to(like.maps).float()
    else:
        if chooses is None:
            raise InputError("chooses must be given where levels are to be chosen")
        if isinstance(threshold, str):
            edges = BestEdges.chosen(chooses.maps, chooses.pixels)
            return edges.levels, edges.tables
        own = tail_level(chooses.maps, threshold[1], (int(size[0]), int(size[1])))
    enlarge = Enlarging.evenly((int(size[0]), int(size[1])), (int(grid[0]), int(grid[1])))
    return own[:, None], lambda maps, pixels: tables_at(own, enlarge, maps, [pixels])


def check_threshold(threshold: object) -> None:
    """Raise `InputError` unless ``threshold`` is one of the ways to choose levels."""
    if isinstance(threshold, Tensor):
        require(threshold.ndim == 1 and not threshold.isnan().any(), "threshold must be one level a unit, without NaN")
        return
    fits = threshold == "iqr" or (
        isinstance(threshold, tuple)
        and len(threshold) == 2
        and threshold[0] == "quantile"
        and isinstance(threshold[1], float)
        and 0 < threshold[1] < 1
    )
    require(fits, f"threshold must be 'iqr', ('quantile', share) or levels [units], got {threshold!r}")
