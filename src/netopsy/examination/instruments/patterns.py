"""Which few units together stand for a class: mined on one half of the data, counted on the other."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from netopsy.core.capture import layer_activations
from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Picture
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.instruments._saliency_methods import why_not as no_images
from netopsy.examination.instruments.eigen_cam import layer_of
from netopsy.examination.subject import Subject
from netopsy.interpretability.gallery import gallery
from netopsy.interpretability.pattern_net import PatternMiner, filter_peaks

MOST, FEWEST, CLASSES, SHOWN = 4000, 10, 6, 6
"""Images used at most; images of a class at least; classes and images of each that are shown."""
PASSES = 2.0
"""Of one image, that of the boxes' share included."""
REGION, FILTERS, FIELD = 5, 10, 30.0
"""Peaks that a filter's box is the mean of, at most; filters in the patterns of a class, about; and forward passes of
one image that finding the receptive field costs, about."""
BACK, SHARE = 2.0, 2.0
"""Passes that a way back from a peak to the image costs, and the share of all ways back."""


def _count(subject: Subject) -> int:
    return subject.affordable(PASSES, MOST, fewest=2 * FEWEST)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes: peaks, those shown, and the ways back to the image from the peaks."""
    images, layer = min(_count(subject), len(subject.data)), layer_of(subject)
    if layer is None:
        return float(images)
    back = BACK * _region(subject, layer) * _filters(subject, layer)
    return 1.5 * images + 2.0 * CLASSES * SHOWN + back + FIELD


def _filters(subject: Subject, layer: str) -> int:
    """How many filters the patterns of all classes have, about."""
    units = layer_activations(subject.model, subject.data.inputs[:1].to(subject.device), layer)[layer].shape[1]
    return min(units, FILTERS * len(subject.labels.unique()))


def _region(subject: Subject, layer: str) -> int:
    """How many peaks a filter's box is the mean of: fewer in a large network."""
    return max(1, min(REGION, subject.affordable(BACK, MOST, share=SHARE) // _filters(subject, layer)))


def _largest(subject: Subject, known: Tensor) -> int:
    """Units in a pattern, at most: in half of a handful of images countless triples of units fire together."""
    counts = subject.labels[known].bincount()
    return 3 if int(counts[counts > 0].min()) >= FEWEST else 2


def why_not(subject: Subject) -> str | None:
    """The reason why there are no patterns to look for, if there is one."""
    if (reason := no_images(subject)) is not None:
        return reason
    return None if layer_of(subject) is not None else "no layer of this network keeps a grid of positions"


def examine(subject: Subject) -> Finding:
    """The most telling combination of units for every class, and how often it fires on images it was not found on."""
    subject = subject.in_single_precision
    layer = layer_of(subject)
    if layer is None:
        raise NotNow("no layer of this network keeps a grid of positions")
    known, unseen = subject.halves(subject.sample(_count(subject)))
    if len(known.unique()) < FEWEST or len(subject.labels[known].unique()) < 2:
        raise NotNow(f"it needs at least {2 * FEWEST} images of two classes")
    inputs, labels = subject.data.inputs, subject.labels
    most = _largest(subject, known)
    so_many = "two or three" if most > 2 else "two"
    options: dict[str, Any] = {"region_images": _region(subject, layer), "max_size": most}
    miner = PatternMiner(subject.model, layer, batch_size=subject.batch_size, **options)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            miner.fit(inputs[known], labels[known])
        except InputError as error:
            raise NotNow(str(error)) from error
    if not miner.patterns_:
        reason = next((str(one.message) for one in said if str(one.message).startswith("no pattern")), "none was found")
        return Finding(
            sentence=f"No few units of layer {layer} stand for a class together.",
            glance=f"no {so_many} units stand for a class",
            reading=(
                f"A pattern is {so_many} units that fire close to one another in at least half of a class's images, "
                f"and at least five times as often as in other images. What came closest: {reason}."
            ),
            code=_code(subject, layer, most),
        )
    best = {one.cls: number for number, one in reversed(list(enumerate(miner.patterns_)))}
    peaks, held = filter_peaks(subject.model, layer, inputs[unseen], batch_size=subject.batch_size), labels[unseen]
    fired, alone = miner.fires(peaks), peaks.values > miner.thresholds_
    counts = {cls: _shares(fired[:, number], held == cls) for cls, number in best.items()}
    clearest = max(counts, key=lambda cls: counts[cls][0] - counts[cls][1])
    pattern = miner.patterns_[best[clearest]]
    by_unit = [_shares(alone[:, unit], held == clearest) for unit in pattern.filters]
    single = max(by_unit, key=lambda pair: pair[0] - pair[1])
    inside, outside = counts[clearest]
    units = ", ".join(map(str, pattern.filters[:-1])) + f" and {pattern.filters[-1]}"
    return Finding(
        sentence=(
            f"{len(best)} of {subject.class_count} classes have a pattern in layer {layer}; units {units} together "
            f"stand for {subject.class_name(clearest)}: they fire side by side in {100 * inside:.0f} % of its images "
            f"and {100 * outside:.1f} % of the others, the best of them alone in {100 * single[0]:.0f} % and "
            f"{100 * single[1]:.1f} %."
        ),
        glance=f"{len(best)} of {subject.class_count} classes have a pattern of {so_many} units",
        advice="A pattern that fires on the background of its class is a shortcut: look at the boxes.",
        reading=(
            f"A pattern is {so_many} units that fire (each above the "
            f"{100 * miner.quantile_:.0f}th percentile of its peaks) within one cell "
            "of each other in at least half of a class's images, and at least five times as often as in other images "
            "(PatternNet; its constants are a reconstruction). Patterns were looked for in one half of the data and "
            "counted in the other. Each row shows the images that answer most to a class's best pattern, with the "
            "place it answers to; a title names the class where it is another. What a pattern shows is what the units "
            "have in common, which need not be what the answer depends on."
        ),
        pictures=(_gallery(subject, miner, best, unseen, miner.transform(peaks)),),
        figures={
            "classes with a pattern": len(best),
            "patterns": len(miner.patterns_),
            "share of the class's images": round(inside, 4),
            "share of other images": round(outside, 4),
            "best unit alone, share of the class's images": round(single[0], 4),
            "best unit alone, share of other images": round(single[1], 4),
        },
        table=(
            ("class", "units", "in its images", "in others"),
            *(
                (
                    subject.class_name(cls),
                    ", ".join(map(str, miner.patterns_[number].filters)),
                    f"{100 * counts[cls][0]:.0f} %",
                    f"{100 * counts[cls][1]:.1f} %",
                )
                for cls, number in sorted(best.items())
            ),
        ),
        code=_code(subject, layer, most),
    )


def _code(subject: Subject, layer: str, most: int) -> str:
    wanted = f"classes_wanted={tuple(subject.classes_wanted)}, " if subject.classes_wanted else ""
    return (
        "from netopsy.examination import Subject\n"
        "from netopsy.interpretability.pattern_net import PatternMiner\n\n"
        "# One half to find patterns in, the other to count how often they fire.\n"
        f"subject = Subject(model, data, {wanted}seed={subject.seed})\n"
        f"known, unseen = subject.halves(subject.sample({_count(subject)}))\n"
        f"miner = PatternMiner(model, {layer!r}, region_images={_region(subject, layer)}, max_size={most})\n"
        "miner.fit(data.inputs[known], data.targets[known])\n"
        "print(miner.patterns_)\n"
        "fires = miner.fires(data.inputs[unseen])"
    )


def _shares(fires: Tensor, members: Tensor) -> tuple[float, float]:
    """The share of the class's images and that of the others; 0 where there are none."""
    return tuple(float(fires[part].float().mean()) if part.any() else 0.0 for part in (members, ~members))  # type: ignore[return-value]


def _gallery(subject: Subject, miner: PatternMiner, best: dict[int, int], unseen: Tensor, responses: Tensor) -> Picture:
    """For some classes the images that answer most to the best pattern, and where."""
    inputs = subject.data.inputs[unseen]
    shown, boxes, titles, names = [], [], [], []
    for cls in sorted(best)[:CLASSES]:
        top = responses[:, best[cls]].argsort(descending=True)[: min(SHOWN, len(unseen))]
        for one, proposed in zip(top, miner.propose(inputs[top], 1, patterns=[best[cls]]), strict=True):
            true = int(subject.labels[unseen[one]])
            shown.append(subject.data.images[unseen[one]].cpu().float())
            boxes.append(proposed[0, :4].round().long() if len(proposed) else torch.zeros(4, dtype=torch.long))
            titles.append("" if true == cls else subject.class_label(true, most=14))
        names.append(subject.class_label(cls, most=14))
    columns = min(SHOWN, len(unseen))
    figure = gallery(torch.stack(shown), titles, columns=columns, row_titles=names, boxes=torch.stack(boxes))
    return Picture.of(
        figure,
        f"Images that answer most to the patterns of {len(names)} classes, a box around the place",
        "Unseen images that answer most to each class's best pattern, and where.",
    )


INSTRUMENT = Instrument(
    name="patterns",
    title="Units that stand for a class together",
    term="visual patterns",
    chapter="what its units mean",
    examine=examine,
    applies=why_not,
    papers=("pattern-net",),
    order=40,
    passes=passes,
    beside=1.3,
    worth=80,
)
