"""Walks of both networks between the same images, beside straight lines and projection alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.seeds import derive
from netopsy.core.shapes import Images
from netopsy.lab import Rows
from netopsy.lab.pictures import to_text
from netopsy.robustness.level_set_traversal import (
    TraversalResult,
    hull_metrics,
    hull_summary,
    image_distances,
    level_set_traversal,
    path_confidence,
    straight_line,
    triangle_confidence,
)
from netopsy.studies.robustness.level_set_traversal.plan import (
    DROP,
    ENDS,
    EQUAL,
    PLAIN,
    PROJECTED,
    PUSH,
    PUSHED,
    STRAIGHT,
    TARGETS,
    WALK,
    Subject,
    Walking,
)
from netopsy.studies.robustness.level_set_traversal.subjects import Pairs, pairs, subjects

RAY = 41
"""Points of a ray of the star that is drawn."""
SHOWN = 8
"""Pairs that are drawn."""


def walks(data: str, subject: Subject, seed: int, sources: int, targets: int, walking: Walking) -> Rows:
    """Where each way of walking ends, confidence along the straight segments and over the triangles, by network."""
    found = subjects(subject, seed)
    given = pairs(found, sources, targets, seed)
    ends = {}
    for training, model in found.models.items():
        at = {"training": training}
        yield {"measure": "accuracy", **at, "value": found.accuracies[training]}
        ways = dict(_ways(model, given, walking, derive(seed, "noise")))
        ends[training] = ways[WALK].final
        for method, one in ways.items():
            yield from _ends(one, {**at, "method": method})
        yield from _segments(model, given, ways[WALK], at)
        if seed == 0:
            yield from _examples(model, given, ways, at)
    for training, model in found.models.items():
        yield from _triangles(model, given, ends, training)


def _ways(model: nn.Module, given: Pairs, walking: Walking, seed: int) -> Iterator[tuple[str, TraversalResult]]:
    options: dict[str, Any] = dataclasses.asdict(walking)
    at = (model, given.source, given.label, given.target)
    yield WALK, level_set_traversal(*at, seed=seed, **options)
    yield PROJECTED, level_set_traversal(*at, seed=seed, **{**options, "adv_step": 0.0})
    yield STRAIGHT, straight_line(*at, seed=seed, **{key: each for key, each in options.items() if key != "adv_step"})


def _ends(found: TraversalResult, at: dict[str, str]) -> Iterator[dict[str, Any]]:
    apart = image_distances(found.final, found.target)
    values = {
        "remaining": found.remaining,
        "rmse": apart.rmse,
        "largest difference": apart.largest,
        "similarity": apart.ssim,
        "confidence": found.final_conf,
        "source confidence": found.source_conf,
    }
    for measure, each in values.items():
        yield {"measure": measure, **at, "value": each.mean()}


def _segments(model: nn.Module, given: Pairs, walk: TraversalResult, at: dict[str, str]) -> Iterator[dict[str, Any]]:
    for to, ends in ((ENDS, walk.final), (TARGETS, given.target)):
        found = path_confidence(model, given.source, ends, given.label)
        high = (found.lowest >= walk.source_conf - DROP).float().mean()
        yield {"measure": "high segments", **at, "to": to, "value": high}
        for where, value in zip(found.at.tolist(), found.confidence.mean(0).tolist(), strict=True):
            yield {"measure": "segment", **at, "to": to, "at": where, "value": value}


def _triangles(model: nn.Module, given: Pairs, ends: dict[str, Images], training: str) -> Iterator[dict[str, Any]]:
    """The mean over sources of what their triangles say, each the mean over all pairs of its end points."""
    own, shorter = ends[training], _cut(given.source, ends, training)
    two = [each for one in given.of.unique() for each in combinations((given.of == one).nonzero()[:, 0].tolist(), 2)]
    first, second = torch.tensor(two).T
    source, label, of = given.source[first], given.label[first], given.of[first]
    at = {"training": training}
    edges = (own - given.source).flatten(1).square().mean(1).sqrt()
    yield {"measure": "edge", **at, "value": edges.mean()}
    for kind, tips, push in ((PLAIN, own, 1.0), (PUSHED, own, PUSH), (EQUAL, shorter, 1.0)):
        found = triangle_confidence(model, source, tips[first], tips[second], label, push=push)
        for name, (mean, spread) in hull_summary(hull_metrics(found, found.confidence[:, 0]), of).items():
            yield {"measure": "hull", **at, "triangles": kind, "name": name, "value": mean, "spread": spread}
        for point, value in enumerate(found.confidence.mean(0).tolist()):
            yield {"measure": "triangle", **at, "triangles": kind, "point": point, "value": value}


def _cut(source: Images, ends: dict[str, Images], training: str) -> Images:
    """The end points of one network, brought as near to the source as those of the network that stays nearer."""
    lengths = {name: (each - source).flatten(1).norm(dim=1) for name, each in ends.items()}
    least = torch.stack(list(lengths.values())).amin(0)
    share = least / lengths[training].clamp_min(1e-12)
    return source + share[:, None, None, None] * (ends[training] - source)


def _examples(
    model: nn.Module, given: Pairs, ways: dict[str, TraversalResult], at: dict[str, str]
) -> Iterator[dict[str, Any]]:
    """The first pairs of different sources, and the star of the first source, small enough to be kept in the table."""
    firsts = torch.tensor([int((given.of == one).nonzero()[0]) for one in given.of.unique()[:SHOWN]])
    walk, straight = ways[WALK], ways[STRAIGHT]
    rows: dict[str, tuple[Images, Tensor | None]] = {
        "source": (walk.source, walk.source_conf),
        WALK: (walk.final, walk.final_conf),
        STRAIGHT: (straight.final, straight.final_conf),
        "target": (walk.target, None),
    }
    for row, (images, confidence) in rows.items():
        for pair in firsts.tolist():
            value = float("nan") if confidence is None else float(confidence[pair])
            label = int(given.label[pair])
            yield {
                "measure": "example", **at, "row": row, "label": label, "value": value, "picture": _grey(images[pair])
            }  # fmt: skip
    rays = (given.of == 0).nonzero()[:, 0].tolist()
    for to, ends in ((ENDS, walk.final), (TARGETS, walk.target)):
        found = path_confidence(model, walk.source[rays], ends[rays], given.label[rays], n=RAY)
        shades = to_text(found.confidence)
        yield {"measure": "ray", **at, "to": to, "picture": _grey(walk.source[0]), "shades": shades}
        for ray in rays:
            yield {"measure": "ray", **at, "to": to, "picture": _grey(ends[ray])}


def _grey(image: Tensor) -> str:
    return to_text(image.mean(0))
