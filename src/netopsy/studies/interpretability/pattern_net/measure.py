"""What is measured on the patterns of one network: are they telling, useful, and where the objects are?"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from netopsy.core.seeds import derive, generator
from netopsy.data import canvases
from netopsy.interpretability.boxes import overlap_of_boxes
from netopsy.interpretability.pattern_net import (
    PatternMiner,
    filter_peaks,
    frequent_itemsets,
    mine_itemsets,
)
from netopsy.interpretability.pattern_net.evaluation import (
    best_of_class,
    energy_maps,
    equal_support,
    mined,
    moved_boxes,
    peaks_inside,
)
from netopsy.interpretability.pattern_net.firing import filter_maps
from netopsy.interpretability.pattern_net.mining import SMOOTHING
from netopsy.interpretability.pattern_net.patchwise import agreement, patchwise_maps
from netopsy.interpretability.pattern_net.proposals import propose
from netopsy.interpretability.receptive_field import receptive_field
from netopsy.lab import Cell, Rows
from netopsy.lab.costs import growth, milliseconds
from netopsy.lab.pictures import to_text
from netopsy.lab.subjects.answers import answers
from netopsy.lab.subjects.images import ImageSubject, Scenes, scenes_of, trained
from netopsy.models import small_conv_net
from netopsy.studies.interpretability.pattern_net.plan import (
    AT,
    EARLIER,
    ENERGY,
    FIRINGS,
    HEAD,
    MEANS,
    OVERLAP,
    PATTERNS,
    RANDOM,
    TRIPLES,
    Config,
)

Row = dict[str, Any]


def plan(config: Config) -> Iterable[Cell]:
    """One network a cell; one cell for the speed against patches, and two for what mining costs."""
    for seed in range(config.seeds):
        numbers: Row = {"per_class": config.per_class, "boxes": config.boxes}
        shown = config.examples if seed == 0 else 0
        yield Cell.of(patterns, seed=seed, subject=config.subject, shown=shown, **numbers)
    numbers = {"sizes": config.patch_sizes, "images": config.patch_images, "rounds": config.rounds}
    yield Cell.of(speed, subject=config.patch_subject, **numbers)
    yield Cell.of(cost_by_side, sides=config.sides)
    yield Cell.of(cost_by_units, units=config.units)


def patterns(seed: int, subject: ImageSubject, per_class: int, boxes: int, shown: int) -> Rows:
    """Rows of the measures class, pattern, answer, box, peak and example."""
    found, train = trained(subject, seed), scenes_of(subject, "train", seed)
    earlier, last = subject.layers[-2:]
    for name, layer in ((AT, last), (EARLIER, earlier)):
        miner = PatternMiner(found.model, layer, per_class=per_class).fit(train.images, train.labels)
        measured = [*telling(miner, train, found.scenes), *proposals(miner, found.scenes, boxes, seed)]
        if name == AT:
            measured += classification(miner, train, found.scenes, seed)
            measured += examples(miner, found.scenes, shown)
        yield from ({"layer": name, **row} for row in measured)


def telling(miner: PatternMiner, train: Scenes, test: Scenes) -> Iterator[Row]:
    """For every class, held out: how often its best pattern and its best single filter fire, in it and elsewhere.

    Best is by lift in training. A filter counts if its support there is enough for a pattern.
    """
    fired = miner.fires(test.images)
    peaks = filter_peaks(miner.backbone, miner.layer_, train.images)
    unseen = filter_peaks(miner.backbone, miner.layer_, test.images)
    ours = peaks.values > miner.thresholds_
    labels, held = train.labels.cpu(), test.labels.cpu()
    best_ones, counts = best_of_class(miner), Counter(one.cls for one in miner.patterns_)
    for cls in labels.unique().tolist():
        singles = frequent_itemsets(ours, labels, cls, max_size=1, min_support=miner.min_support)
        if cls not in best_ones or not singles:
            yield {"measure": "class", "class": cls, "found": 0}
            continue
        best, single = best_ones[cls], max(singles, key=lambda one: one.lift)
        alone = unseen.values[:, single.items[0]] > miner.thresholds_[single.items[0]]
        equal, level = equal_support(peaks.values, labels == cls, miner.patterns_[best].support)
        row = {"measure": "class", "class": cls, "found": counts[cls], "filters": len(miner.patterns_[best].filters)}
        for name, fires in (
            ("pattern", fired[:, best]),
            ("filter", alone),
            ("equal filter", unseen.values[:, equal] > level),
        ):
            own = held == cls
            support, background = float(fires[own].float().mean()), float(fires[~own].float().mean())
            row |= {
                f"{name} inside": int(fires[own].sum()),
                f"{name} outside": int(fires[~own].sum()),
                f"{name} support": support,
                f"{name} background": background,
                f"{name} lift": support / (background + SMOOTHING),
            }
        yield row
    for one in miner.patterns_:
        at = {"measure": "pattern", "class": one.cls, "filters": len(one.filters), "height": one.box[2] - one.box[0]}
        yield {**at, "support": one.support, "background": one.background, "lift": one.lift}


def classification(miner: PatternMiner, train: Scenes, test: Scenes, seed: int) -> Iterator[Row]:
    """The accuracy on test images of a linear classifier on each description, and of the network."""
    right: dict[str, Any] = {HEAD: (answers(miner.backbone, test.images) == test.labels).cpu().numpy()}
    for name, (known, unseen) in descriptions(miner, train, test, seed).items():
        pipeline = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        pipeline.fit(known.numpy(), train.labels.cpu().numpy())
        right[name] = pipeline.predict(unseen.numpy()) == test.labels.cpu().numpy()
    for name, values in right.items():
        yield {"measure": "answer", "method": name, "value": values.mean()}


def descriptions(miner: PatternMiner, train: Scenes, test: Scenes, seed: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Of training and test images: patterns' responses and firings, random triples' responses, mean activations."""
    means = miner.means_.where(miner.means_ > 0, torch.inf)
    alive = (miner.means_ > 0).nonzero().flatten()
    random = generator(derive(seed, "triples"))
    triples = torch.stack(
        [alive[torch.randperm(len(alive), generator=random)[:3]] for _ in range(max(1, len(miner.patterns_)))]
    )
    maps = partial(filter_maps, miner.backbone, miner.layer_)
    found: dict[str, list[Tensor]] = {PATTERNS: [], FIRINGS: [], TRIPLES: [], MEANS: []}
    for those in (train.images, test.images):
        peaks = filter_peaks(miner.backbone, miner.layer_, those).values / means
        found[PATTERNS].append(miner.transform(those))
        found[FIRINGS].append(miner.fires(those).float())
        found[TRIPLES].append(peaks[:, triples].mean(2))
        found[MEANS].append(torch.cat([maps(some).cpu().mean((2, 3)) for some in those.split(256)]))
    return {name: (known, unseen) for name, (known, unseen) in found.items() if known.shape[1]}


def proposals(miner: PatternMiner, test: Scenes, top: int, seed: int) -> Iterator[Row]:
    """How often one of the boxes of each kind is the object's, and the class's best pattern peaks inside it."""
    images, truth = test.images, test.boxes.cpu().float()
    found = miner.propose(images, top)
    sizes = torch.tensor([one.box for one in miner.patterns_]) if miner.patterns_ else torch.zeros(1, 4)
    energy = propose(
        lambda shown: energy_maps(miner, shown), miner.field_, sizes.mean(0)[None], images, top, (1.0,), OVERLAP
    )
    random = generator(derive(seed, "boxes"))
    inside = peaks_inside(miner, images, test.labels.cpu(), truth)
    overlaps: dict[str, list[float]] = {name: [] for name in (PATTERNS, ENERGY, RANDOM)}
    for number, box in enumerate(truth):
        ours = found[number][:, :4]
        moved = moved_boxes(ours, images.shape[2], images.shape[3], random)
        for own, boxes in zip(overlaps.values(), (ours, energy[number][:, :4], moved), strict=True):
            own.append(float(overlap_of_boxes(boxes, box).max()) if len(boxes) else 0.0)
    for name, own in overlaps.items():
        hit = np.mean(np.array(own) >= OVERLAP)
        yield {"measure": "box", "method": name, "value": hit, "overlap": np.mean(own)}
    yield {"measure": "peak", "value": float(np.mean(list(inside.values()))) if inside else math.nan}


def examples(miner: PatternMiner, test: Scenes, count: int) -> Iterator[Row]:
    """The test images that answer most to the best pattern of each class, and the pattern's box in them."""
    responses = miner.transform(test.images)
    for cls, number in best_of_class(miner).items():
        for rank, image in enumerate(responses[:, number].argsort(descending=True)[:count].tolist()):
            boxes = miner.propose(test.images[image : image + 1], 1, patterns=[number])[0]
            box = " ".join(str(round(value)) for value in boxes[0, :4].tolist()) if len(boxes) else "0 0 1 1"
            right, picture = int(test.labels[image] == cls), to_text(test.images[image].mean(0))
            yield {"measure": "example", "class": cls, "rank": rank, "right": right, "box": box, "picture": picture}


def speed(subject: ImageSubject, sizes: tuple[int, ...], images: int, rounds: int) -> Rows:
    """Milliseconds of both ways for so many images of each size, round by round, and how far they agree.

    Both ways end with the same mining; the networks are timed without it, too. The patches that are timed are as large
    as the receptive field; those compared are the smallest ones of which the network makes the same cell.
    """
    model, layer = trained(subject, 0).model, subject.layers[-1]
    for size in sizes:
        shown = canvases(images, split="test", size=size, objects=1, seed=0)
        those = shown.images.to(next(model.parameters()).device)
        labels = shown.classes[:, 0]
        field = receptive_field(model, layer, those)
        ways = {"one pass": partial(filter_maps, model, layer, those)}
        ways["patches"] = partial(patchwise_maps, model, layer, those, field, exact=False)
        for turn in range(rounds):
            times = {name: milliseconds(partial(mined, way, labels), rounds=1) for name, way in ways.items()}
            alone = {f"{name} alone": milliseconds(way, rounds=1) for name, way in ways.items()}
            yield {"measure": "speed", "side": size, "round": turn, **times, **alone}
        yield {"measure": "agreement", "side": size, "value": agreement(model, layer, those)}


def cost_by_side(sides: tuple[int, ...]) -> Rows:
    """Milliseconds to find patterns in 64 images by their side."""

    def ways(side: int) -> dict[str, Any]:
        images = torch.rand(64, 1, side, side, generator=generator(0))
        options: Row = {"min_support": 0.3, "min_lift": 1.0, "radius": None, "quantile": 0.5}
        miner = PatternMiner(small_conv_net(seed=0).eval(), "features.act4", **options)
        return {"fit": partial(miner.fit, images, torch.arange(64) % 2)}

    return growth(ways, sides, name="side", rounds=3)


def cost_by_units(units: tuple[int, ...]) -> Rows:
    """Milliseconds to mine 1000 images' firings by the number of filters."""

    def ways(count: int) -> dict[str, Any]:
        fired = torch.rand(1000, count, generator=generator(1)) < 0.2
        fired[:500, : count // 4] |= torch.rand(500, 1, generator=generator(2)) < 0.6
        return {"mine": partial(mine_itemsets, fired, torch.arange(1000) // 500)}

    return growth(ways, units, name="units", rounds=3)
