"""What the gan-dissection study measures on one generator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from netopsy.core.seeds import derive, generator
from netopsy.data.scenes import SCENE_CLASSES, scenes
from netopsy.interpretability.gan_dissection import (
    DissectReport,
    Observed,
    conditional_mean,
    dissect_observed,
    edit_layer,
    insertion_map,
    observe,
    optimise_ace,
    removals,
    top_sets,
)
from netopsy.interpretability.maps import bilinear
from netopsy.lab import Cell, Rows
from netopsy.lab.costs import growth
from netopsy.lab.pictures import to_text
from netopsy.lab.subjects.scene_generators import Actors, SceneSetting, trained_generator, trained_segmenter
from netopsy.studies.interpretability.gan_dissection.plan import BY_ALPHA, BY_IOU, OBJECTS, RANDOM, Config, Measured

_CERTAIN = 6
"""An object is there where it has this many pixels at 16 pixels a side."""
_HARDLY = 0.1
"""A generator that shows an object in fewer of its images is not asked for more."""
_SHOWN = 6

Reports = Mapping[str, DissectReport]
Row = dict[str, Any]


def plan(config: Config) -> Iterable[Cell]:
    """One generator a cell: train it or take it from the cache, then measure everything on it. And two for the cost."""
    for seed in range(config.seeds):
        yield Cell.of(dissections, seed=seed, setting=config.setting, measured=config.measured)
    yield Cell.of(cost, by="side", sizes=config.timed_sides)
    yield Cell.of(cost, by="units", sizes=config.timed_units)


def dissections(seed: int, setting: SceneSetting, measured: Measured) -> Rows:
    """Rows of the measures presence, iou, labelled, full, removal, curve, insertion and picture."""
    segmenter = trained_segmenter(setting.segmenter, setting.side)
    actors = Actors(trained_generator(setting, seed), segmenter, setting, derive(seed, "measured"))
    reports = {layer: _dissected(actors.halves(layer, measured.sample)) for layer in measured.layers}
    there = list(presence(actors, measured.counted))
    # Of objects that the generator hardly makes nothing further can be asked.
    shown = [row["object"] for row in there if row["kind"] == "made" and row["value"] >= _HARDLY]
    yield from (*there, *agreement(actors, measured, reports))
    yield from (*removed(actors, measured, reports, shown), *inserted(actors, measured, reports, shown))
    if seed == 0:
        for name in shown:
            yield from pictures(actors, measured, reports[measured.layer], name)


def _dissected(halves: Sequence[Observed]) -> DissectReport:
    measured, levels = halves
    return dissect_observed(measured, levels, labels=SCENE_CLASSES)


def presence(actors: Actors, count: int) -> Iterator[Row]:
    """How many of the made images show each object, and how many of the real ones."""
    side = actors.setting.side
    with torch.no_grad():
        made = [actors.segmenter(actors.images(z)).argmax(1) for z in actors.z("presence", count).split(250)]
    labels = {"made": torch.cat(made), "real": scenes(count, side=side, seed=derive(actors.seed, "real")).labels}
    for name, number in OBJECTS.items():
        for kind, each in labels.items():
            there = (each == number).sum((1, 2)) >= _CERTAIN * (side / 16) ** 2
            yield {"measure": "presence", "object": name, "kind": kind, "value": float(there.float().mean())}


def agreement(actors: Actors, config: Measured, reports: Reports) -> Iterator[Row]:
    """The best unit of every object in every layer; with masks of other images; and before training."""
    for layer, report in reports.items():
        halves = actors.halves(layer, config.sample)
        yield from _best(report, layer, "trained", 0)
        counts = report.label[report.interpretable].bincount(minlength=len(SCENE_CLASSES)).tolist()
        for name, units in zip(SCENE_CLASSES, counts, strict=True):
            yield {"measure": "labelled", "layer": layer, "object": name, "value": units, "units": len(report.label)}
        for number in range(config.controls.shuffles):
            random = generator(derive(actors.seed, "shuffle", number))
            orders = [torch.randperm(len(half.masks), generator=random).to(half.masks.device) for half in halves]
            shuffled = [replace(half, masks=half.masks[order]) for half, order in zip(halves, orders, strict=True)]
            yield from _best(_dissected(shuffled), layer, "shuffled", number)
        for number in range(config.controls.untrained):
            yield from _best(_dissected(actors.halves(layer, config.sample, number)), layer, "untrained", number)


def _best(report: DissectReport, layer: str, kind: str, number: int) -> Iterator[Row]:
    for name, cls in OBJECTS.items():
        at = {"measure": "iou", "layer": layer, "object": name, "kind": kind, "number": number}
        yield {**at, "value": float(report.iou[:, cls].max())}


def removed(actors: Actors, config: Measured, reports: Reports, shown: Sequence[str]) -> Iterator[Row]:
    """What removing the best units takes away, against random sets; and by the number of units, in two orders."""
    for layer in config.causal:
        units = len(reports[layer].label)
        random, ends = generator(derive(actors.seed, "sets", layer)), [config.units]
        sets: list[tuple[Row, Tensor]] = []
        for number in range(config.controls.sets):
            [chosen] = top_sets(torch.rand(units, generator=random), ends)
            sets.append(({"measure": "removal", "by": RANDOM, "number": number}, chosen))
        for name in shown:
            iou = reports[layer].iou[:, OBJECTS[name]].cpu().float()
            orders = {BY_IOU: iou}
            if layer == config.layer:
                alpha = _optimised(actors, config, name, iou)
                full = int((alpha == 1).sum())
                yield {"measure": "full", "layer": layer, "object": name, "value": full, "units": units}
                # Strengths end at exactly 1, where many units tie; the higher IoU then comes first.
                orders[BY_ALPHA] = alpha + 1e-4 * iou
            for order, scores in orders.items():
                for count, chosen in enumerate(top_sets(scores, range(config.most + 1))):
                    sets.append(({"measure": "curve", "object": name, "by": order, "n": count}, chosen))
            sets.append(({"measure": "removal", "by": name, "number": 0}, top_sets(iou, ends)[0]))
        z = actors.z("removed", config.intervened)
        every = torch.stack([chosen for _, chosen in sets])
        found = removals(actors.generator, layer, actors.segmenter, z, every, batch_size=512).share
        for (of, _), share in zip(sets, found.tolist(), strict=True):
            for name, value in zip(SCENE_CLASSES, share, strict=True):
                if of.get("object", name) == name:
                    yield {"layer": layer, "object": name, **of, "value": value}


def _optimised(actors: Actors, config: Measured, name: str, iou: Tensor) -> Tensor:
    return optimise_ace(
        actors.generator,
        config.layer,
        actors.segmenter,
        actors.z(f"optimised for {name}", config.ace.sample),
        OBJECTS[name],
        steps=config.ace.steps,
        pairs=config.ace.pairs,
        evaluation_pairs=max(1, config.ace.pairs // 5),
        init=iou / iou.max() if iou.max() > 0 else torch.full_like(iou, 0.5),
        seed=derive(actors.seed, "pairs", name),
    ).alpha


def inserted(actors: Actors, config: Measured, reports: Reports, shown: Sequence[str]) -> Iterator[Row]:
    """Pixels gained when an object's best units are forced on in one cell, for every cell."""
    z = actors.z("inserted", config.intervened)
    for name in shown:
        cls = OBJECTS[name]
        units = reports[config.layer].best(cls, config.units)
        gained = insertion_map(actors.generator, config.layer, actors.segmenter, z, units, cls, batch_size=512)
        at = {"measure": "insertion", "layer": config.layer, "object": name, "rows": len(gained)}
        for (row, column), value in np.ndenumerate(gained.cpu().numpy()):
            yield {**at, "row": row, "column": column, "value": float(value)}


def pictures(actors: Actors, config: Measured, report: DissectReport, name: str) -> Iterator[Row]:
    """Images as they are, with where the best unit is high, without the best units, and with them forced on."""
    layer, cls, z = config.layer, OBJECTS[name], actors.z("pictures", config.pictured)
    seen, images = observe(actors.generator, layer, actors.segmenter, z), actors.images(z)
    unit, side = int(report.best(cls, 1)[0]), images.shape[-1]
    alpha = torch.zeros(len(report.label)).index_fill(0, report.best(cls, config.units).cpu(), 1.0)
    order = seen.maps[:, unit].amax((1, 2)).argsort(descending=True, stable=True)[:_SHOWN].cpu()
    high = bilinear(seen.maps[order, unit][:, None].float(), (side, side))[:, 0] > report.level[unit, cls]
    # A patch of about the object's size, where such objects are, a step further to the right in each image.
    absent = (seen.masks[:, cls].sum((1, 2)) == 0).nonzero().flatten()[:_SHOWN].cpu()
    rows, columns = seen.maps.shape[2:]
    tall, wide = rows * 3 // 8, columns * (2 if name == "tree" else 3) // 8
    top = rows // 8 if name == "sun" else rows * 5 // 16
    patch = torch.zeros(len(absent), 1, rows, columns)
    for step, one in enumerate(patch[:, 0]):
        left = step * (columns - wide) // max(1, _SHOWN - 1)
        one[top : top + tall, left : left + wide] = 1
    value = conditional_mean(actors.generator, layer, actors.segmenter, z, cls)
    with edit_layer(actors.generator, layer, alpha):
        without = actors.images(z[order])
    with edit_layer(actors.generator, layer, patch * alpha[:, None, None], value[:, None, None]):
        forced = actors.images(z[absent])
    at = {"measure": "picture", "object": name, "unit": unit, "iou": float(report.iou[unit, cls])}
    masks = {"highest": high.float(), "without": F.interpolate(patch, size=(side, side), mode="nearest")[:, 0]}
    kinds = {"highest": images[order], "removed": without, "without": images[absent], "inserted": forced}
    for kind, those in kinds.items():
        for scene, image in enumerate(those):
            mask = to_text(masks[kind][scene]) if kind in masks else None
            picture = to_text((image / 2 + 0.5).flatten(0, 1))
            yield {**at, "kind": kind, "scene": scene, "picture": picture, "mask": mask}


def cost(by: str, sizes: tuple[int, ...]) -> Rows:
    """Milliseconds to dissect 20 images of 64 pixels a side and 64 units, or of other sides or units, once the
    activations are there."""
    return growth(lambda size: {"dissection": _dissection(**{by: size})}, sizes, rounds=3)


def _dissection(side: int = 64, units: int = 64, images: int = 20) -> Callable[[], DissectReport]:
    maps = torch.randn(2 * images, units, 8, 8, generator=generator(0)).relu()
    seen = Observed(maps, scenes(2 * images, side=side).masks)
    return partial(dissect_observed, seen.part(slice(images)), seen.part(slice(images, None)))
