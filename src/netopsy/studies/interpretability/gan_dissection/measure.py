"""What the gan-dissection study measures on one generator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.modes import device_of
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
from netopsy.lab.plots import to_text
from netopsy.studies.interpretability.gan_dissection.networks import (
    trained_generator,
    trained_segmenter,
    untrained_generator,
)
from netopsy.studies.interpretability.gan_dissection.plan import OBJECTS, Config, Measured, Setting

_CERTAIN = 6
"""An object is there where it has this many pixels at 16 pixels a side."""
_HARDLY = 0.1
"""A generator that shows an object in fewer of its images is not asked for more."""
_SHOWN = 6

Found = dict[str, DissectReport]


def plan(config: Config) -> Iterable[Cell]:
    """One generator a cell: train it or take it from the cache, then measure everything on it. And two for the cost."""
    for seed in range(config.seeds):
        yield Cell.of(dissections, seed=seed, setting=config.setting, measured=config.measured)
    yield Cell.of(cost_by_side, sides=config.sides)
    yield Cell.of(cost_by_units, units=config.timed_units)


def dissections(seed: int, setting: Setting, measured: Measured) -> Rows:
    """Rows of the measures presence, iou, labelled, full, removal, curve, insertion and picture."""
    actors = Actors(trained_generator(setting, seed), trained_segmenter(setting), setting, derive(seed, "measured"))
    reports: Found = {}
    rows = [*presence(actors), *agreement(actors, measured, reports)]
    shown = shown_objects(rows)
    yield from (*rows, *removed(actors, measured, reports, shown), *inserted(actors, measured, reports, shown))
    if seed == 0:
        yield from pictures(actors, measured, reports, shown)


@dataclass(frozen=True, eq=False)
class Actors:
    """A generator, a segmenter, and the seed of everything that is drawn to measure them."""

    generator: nn.Module
    segmenter: nn.Module
    setting: Setting
    seed: int

    def z(self, what: str, count: int) -> Tensor:
        """Noise for one purpose, the same at every call."""
        return torch.randn(count, self.setting.latent, generator=generator(derive(self.seed, what)))

    @property
    def common(self) -> dict[str, Any]:
        """What a report calls the classes."""
        return {"labels": SCENE_CLASSES}


def presence(actors: Actors, count: int = 1000) -> Iterator[dict[str, Any]]:
    """How many of the made images show each object, and how many of the real ones."""
    fewest = _CERTAIN * (actors.setting.side / 16) ** 2
    with torch.no_grad():
        made = torch.cat([_segmented(actors, z) for z in actors.z("presence", count).split(250)])
    real = scenes(count, side=actors.setting.side, seed=derive(actors.seed, "real")).labels
    for name in OBJECTS:
        number = SCENE_CLASSES.index(name)
        for kind, labels in (("made", made), ("real", real)):
            shown = ((labels == number).sum((1, 2)) >= fewest).float().mean()
            yield {"measure": "presence", "object": name, "kind": kind, "value": float(shown)}


def shown_objects(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The objects that the generator makes at all: of the others nothing further can be asked."""
    made = [row for row in rows if row["measure"] == "presence" and row["kind"] == "made"]
    return [row["object"] for row in made if row["value"] >= _HARDLY]


def agreement(actors: Actors, config: Measured, reports: Found) -> Iterator[dict[str, Any]]:
    """The best unit of every object in every layer; with masks of other images; and before training."""
    size = config.sample
    device = device_of(actors.generator)
    for layer in config.layers:
        seen = observe(actors.generator, layer, actors.segmenter, actors.z("dissected", size))
        chooses, measured = seen.part(slice(size // 2)), seen.part(slice(size // 2, None))
        report = dissect_observed(measured, chooses, **actors.common)
        reports[layer] = report
        yield from _best(report, layer, "trained", 0)
        counts = report.label[report.interpretable].bincount(minlength=len(SCENE_CLASSES)).tolist()
        for name, units in zip(SCENE_CLASSES, counts, strict=True):
            yield {"measure": "labelled", "layer": layer, "object": name, "value": units, "units": len(report.label)}
        for number in range(config.shuffles):
            random = generator(derive(actors.seed, "shuffle", number))
            moved = [
                type(part)(part.maps, part.masks[torch.randperm(len(part.masks), generator=random).to(device)])
                for part in (measured, chooses)
            ]
            yield from _best(dissect_observed(*moved, **actors.common), layer, "shuffled", number)
        for number in range(config.untrained):
            other = untrained_generator(actors.setting, derive(actors.seed, "untrained", number)).to(device)
            blank = observe(other, layer, actors.segmenter, actors.z("dissected", size))
            parts = blank.part(slice(size // 2, None)), blank.part(slice(size // 2))
            yield from _best(dissect_observed(*parts, **actors.common), layer, "untrained", number)


def removed(actors: Actors, config: Measured, reports: Found, shown: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What removing the best units takes away, against random sets; and by the number of units, in two orders."""
    counts = list(range(config.most + 1))
    z = actors.z("removed", config.intervened)
    for layer in config.causal:
        units = len(reports[layer].label)
        random = generator(derive(actors.seed, "sets", layer))
        drawn = torch.stack([torch.rand(units, generator=random) for _ in range(config.random_sets)])
        by_chance = torch.cat([top_sets(one, [config.units]) for one in drawn])
        orders: dict[str, dict[str, Tensor]] = {}
        for name in shown:
            iou = reports[layer].iou[:, SCENE_CLASSES.index(name)].cpu().float()
            orders[name] = {"IoU": iou}
            if layer == config.layer:
                alpha = _optimised(actors, config, name, iou)
                full = int((alpha == 1).sum())
                yield {"measure": "full", "layer": layer, "object": name, "value": full, "units": units}
                # Strengths end at exactly 1, where many units tie; the higher IoU then comes first.
                orders[name]["alpha"] = alpha + 1e-4 * iou
        curves = {
            (name, order): top_sets(scores, [*counts, config.units])
            for name, by_order in orders.items()
            for order, scores in by_order.items()
        }
        found = removals(
            actors.generator, layer, actors.segmenter, z, torch.cat([by_chance, *curves.values()]), batch_size=512
        ).share
        chance, *rest = found.split([len(by_chance), *(len(sets) for sets in curves.values())])
        for number, share in enumerate(chance):
            yield from _gone(share, layer, "random", number)
        for (name, order), shares in zip(curves, rest, strict=True):
            for count, share in zip(counts, shares, strict=False):
                value = float(share[SCENE_CLASSES.index(name)])
                yield {"measure": "curve", "layer": layer, "object": name, "by": order, "n": count, "value": value}
            if order == "IoU":
                yield from _gone(shares[-1], layer, name, 0)


def inserted(actors: Actors, config: Measured, reports: Found, shown: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Pixels gained when an object's best units are forced on in one cell, for every cell."""
    for name in shown:
        number = SCENE_CLASSES.index(name)
        found = insertion_map(
            actors.generator,
            config.layer,
            actors.segmenter,
            actors.z("inserted", config.intervened),
            reports[config.layer].best(number, config.units),
            number,
            batch_size=512,
        )
        common = {"measure": "insertion", "layer": config.layer, "object": name, "rows": found.shape[0]}
        for row, line in enumerate(found.tolist()):
            for column, value in enumerate(line):
                yield {**common, "row": row, "column": column, "value": value}


def pictures(actors: Actors, config: Measured, reports: Found, shown: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Images as they are, with the best unit's outline, without the best units, and with them forced on in a patch."""
    layer, report = config.layer, reports[config.layer]
    z = actors.z("pictures", 400)
    seen = observe(actors.generator, layer, actors.segmenter, z)
    areas = seen.masks.sum((2, 3))
    with torch.no_grad():
        images = actors.generator(z.to(device_of(actors.generator)))
    height, width = images.shape[2:]
    for name in shown:
        number = SCENE_CLASSES.index(name)
        unit = int(report.best(number, 1)[0])
        chosen = report.best(number, config.units)
        alpha = torch.zeros(len(report.label)).index_fill(0, chosen.cpu(), 1.0)
        order = seen.maps[:, unit].amax((1, 2)).argsort(descending=True, stable=True)[:_SHOWN]
        high = bilinear(seen.maps[order, unit][:, None].float(), (height, width))[:, 0]
        high = (high > report.level[unit, number]).float()
        # A patch of about the object's size, where such objects are, a step further to the right in each image.
        absent = (areas[:, number] == 0).nonzero().flatten()[:_SHOWN]
        rows, columns = seen.maps.shape[2:]
        tall, wide = rows * 3 // 8, columns * (2 if name == "tree" else 3) // 8
        top = rows // 8 if name == "sun" else rows * 5 // 16
        patches = [(top, step * (columns - wide) // max(1, _SHOWN - 1), tall, wide) for step in range(len(absent))]
        place = torch.zeros(len(absent), 1, rows, columns)
        for one, (y, x, height_of, width_of) in zip(place, patches, strict=True):
            one[0, y : y + height_of, x : x + width_of] = 1
        value = conditional_mean(actors.generator, layer, actors.segmenter, actors.z("pictures", 400), number)
        with torch.no_grad():
            with edit_layer(actors.generator, layer, alpha):
                without = actors.generator(z[order.cpu()].to(images.device))
            with edit_layer(actors.generator, layer, place * alpha[:, None, None], value[:, None, None]):
                with_it = actors.generator(z[absent.cpu()].to(images.device))
        common = {"measure": "picture", "object": name, "unit": unit, "iou": float(report.iou[unit, number])}
        kinds = {"highest": images[order], "removed": without, "without": images[absent], "inserted": with_it}
        for kind, those in kinds.items():
            for scene, image in enumerate(those):
                patch = " ".join(map(str, patches[scene])) if kind == "inserted" else None
                yield {
                    **common,
                    "kind": kind,
                    "scene": scene,
                    "patch": patch,
                    "rows": rows,
                    "picture": to_text((image / 2 + 0.5).flatten(0, 1)),
                    "outline": to_text(high[scene]) if kind == "highest" else None,
                }


def _optimised(actors: Actors, config: Measured, name: str, iou: Tensor) -> Tensor:
    return optimise_ace(
        actors.generator,
        config.layer,
        actors.segmenter,
        actors.z(f"optimised for {name}", config.ace_sample),
        SCENE_CLASSES.index(name),
        steps=config.ace_steps,
        pairs=config.ace_pairs,
        evaluation_pairs=max(1, config.ace_pairs // 5),
        init=iou / iou.max() if iou.max() > 0 else torch.full_like(iou, 0.5),
        seed=derive(actors.seed, "pairs", name),
    ).alpha


def _best(report: DissectReport, layer: str, kind: str, number: int) -> Iterator[dict[str, Any]]:
    for name in OBJECTS:
        best = report.iou[:, SCENE_CLASSES.index(name)].max()
        common = {"measure": "iou", "layer": layer, "object": name}
        yield {**common, "kind": kind, "number": number, "value": float(best)}


def _gone(share: Tensor, layer: str, of: str, number: int) -> Iterator[dict[str, Any]]:
    """The share of every class that went away; ``of``: whose units were removed."""
    for name, value in zip(SCENE_CLASSES, share.tolist(), strict=True):
        yield {"measure": "removal", "layer": layer, "by": of, "object": name, "number": number, "value": value}


def _segmented(actors: Actors, z: Tensor) -> Tensor:
    labels: Tensor = actors.segmenter(actors.generator(z.to(device_of(actors.generator)))).argmax(1)
    return labels.cpu()


def cost_by_side(sides: tuple[int, ...]) -> Rows:
    """Milliseconds to dissect 20 images of 64 units by their side, once the activations are there."""
    return growth(lambda side: {"dissection": _dissection(side, 64)}, sides, name="side", rounds=3)


def cost_by_units(units: tuple[int, ...]) -> Rows:
    """The same by the number of units, 64 pixels a side."""
    return growth(lambda count: {"dissection": _dissection(64, count)}, units, name="units", rounds=3)


def _dissection(side: int, units: int, images: int = 20) -> Callable[[], DissectReport]:
    maps = torch.randn(2 * images, units, 8, 8, generator=generator(0)).relu()
    seen = Observed(maps, scenes(2 * images, side=side).masks)
    return partial(dissect_observed, seen.part(slice(images)), seen.part(slice(images, None)))
