"""Visual patterns of a network's filters, in scikit-learn's manners."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from netopsy.core.errors import InputError, require
from netopsy.core.layers import Layer, layer_names
from netopsy.core.modes import device_of
from netopsy.core.shapes import Images
from netopsy.core.targets import is_index
from netopsy.interpretability.eigen_cam.cam import last_grid_layer
from netopsy.interpretability.layer_maps import Reshape, check_images
from netopsy.interpretability.maps import resized
from netopsy.interpretability.pattern_net.conditions import Conditions, learned_layers, learned_sets, warn_of_none
from netopsy.interpretability.pattern_net.firing import Peaks, filter_maps, filter_peaks, within
from netopsy.interpretability.pattern_net.mining import Itemset, mine_itemsets
from netopsy.interpretability.pattern_net.proposals import Proposals, propose
from netopsy.interpretability.pattern_net.regions import effective_regions, receptive_field_of, theoretical_regions
from netopsy.interpretability.receptive_field import ReceptiveField

Batches = Iterable[tuple[Tensor, Tensor]]


@dataclass(frozen=True)
class VisualPattern:
    """Filters that fire close to one another, often in one class and rarely in the others."""

    cls: int
    filters: tuple[int, ...]
    """Channels of the layer."""
    support: float
    """Share of the class's training images in which it fires."""
    background: float
    """Share of the other training images in which it fires."""
    lift: float
    """Support over background plus 0.001."""
    inside: int
    """Training images of the class in which it fires."""
    outside: int
    """Other training images in which it fires."""
    box: tuple[float, float, float, float]
    """Top, left, bottom and right of what it answers to, in pixels from the middle of its cell's receptive field."""


class PatternMiner:
    """Finds visual patterns in the filters of one layer, and uses them to describe images and to propose boxes.

    Args:
        backbone: any network; it is not changed.
        layer: whose filters; by default the last one with a grid.
        method: ``"mine"`` counts frequent sets exactly; ``"net"`` learns thresholds and combinations (`PatternLayers`)
            and keeps those that fulfil the same conditions.
        min_size, max_size: filters in a pattern.
        min_support: share of the class's images in which a pattern must fire.
        min_lift: how many times more frequent in the class than in the other images.
        radius: cells within which the peaks of a pattern's filters must lie, ``None`` to let them be anywhere.
        per_class: patterns of a class, at most.
        quantile: a filter fires above this quantile of its peaks over the training images.
        region: ``"effective"`` boxes by gradients of peaks, or ``"theoretical"`` ones, whole receptive fields.
        region_images: the mean of how many peaks a filter's effective box is. Each costs a pass back through the
            network, which in a deep one is most of the time of `fit`: in a ResNet-18 at 32 pixels about a second a
            filter on one core at the default.
        reshape: lays out a layer's output as a grid (`netopsy.interpretability.layer_maps.token_grid`).
        seed: of the learned method's first weights.

    Attributes:
        patterns_: list of `VisualPattern`, class by class, the highest lift first.
        thresholds_, means_: of the filters' peaks, ``[filters]``; a filter that never fires has mean 0 and is never
            part of a pattern.
        layer_: the layer's name.
        field_: the receptive field of its cells.

    Every constant is a reconstruction and unconfirmed; see the package.

    Raises:
        InputError: a share, a size or a quantile out of range.

    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
    >>> images = torch.rand(40, 1, 8, 8)
    >>> miner = PatternMiner(net, min_support=0.1, min_lift=0.1, radius=None, quantile=0.3)
    >>> miner = miner.fit(images, torch.arange(40) % 2)
    >>> miner.transform(images).shape == (40, len(miner.patterns_))
    True
    """

    patterns_: list[VisualPattern]
    thresholds_: Float[Tensor, "filters"]
    means_: Float[Tensor, "filters"]
    layer_: str
    field_: ReceptiveField

    def __init__(
        self,
        backbone: nn.Module,
        layer: Layer | None = None,
        *,
        method: Literal["mine", "net"] = "mine",
        min_size: int = 2,
        max_size: int = 3,
        min_support: float = 0.5,
        min_lift: float = 5.0,
        radius: int | None = 1,
        per_class: int = 5,
        quantile: float = 0.8,
        region: Literal["effective", "theoretical"] = "effective",
        region_images: int = 50,
        batch_size: int = 256,
        reshape: Reshape | None = None,
        seed: int = 0,
    ) -> None:
        require(method in ("mine", "net"), f"method must be 'mine' or 'net', got {method!r}")
        require(region in ("effective", "theoretical"), f"region must be 'effective' or 'theoretical', got {region!r}")
        require(0 < quantile < 1, f"quantile must lie between 0 and 1, got {quantile}")
        require(1 <= min_size <= max_size, f"min_size must be from 1 to max_size, {max_size}, got {min_size}")
        require(0 < min_support <= 1, f"min_support must be above 0 and at most 1, got {min_support}")
        require(min_lift > 0, f"min_lift must be above 0, got {min_lift}")
        require(radius is None or radius >= 0, f"radius must be at least 0 cells, or None, got {radius}")
        require(per_class >= 1, f"per_class must be at least 1, got {per_class}")
        for name, number in (("batch_size", batch_size), ("region_images", region_images)):
            require(is_index(number) and number >= 1, f"{name} must be an int of at least 1, got {number!r}")
        self.backbone, self.layer, self.method, self.reshape, self.seed = backbone, layer, method, reshape, seed
        self.min_size, self.max_size, self.min_support, self.min_lift = min_size, max_size, min_support, min_lift
        self.radius, self.per_class, self.quantile, self.region = radius, per_class, quantile, region
        self.region_images = region_images
        self.batch_size = batch_size

    def fit(self, images: Images | Batches, labels: Int[Tensor, "n"] | None = None) -> PatternMiner:
        """Find the patterns of every class: one forward pass over the images, then counting or learning on the peaks.

        Args:
            images: ``[n, channels, height, width]`` with ``labels``, or batches ``(images, labels)``, which are kept.

        Raises:
            InputError: images of one class only, batches without labels, or a layer that has no grid.
        """
        images, labels = _together(images, labels)
        self.layer_ = (
            last_grid_layer(self.backbone, images[:1].to(device_of(self.backbone)))
            if self.layer is None
            else layer_names(self.backbone, self.layer)[0]
        )
        self.field_ = receptive_field_of(self.backbone, self.layer_, images, self.reshape)
        peaks = filter_peaks(self.backbone, self.layer_, images, batch_size=self.batch_size, reshape=self.reshape)
        self.means_ = peaks.values.mean(0)
        self.thresholds_ = peaks.values.quantile(self.quantile, dim=0)
        found = self._learned(peaks, labels) if self.method == "net" else self._mined(peaks, labels)
        if not found:
            warn_of_none(self._fired(peaks), peaks, labels, self._conditions())
        used = sorted({item for one in found for item in one.items})
        regions = self._regions(images, peaks, used)
        self.patterns_ = [
            VisualPattern(
                one.cls,
                one.items,
                one.support,
                one.background,
                one.lift,
                one.inside,
                one.outside,
                _mean_box([regions[item] for item in one.items]),
            )
            for one in found
        ]
        return self

    def fires(self, images: Images | Peaks) -> Bool[Tensor, "n patterns"]:
        """Whether each pattern fires in each image: all its filters do, close to one another.

        Args:
            images: or the `filter_peaks` of some at this layer.
        """
        peaks = self._peaks(images)
        fired = self._fired(peaks)
        columns = [
            fired[:, pattern.filters].all(1) & within(peaks, torch.tensor(pattern.filters), self.radius)
            for pattern in self.patterns_
        ]
        return torch.stack(columns, 1) if columns else torch.zeros(len(images), 0, dtype=torch.bool)

    def transform(self, images: Images | Peaks) -> Float[Tensor, "n patterns"]:
        """The response of each pattern: the mean of its filters' peaks, each over its mean in training.

        Args:
            images: or the `filter_peaks` of some at this layer.
        """
        scaled = self._peaks(images).values / self._scale()
        columns = [scaled[:, pattern.filters].mean(1) for pattern in self.patterns_]
        return torch.stack(columns, 1) if columns else scaled.new_zeros(len(images), 0)

    def heatmap(self, images: Images, pattern: int, *, resize: bool = True) -> Float[Tensor, "batch rows columns"]:
        """Where a pattern answers: the mean of its filters' maps, each over its mean peak in training."""
        self._check_fitted()
        check_images(images)
        require(
            0 <= pattern < len(self.patterns_), f"pattern must be from 0 to {len(self.patterns_) - 1}, got {pattern}"
        )
        maps = self._maps(images, [pattern])[:, 0]
        return resized(maps, (images.shape[2], images.shape[3])) if resize else maps

    def propose(
        self,
        images: Images,
        top: int = 10,
        *,
        patterns: Sequence[int] | None = None,
        scales: Sequence[float] = (1.0,),
        overlap: float = 0.5,
    ) -> list[Proposals]:
        """Boxes where patterns answer: peaks of their maps, each with the pattern's own box around it.

        Args:
            top: boxes an image, at most.
            patterns: which ones to use, all by default.
            scales: sizes of the image to look at beside each other, such as (1, 0.75, 0.5).
            overlap: of two boxes that overlap by more than this intersection over union the weaker is dropped.

        Returns:
            For each image float ``[boxes, 5]``: first row, first column, last row + 1, last column + 1, in pixels and
            clipped to the image, and the response; the strongest first.
        """
        self._check_fitted()
        check_images(images)
        require(top >= 1, f"top must be at least 1, got {top}")
        require(len(scales) > 0 and all(scale > 0 for scale in scales), f"scales must be positive, got {scales}")
        chosen = list(range(len(self.patterns_)) if patterns is None else patterns)
        known = all(0 <= number < len(self.patterns_) for number in chosen)
        require(known, f"patterns must be from 0 to {len(self.patterns_) - 1}, got {chosen}")
        if not chosen:
            return [images.new_zeros(0, 5).cpu() for _ in images]
        boxes = torch.tensor([self.patterns_[number].box for number in chosen])
        return propose(lambda shown: self._maps(shown, chosen), self.field_, boxes, images, top, scales, overlap)

    def _conditions(self) -> Conditions:
        return Conditions(self.min_size, self.max_size, self.min_support, self.min_lift, self.radius, self.per_class)

    def _mined(self, peaks: Peaks, labels: Tensor) -> list[Itemset]:
        return mine_itemsets(self._fired(peaks), labels, peaks=peaks, **dataclasses.asdict(self._conditions()))

    def _learned(self, peaks: Peaks, labels: Tensor) -> list[Itemset]:
        alive = self.means_ > 0
        self.layers_ = learned_layers(peaks, labels, self.thresholds_, alive, self.per_class, self.seed)
        self.thresholds_ = self.thresholds_.clone()
        self.thresholds_[alive] = self.layers_.thresholds.detach().to(self.thresholds_)
        numbers = alive.nonzero().flatten()
        return learned_sets(self.layers_, self._fired(peaks), peaks, labels, numbers, self._conditions())

    def _regions(self, images: Tensor, peaks: Peaks, used: Sequence[int]) -> dict[int, Tensor]:
        if not used:
            return {}
        if self.region == "theoretical" or self.reshape is not None:
            boxes = theoretical_regions(self.field_, len(used))
        else:
            boxes = effective_regions(
                self.backbone, self.layer_, images, peaks, used, self.field_, k=self.region_images
            )
        return dict(zip(used, boxes, strict=True))

    def _fired(self, peaks: Peaks) -> Bool[Tensor, "n filters"]:
        return (peaks.values > self.thresholds_) & (self.means_ > 0)

    def _scale(self) -> Tensor:
        return self.means_.where(self.means_ > 0, torch.inf)

    def _maps(self, images: Tensor, patterns: Sequence[int]) -> Float[Tensor, "n patterns rows columns"]:
        maps = filter_maps(self.backbone, self.layer_, images, self.reshape).cpu()
        scaled = maps / self._scale()[:, None, None]
        return torch.stack([scaled[:, self.patterns_[number].filters].mean(1) for number in patterns], 1)

    def _peaks(self, images: Tensor | Peaks) -> Peaks:
        self._check_fitted()
        if isinstance(images, Peaks):
            filters, known = images.values.shape[1], len(self.means_)
            require(filters == known, f"images are peaks of {filters} filters, but layer {self.layer_!r} has {known}")
            return images
        return filter_peaks(self.backbone, self.layer_, images, batch_size=self.batch_size, reshape=self.reshape)

    def _check_fitted(self) -> None:
        require(hasattr(self, "patterns_"), "this PatternMiner has no patterns yet: call fit(images, labels) first")


def _together(images: Tensor | Batches, labels: Tensor | None) -> tuple[Tensor, Tensor]:
    if isinstance(images, Tensor):
        check_images(images)
        if labels is None:
            raise InputError("labels must be given with images: one class number for each")
    else:
        batches = [_pair(batch) for batch in images]
        require(batches, "images must hold at least one batch")
        images, labels = (torch.cat(column) for column in zip(*batches, strict=True))
        check_images(images)
    require(
        labels.ndim == 1 and len(labels) == len(images) and not labels.is_floating_point(),
        f"labels must be class numbers [{len(images)}], got {tuple(labels.shape)} of {labels.dtype}",
    )
    require(len(labels.unique()) > 1, f"labels must hold at least two classes, got {labels.unique().tolist()}")
    return images, labels.cpu().long()


def _pair(batch: object) -> tuple[Tensor, Tensor]:
    if not isinstance(batch, tuple | list) or len(batch) < 2:
        raise InputError("images must be batches (images, labels) where they are no tensor; these have no labels")
    return batch[0], batch[1]


def _mean_box(regions: Sequence[Tensor]) -> tuple[float, float, float, float]:
    top, left, bottom, right = torch.stack(list(regions)).mean(0).tolist()
    return top, left, bottom, right
