"""How far an image can change, and into what, while the network stays sure of its class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import INK, PALETTE, figure_grid, style
from netopsy.core.finding import Finding, Picture, Verdict
from netopsy.core.seeds import derive, generator
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.pixels import InBatches, Pixels, in_pixels, why_no_pixels
from netopsy.examination.subject import Subject, evaluate_outputs
from netopsy.lab.statistics import Estimate, proportion_interval
from netopsy.robustness.level_set_traversal import (
    PathConfidence,
    TraversalResult,
    TriangleConfidence,
    level_set_traversal,
    path_confidence,
    straight_line,
    triangle_confidence,
)

TOLERANCE = 0.2
LONG, SHORT = 40, 15
"""Steps of a walk, and of one through a network too large for that; the published number is 400. What is reported is
measured where they end, so that fewer steps find less and nothing that is not there."""
STRAIGHT = 40
"""Steps of the straight line, which cost little: with fewer it would stop early."""
MOST, FEWEST, MANY, SHARE, SHOWN, OTHERS = 60, 2, 6, 4.0, 6, 256
DROP = 0.3
"""A segment whose confidence never falls further is called unbroken."""
OFTEN, SELDOM = 0.5, 0.1


@dataclass(frozen=True, eq=False)
class Reach:
    """Walks from images of one class to images of others, and what the straight line gives."""

    walk: TraversalResult
    straight: TraversalResult
    to_ends: PathConfidence
    to_targets: PathConfidence
    triangles: TriangleConfidence
    goals: Tensor
    """Classes of the targets."""
    arrived: Tensor
    """Whether the walk's end is most like its target and still named by the source's class."""
    arrived_straight: Tensor


def steps_of(subject: Subject) -> int:
    """How many steps a walk has: fewer where that is what it takes to walk between a handful of pairs."""
    return LONG if _pairs_within(subject, LONG) >= MANY else SHORT


def count_of(subject: Subject) -> int:
    """How many pairs are walked, two a source."""
    return 2 * max(1, _pairs_within(subject, steps_of(subject)) // 2)


def _pairs_within(subject: Subject, steps: int) -> int:
    return subject.affordable(_passes_of_a_pair(steps), MOST, share=SHARE, fewest=FEWEST)


def _passes_of_a_pair(steps: int) -> int:
    """The walk, the straight line, two segments, half of a triangle, and the answers at the ends."""
    return 3 * (steps + 1) + STRAIGHT + 1 + 2 * 11 + 33 + 2


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    return float(count_of(subject) * _passes_of_a_pair(steps_of(subject)))


def _walking(steps: int) -> dict[str, Any]:
    """Options of a walk that comes as near to its target as the published one: 1.5 % of the way would be left."""
    size = round(4 / steps, 2)
    return {"steps": steps, "step_size": size, "adv_step": size / 100, "conf_tol": TOLERANCE}


def pairs(subject: Subject, count: int) -> tuple[Tensor, Tensor]:
    """Sources and targets among the images that the network gets right, two targets of other classes a source.

    The classes take turns, as do the classes walked to.
    """
    right = (subject.predictions == subject.labels).nonzero()[:, 0]
    right = right[torch.randperm(len(right), generator=generator(derive(subject.seed, "pairs")))]
    members = {number: right[subject.labels[right] == number] for number in subject.labels[right].unique().tolist()}
    classes = list(members)
    starts = [number for number in classes if not subject.classes_wanted or number in subject.classes_wanted]
    if len(classes) < 2 or not starts:
        raise NotNow("it walks between images of two classes, and the network gets none or one of them right")
    sources, targets = [], []
    for number in range(max(1, count // 2)):
        own, turn = starts[number % len(starts)], number // len(starts)
        others = [each for each in classes if each != own]
        for way in range(2):
            goal = others[(number + 2 * turn + way) % len(others)]
            sources.append(int(members[own][turn % len(members[own])]))
            targets.append(int(members[goal][(2 * turn + way) % len(members[goal])]))
    return torch.tensor(sources), torch.tensor(targets)


def reach(subject: Subject) -> Reach:
    """The walks of a subject, in pixels."""
    sources, targets = pairs(subject, count_of(subject))
    others = torch.cat([sources, targets, subject.sample(OTHERS)]).unique()
    pixels = in_pixels(subject, others)
    at, to = (torch.searchsorted(others, each) for each in (sources, targets))
    label = subject.labels[sources].to(pixels.images.device)
    source, target = pixels.images[at], pixels.images[to]
    seed, size = derive(subject.seed, "noise"), subject.batch_size
    model = InBatches(pixels.model, size)
    walk = level_set_traversal(model, source, label, target, seed=seed, **_walking(steps_of(subject)))
    directly = {name: value for name, value in _walking(STRAIGHT).items() if name != "adv_step"}
    straight = straight_line(model, source, label, target, seed=seed, **directly)
    return Reach(
        walk,
        straight,
        path_confidence(model, source, walk.final, label, batch_size=size),
        path_confidence(model, source, target, label, batch_size=size),
        triangle_confidence(model, source[::2], walk.final[::2], walk.final[1::2], label[::2], batch_size=size),
        subject.labels[targets],
        _arrived(walk, pixels, to),
        _arrived(straight, pixels, to),
    )


def _arrived(found: TraversalResult, pixels: Pixels, targets: Tensor) -> Tensor:
    """Whether of all images the target is nearest to the end, and the network's answer is the source's class."""
    nearest = torch.cdist(found.final.flatten(1), pixels.images.flatten(1)).argmin(1).cpu()
    named = evaluate_outputs(pixels.model, found.final).argmax(1) == found.label.cpu()
    return (nearest == targets) & named & found.kept.cpu()


def examine(subject: Subject) -> Finding:
    """How much of the way to images of other classes the network goes along with, walking and straight."""
    found = reach(subject)
    kept = found.walk.kept.cpu()
    count, arrived, straight = int(kept.sum()), int(found.arrived.sum()), int(found.arrived_straight.sum())
    covered, direct = (float(_covered(each)[kept].mean()) for each in (found.walk, found.straight))
    ends, start = (float(each[found.walk.kept].mean()) for each in (found.walk.final_conf, found.walk.source_conf))
    share = proportion_interval(arrived, count)
    low = found.to_ends.lowest >= found.walk.source_conf - DROP
    unbroken = float(low[found.walk.kept].float().mean())
    return Finding(
        sentence=(
            f"Of {count} walks towards an image of another class that keep the network's confidence, {arrived} end "
            f"most like that image while the network still names the first class; of straight lines {straight} do. "
            f"The mean confidence in the first class is {ends:.2f} at the ends and {start:.2f} at the sources."
        ),
        glance=f"{arrived} of {count} images come to look like another class and keep their answer",
        verdict=_verdict(share, subject),
        advice=(
            "A high confidence does not say that an image looks like its class: where a wrong answer is costly, check "
            "unusual inputs by another way than confidence, such as their distance to known examples."
            if share.value >= OFTEN
            else "Confidence falls on most of the ways that were tried; longer walks may still find one."
        ),
        reading=(
            "This looks for blind spots: large changes that the network does not notice (level set traversal). Each "
            "walk starts at an image that the network gets right and moves towards an image of another class, "
            "leaving out the part of each step that would lower the confidence in the first class; a step to where "
            f"it is more than {TOLERANCE:g} below that at the source is not made. In the first picture a column is a "
            "pair. The end of the walk should look like the source to deserve its confidence; where it looks like "
            "the target, the class of the target lies inside the region that the network calls by the source's "
            "class. An end counts as most like the target if, of all images looked at, the target is the nearest by "
            "its pixels. The straight line is the control: it mixes both images as long as the confidence lasts. In "
            "the second picture, confidence on the straight way from the source to the end, and to the target "
            f"itself; if the first stays high, the region is joined all the way ({100 * unbroken:.0f} % never lose "
            f"more than {DROP:g}), and the triangle of a source and two ends shows how broad it is. These images are "
            "made on purpose and are no measure of how often such mistakes happen by chance."
        ),
        pictures=(
            Picture.of(
                _walks(subject, found),
                "Sources, ends of walks and of straight lines, and targets, with confidences in the source's class",
                "Under each image the source's class and the network's confidence in it; under the target its class.",
            ),
            Picture.of(
                _segments(found),
                "Confidence along straight segments, and over a triangle of a source and two ends",
                "Left: thin lines are single pairs. Right: the triangle of the first source and its two ends.",
            ),
        ),
        figures={
            "pairs": count,
            "ends most like the target": arrived,
            "of straight lines": straight,
            "share of the way covered": round(covered, 4),
            "share of the way covered, straight line": round(direct, 4),
            "confidence, source": round(start, 4),
            "confidence, end": round(ends, 4),
            "segments without a loss": round(unbroken, 4),
            "confidence in the triangles": round(float(found.triangles.confidence[found.walk.kept[::2]].mean()), 4),
        },
        table=_table(subject, found),
        code=_code(subject),
    )


def _covered(found: TraversalResult) -> Tensor:
    """The share of the distance to the target that is gone; 0 where both images are the same."""
    return (1 - found.remaining).nan_to_num(0.0, 0.0, 0.0).clamp(0, 1).cpu()


def _verdict(share: Estimate, subject: Subject) -> Verdict:
    if share.low > OFTEN:
        return "doubtful"
    return "good" if subject.skilled and share.high < SELDOM else "plain"


def _table(subject: Subject, found: Reach) -> tuple[tuple[str, ...], ...]:
    """For each class of sources, how far its walks came and which classes lie inside."""
    rows: list[tuple[str, ...]] = [("from images of", "walks", "way covered", "straight line", "reached")]
    labels, kept = found.walk.label.cpu(), found.walk.kept.cpu()
    covered, direct = _covered(found.walk), _covered(found.straight)
    for number in labels[kept].unique().tolist():
        own = kept & (labels == number)
        inside = [subject.class_name(each) for each in found.goals[own & found.arrived].unique().tolist()]
        shares = (f"{100 * float(each[own].mean()):.0f} %" for each in (covered, direct))
        rows.append((subject.class_name(number), str(int(own.sum())), *shares, ", ".join(inside) or "none"))
    return tuple(rows)


@style()
def _walks(subject: Subject, found: Reach) -> Figure:
    names = [subject.class_name(number) for number in range(subject.class_count)]
    kept = found.walk.kept.cpu().nonzero()[:, 0]
    # Pairs of different sources first: they show more.
    order = torch.cat([kept[kept % 2 == 0], kept[kept % 2 == 1]])[:SHOWN]
    drawn = _only(found.walk, order).plot(SHOWN, straight=_only(found.straight, order), class_names=names)
    for ax, pair in zip(drawn.axes[-len(order) :], order.tolist(), strict=True):
        ax.set_xlabel(subject.class_label(int(found.goals[pair]), 16), fontsize=7)
    return drawn


def _only(found: TraversalResult, rows: Tensor) -> TraversalResult:
    at = rows.to(found.final.device)
    return TraversalResult(
        found.source[at],
        found.label[at],
        found.target[at],
        found.final[at],
        found.kept[at],
        found.source_conf[at],
        found.final_conf[at],
        found.accepted[at],
    )


@style()
def _segments(found: Reach) -> Figure:
    drawn, axes = figure_grid(1, 2, 8.0, 3.0, width_ratios=(1.4, 1))
    kept = found.walk.kept
    for path, name, color in (
        (found.to_ends, "to the end of the walk", PALETTE[0]),
        (found.to_targets, "to the target", PALETTE[1]),
    ):
        PathConfidence(path.at, path.confidence[kept]).plot(axes[0, 0], name=name, color=color)
    first = int(kept[::2].nonzero()[0]) if bool(kept[::2].any()) else 0
    found.triangles.plot(first, axes[0, 1])
    axes[0, 1].set_title("confidence over a triangle", color=INK, fontsize=8)
    return drawn


def _code(subject: Subject) -> str:
    sources, targets = pairs(subject, 2)
    options = ", ".join(f"{name}={value:g}" for name, value in _walking(LONG).items())
    return (
        "import torch\n"
        "from netopsy.examination import Subject\n"
        "from netopsy.examination.pixels import in_pixels\n"
        "from netopsy.robustness.level_set_traversal import level_set_traversal\n\n"
        "subject = Subject(model, data)\n"
        f"pixels = in_pixels(subject, torch.tensor([{int(sources[0])}, {int(targets[0])}]))\n"
        f"label = subject.labels[[{int(sources[0])}]].to(subject.device)\n"
        f"found = level_set_traversal(pixels.model, pixels.images[:1], label, pixels.images[1:], {options})\n"
        "found.plot()"
    )


INSTRUMENT = Instrument(
    name="level-set-traversal",
    title="What it does not notice",
    term="level set traversal, blind spots",
    chapter="where it fails",
    examine=examine,
    applies=why_no_pixels,
    papers=("level-set-traversal",),
    order=45,
    passes=passes,
    beside=1.5,
    worth=45,
)
