"""Visual patterns of a network's filters, in scikit-learn's manners."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from netopsy.core.arguments import checked_class
from netopsy.core.errors import InputError, require
from netopsy.core.fingerprints import fingerprint
from netopsy.core.layers import Layer, layer_names
from netopsy.core.modes import device_of
from netopsy.core.progress import track
from netopsy.core.shapes import Images
from netopsy.core.targets import is_index
from netopsy.interpretability.eigen_cam.cam import last_grid_layer
from netopsy.interpretability.image_batches import ManyImages, class_numbers, digests_of, image_batches, images_of
from netopsy.interpretability.layer_maps import Reshape, check_images, storable
from netopsy.interpretability.maps import resized
from netopsy.interpretability.pattern_net import keeping
from netopsy.interpretability.pattern_net.conditions import (
    Conditions,
    learned_layers,
    learned_sets,
    quantile_for,
    warn_of_none,
)
from netopsy.interpretability.pattern_net.firing import (
    Peaks,
    filter_maps,
    filter_peaks,
    joined_peaks,
    peaks_of,
    within,
)
from netopsy.interpretability.pattern_net.mining import Itemset, mine_itemsets
from netopsy.interpretability.pattern_net.network import PatternLayers
from netopsy.interpretability.pattern_net.patterns import VisualPattern
from netopsy.interpretability.pattern_net.proposals import Proposals, propose
from netopsy.interpretability.pattern_net.regions import (
    effective_regions,
    highest,
    receptive_field_of,
    theoretical_regions,
)
from netopsy.interpretability.receptive_field import ReceptiveField

ClassNumbers = Int[Tensor, "n"] | Int[np.ndarray, "n"] | Sequence[int]


@checked_class
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
        quantile: a filter fires above this quantile of its peaks over the training images; by default 0.8, or lower
            where no class could then have a pattern, as two of one size cannot (`quantile_for`).
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
        quantile_: above which filters fired.
        layers_: the learned layers, of ``method="net"``.
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
    quantile_: float
    layers_: PatternLayers
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
        quantile: float | None = None,
        region: Literal["effective", "theoretical"] = "effective",
        region_images: int = 50,
        batch_size: int = 256,
        reshape: Reshape | None = None,
        seed: int = 0,
    ) -> None:
        require(method in ("mine", "net"), f"method must be 'mine' or 'net', got {method!r}")
        require(region in ("effective", "theoretical"), f"region must be 'effective' or 'theoretical', got {region!r}")
        require(quantile is None or 0 < quantile < 1, f"quantile must lie between 0 and 1, got {quantile}")
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

    def fit(self, images: ManyImages, labels: ClassNumbers | None = None) -> PatternMiner:
        """Find the patterns of every class: one forward pass over the images, then counting or learning on the peaks.

        Args:
            images: ``[n, channels, height, width]`` with ``labels``, or batches ``(images, labels)``, such as a
                ``DataLoader``, in any order. Batches that can be gone through twice are never all held: the images that
                the boxes are taken from are looked for the second time. Others, such as a generator, are kept.
            labels: class numbers, a tensor, an array or a list.

        Raises:
            InputError: images of one class only, batches without labels or that change from one time to the next, or a
                layer that has no grid.
        """
        if isinstance(images, Tensor):
            check_images(images)
            require(labels is not None, "labels must be given with images: one class number for each")
            classes = class_numbers(labels, len(images))
            _check_classes(classes)
        else:
            require(labels is None, "labels must come with the batches, (images, labels), where images is no tensor")
            images = list(images) if iter(images) is images else images
        batches = image_batches(images, self.batch_size)
        first = next(batches)
        self.layer_ = (
            last_grid_layer(self.backbone, first.images[:1].to(device_of(self.backbone)))
            if self.layer is None
            else layer_names(self.backbone, self.layer)[0]
        )
        self.field_ = receptive_field_of(self.backbone, self.layer_, first.images, self.reshape)
        parts, numbers, digests = [], [], []
        total = -(-len(images) // self.batch_size) if isinstance(images, Tensor) else None
        for batch in track(chain([first], batches), "looking for peaks", total):
            parts.append(peaks_of(self.backbone, self.layer_, batch.images, self.reshape))
            if labels is None:
                if batch.labels is None:
                    raise InputError("images must be batches (images, labels); these have no labels")
                numbers.append(batch.labels)
                digests += digests_of(batch.images)
        peaks = joined_peaks(parts)
        if labels is None:
            classes = torch.cat(numbers)
            _check_classes(classes)
        self.means_ = peaks.values.mean(0)
        self.quantile_ = quantile_for(classes, self.min_support) if self.quantile is None else self.quantile
        self.thresholds_ = peaks.values.quantile(self.quantile_, dim=0)
        found = self._learned(peaks, classes) if self.method == "net" else self._mined(peaks, classes)
        if not found:
            given = self.quantile_ if self.method == "mine" else None
            warn_of_none(self._fired(peaks), peaks, classes, self._conditions(), given)
        used = sorted({item for one in found for item in one.items})
        regions = self._regions(images, peaks, used, digests)
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

    def save(self, path: str | Path) -> None:
        """Write what was fitted to one safetensors file, with JSON beside the tensors; the network is not in it.

        Raises:
            InputError: not fitted, or a ``reshape`` of one's own: only `token_grid` can be written.
        """
        self._check_fitted()
        options = {each.name: getattr(self, each.name) for each in dataclasses.fields(keeping.Options)}
        keeping.Kept(
            network=fingerprint(self.backbone.state_dict()),
            options=keeping.Options(**{**options, "reshape": storable(self.reshape)}),
            layer=self.layer_,
            field=self.field_,
            quantile=self.quantile_,
            thresholds=self.thresholds_,
            means=self.means_,
            patterns=self.patterns_,
            layers=dict(self.layers_.state_dict()) if self.method == "net" else None,
        ).write(path)

    @classmethod
    def load(cls, path: str | Path, backbone: nn.Module) -> PatternMiner:
        """What `save` wrote, for the network that it was fitted on.

        Raises:
            InputError: a file that is not there, is damaged or holds something else, or another network.

        >>> import tempfile
        >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU())
        >>> images = torch.rand(40, 1, 8, 8)
        >>> miner = PatternMiner(net, min_support=0.1, min_lift=0.1, radius=None, quantile=0.3)
        >>> miner = miner.fit(images, torch.arange(40) % 2)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     miner.save(f"{folder}/miner.safetensors")
        ...     again = PatternMiner.load(f"{folder}/miner.safetensors", net)
        >>> torch.equal(again.transform(images), miner.transform(images))
        True
        """
        kept, layers = keeping.read(path, backbone)
        options = {each.name: getattr(kept.options, each.name) for each in dataclasses.fields(keeping.Options)}
        miner = cls(backbone, kept.layer, **options)
        miner.layer_, miner.field_, miner.quantile_ = kept.layer, kept.field, kept.quantile
        miner.thresholds_, miner.means_, miner.patterns_ = kept.thresholds, kept.means, kept.patterns
        if layers is not None:
            miner.layers_ = layers
        return miner

    def fires(self, images: ManyImages | Peaks) -> Bool[Tensor, "n patterns"]:
        """Whether each pattern fires in each image: all its filters do, close to one another.

        Args:
            images: a tensor, batches such as a ``DataLoader``, or the `filter_peaks` of some at this layer.
        """
        peaks = self._peaks(images)
        fired = self._fired(peaks)
        columns = [
            fired[:, pattern.filters].all(1) & within(peaks, torch.tensor(pattern.filters), self.radius)
            for pattern in self.patterns_
        ]
        return torch.stack(columns, 1) if columns else torch.zeros(len(peaks), 0, dtype=torch.bool)

    def transform(self, images: ManyImages | Peaks) -> Float[Tensor, "n patterns"]:
        """The response of each pattern: the mean of its filters' peaks, each over its mean in training.

        Args:
            images: a tensor, batches such as a ``DataLoader``, or the `filter_peaks` of some at this layer.
        """
        scaled = self._peaks(images).values / self._scale()
        columns = [scaled[:, pattern.filters].mean(1) for pattern in self.patterns_]
        return torch.stack(columns, 1) if columns else scaled.new_zeros(len(scaled), 0)

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
        images: ManyImages,
        top: int = 10,
        *,
        patterns: Sequence[int] | None = None,
        scales: Sequence[float] = (1.0,),
        overlap: float = 0.5,
    ) -> list[Proposals]:
        """Boxes where patterns answer: peaks of their maps, each with the pattern's own box around it.

        Args:
            images: ``[n, channels, height, width]``, looked at all at once, or batches of them, one after another.
            top: boxes an image, at most.
            patterns: which ones to use, all by default.
            scales: sizes of the image to look at beside each other, such as (1, 0.75, 0.5).
            overlap: of two boxes that overlap by more than this intersection over union the weaker is dropped.

        Returns:
            For each image float ``[boxes, 5]``: first row, first column, last row + 1, last column + 1, in pixels and
            clipped to the image, and the response; the strongest first.
        """
        self._check_fitted()
        if not isinstance(images, Tensor):
            found: list[Proposals] = []
            for batch in image_batches(images, self.batch_size):
                found += self.propose(batch.images, top, patterns=patterns, scales=scales, overlap=overlap)
            return found
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

    def _regions(
        self, images: ManyImages, peaks: Peaks, used: Sequence[int], digests: Sequence[bytes]
    ) -> dict[int, Tensor]:
        if not used:
            return {}
        if self.region == "theoretical" or self.reshape is not None:
            boxes = theoretical_regions(self.field_, len(used))
        else:
            if not isinstance(images, Tensor):
                wanted = highest(peaks, used, self.region_images).unique()
                images, peaks = images_of(images, [digests[one] for one in wanted.tolist()]), peaks.at(wanted)
            model, layer, k = self.backbone, self.layer_, self.region_images
            boxes = effective_regions(model, layer, images, peaks, used, self.field_, k=k)
        return dict(zip(used, boxes, strict=True))

    def _fired(self, peaks: Peaks) -> Bool[Tensor, "n filters"]:
        return (peaks.values > self.thresholds_) & (self.means_ > 0)

    def _scale(self) -> Tensor:
        return self.means_.where(self.means_ > 0, torch.inf)

    def _maps(self, images: Tensor, patterns: Sequence[int]) -> Float[Tensor, "n patterns rows columns"]:
        maps = filter_maps(self.backbone, self.layer_, images, self.reshape).cpu()
        scaled = maps / self._scale()[:, None, None]
        return torch.stack([scaled[:, self.patterns_[number].filters].mean(1) for number in patterns], 1)

    def _peaks(self, images: ManyImages | Peaks) -> Peaks:
        self._check_fitted()
        if isinstance(images, Peaks):
            filters, known = images.values.shape[1], len(self.means_)
            require(filters == known, f"images are peaks of {filters} filters, but layer {self.layer_!r} has {known}")
            return images
        return filter_peaks(self.backbone, self.layer_, images, batch_size=self.batch_size, reshape=self.reshape)

    def _check_fitted(self) -> None:
        require(hasattr(self, "patterns_"), "this PatternMiner has no patterns yet: call fit(images, labels) first")


def _check_classes(labels: Tensor) -> None:
    require(len(labels.unique()) > 1, f"labels must hold at least two classes, got {labels.unique().tolist()}")


def _mean_box(regions: Sequence[Tensor]) -> tuple[float, float, float, float]:
    top, left, bottom, right = torch.stack(list(regions)).mean(0).tolist()
    return top, left, bottom, right
