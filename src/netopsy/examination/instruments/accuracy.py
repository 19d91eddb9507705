"""How often the network is right, on the whole and on each class, with the interval that says how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.core.finding import Finding, Number, Picture
from netopsy.examination.instrument import Instrument
from netopsy.examination.subject import Subject
from netopsy.lab.statistics import Estimate, proportion_interval

MOST = 30
"""Classes in the picture: with more, the worst."""


@dataclass(frozen=True)
class OfClass:
    """How one class fares."""

    name: str
    label: str
    """The name for a drawing."""
    recall: Estimate
    """Share of its samples that are found."""
    precision: Estimate
    """Share of the answers of this class that are right."""
    f1: float


def examine(subject: Subject) -> Finding:
    """Accuracy and recall of every class with Wilson intervals, macro F1, and what guessing would give."""
    right = subject.predictions == subject.labels
    whole = proportion_interval(int(right.sum()), len(right))
    counts = subject.labels.bincount(minlength=subject.class_count)
    guess = float(counts.max()) / len(right)
    by_class = classes_of(subject)
    macro = float(np.mean([each.f1 for each in by_class]))
    figures: dict[str, Number] = {
        "accuracy": round(whole.value, 4),
        "interval, low": round(whole.low, 4),
        "interval, high": round(whole.high, 4),
        "macro F1": round(macro, 4),
        "always the commonest class": round(guess, 4),
        "samples": len(right),
        "classes seen": len([each for each in by_class if each.recall.n]),
    }
    if subject.class_count >= 10:
        near = (subject.scores.topk(5, 1).indices == subject.labels[:, None]).any(1)
        figures["right class among the first five"] = round(float(near.float().mean()), 4)
    seen = sorted((each for each in by_class if each.recall.n), key=lambda each: each.recall.value)
    return Finding(
        sentence=_sentence(whole, guess, seen),
        glance=f"{100 * whole.value:.1f} % right [{100 * whole.low:.1f}, {100 * whole.high:.1f}] of {whole.n:,}",
        verdict="good" if subject.skilled else "plain" if whole.high >= (1 + guess) / 2 else "doubtful",
        advice=_advice(whole, guess, seen),
        reading=(
            "Each mark is a class: the share of its samples that the network finds, with the 95 % Wilson interval. A "
            "short bar is a well-measured class, a long one has few samples, and classes whose bars overlap widely may "
            "well be equally hard. The line is the accuracy on all samples. Macro F1 counts every class alike, however "
            "rare. All of this holds for data like these; data from elsewhere may be harder."
        ),
        pictures=(
            Picture.of(
                _draw(seen, whole.value),
                "The share of each class that the network finds, with intervals",
                f"The {MOST} classes it finds least often, of {len(seen)}." if len(seen) > MOST else "",
            ),
        ),
        figures=figures,
        table=(
            ("class", "samples", "recall", "95 % interval", "precision", "F1"),
            *(
                (
                    x.name,
                    str(x.recall.n),
                    f"{100 * x.recall.value:.1f} %",
                    _interval(x.recall),
                    f"{100 * x.precision.value:.1f} %" if x.precision.n else "–",
                    f"{x.f1:.3f}",
                )
                for x in seen
            ),
        ),
        code=(
            "from netopsy.lab.statistics import proportion_interval\n"
            "from netopsy.training import evaluate\n\n"
            "right = evaluate(model, data).outputs.argmax(1) == data.targets.cpu()\n"
            'print(f"{proportion_interval(int(right.sum()), len(right)):.1%}")'
        ),
    )


def classes_of(subject: Subject) -> list[OfClass]:
    """Recall, precision and F1 of every class that occurs among the labels or the answers."""
    labels, answers, count = subject.labels, subject.predictions, subject.class_count
    true, given = labels.bincount(minlength=count), answers.bincount(minlength=count)
    found = labels[labels == answers].bincount(minlength=count)
    return [
        OfClass(
            subject.class_name(number),
            subject.class_label(number),
            proportion_interval(_at(found, number), _at(true, number)),
            proportion_interval(_at(found, number), _at(given, number)),
            f1,
        )
        for number, f1 in enumerate((2 * found / (true + given)).tolist())
        if true[number] + given[number]
    ]


def _at(counts: Tensor, number: int) -> int:
    return int(counts[number])


def _sentence(whole: Estimate, guess: float, seen: Sequence[OfClass]) -> str:
    right = round(whole.value * whole.n)
    text = (
        f"It answers {right:,} of {whole.n:,} held-out samples right: {100 * whole.value:.1f} %, "
        f"95 % interval {_interval(whole)}"
    )
    if right == whole.n:
        return text + "."
    if whole.low <= guess:
        return text + f", which is no better than always answering the commonest class ({100 * guess:.1f} %)."
    if len(seen) > 1 and seen[0].recall.value < seen[-1].recall.value:
        return text + f"; the class it finds least often is {seen[0].name} ({100 * seen[0].recall.value:.0f} %)."
    return text + "."


def _advice(whole: Estimate, guess: float, seen: Sequence[OfClass]) -> str:
    if whole.low <= guess:
        return (
            "Check first that classes and preprocessing are those of its training (`--labels`, `--mean`, `--std`, "
            "`--size`): most networks at chance are fed wrongly."
        )
    if whole.high < (1 + guess) / 2:
        return (
            "It is wrong more often than one would build on: check that classes and preprocessing are those of its "
            "training, or train it further, and read the rest with that in mind."
        )
    worse = [each for each in seen if each.recall.high < whole.value]
    if worse:
        names = _listed([each.name for each in worse[:3]])
        return f"More training data of {names} would help most: they are found less than the rest."
    return "No class is surely found less often than the rest; a tighter interval needs more held-out samples."


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _interval(estimate: Estimate) -> str:
    return f"{100 * estimate.low:.1f} to {100 * estimate.high:.1f} %"


def _draw(seen: Sequence[OfClass], whole: float) -> Figure:
    rows = seen[:MOST]
    drawn, axes = figure(4.8, 0.22 * len(rows) + 0.9)
    value, low, high = 100 * np.array([[r.recall.value, r.recall.low, r.recall.high] for r in rows]).T
    positions = range(len(rows))
    axes.hlines(positions, low, high, color=PALETTE[0], linewidth=2.4, alpha=0.45)
    axes.plot(value, positions, "o", color=PALETTE[0], markersize=5)
    axes.axvline(100 * whole, color=INK, linewidth=1, linestyle="--")
    axes.set_yticks(positions, [row.label for row in rows])
    axes.set_xlabel("samples of the class that are found (%)")
    axes.set_xlim(min(float(low.min()) - 2, 90), 101)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    return drawn


INSTRUMENT = Instrument(
    name="accuracy",
    title="How often it is right",
    term="accuracy",
    chapter="what it is",
    examine=examine,
    order=20,
    passes=lambda subject: float(len(subject.data)),
)
