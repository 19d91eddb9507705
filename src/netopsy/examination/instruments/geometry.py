"""Whether layers lay samples out by class, as the task asks, or as the inputs come in."""

from __future__ import annotations

import math

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import PALETTE, figure_grid, label
from netopsy.core.finding import Finding, Number, Picture, Verdict
from netopsy.core.seeds import derive
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.instruments._geometry import (
    LAYERS,
    SHUFFLES,
    Geometry,
    dichotomies,
    geometry,
    input_kernel,
    kernels,
    layers_of_rows,
)
from netopsy.examination.subject import Subject
from netopsy.examination.untrained import untrained
from netopsy.examination.weighted_layers import weighted_layers

MOST, FEWEST = 300, 60
CLASSES, MEMBERS = 12, 4
"""Classes that are looked at, and how many samples one must have."""
SPLITS = 4
"""Dichotomies of the classes."""
WORTH = 0.05
"""Alignment that is worth a word."""
CARRIES = 0.75
"""Accuracy on classes left out from which a linear decision carries over: half-way from chance."""

Pair = tuple[Geometry, Geometry]
"""Trained, and untrained."""


def _count(subject: Subject) -> int:
    return subject.affordable(2, MOST, fewest=FEWEST)


def _chosen(subject: Subject) -> Tensor:
    """Samples of the commonest classes, the classes taking turns."""
    indices = subject.sample(len(subject.data))
    counts = subject.labels[indices].bincount()
    classes = [each for each in counts.argsort(descending=True, stable=True)[:CLASSES] if counts[each] >= MEMBERS]
    if len(classes) < 2:
        return indices[:0]
    return indices[torch.isin(subject.labels[indices], torch.stack(classes))][: max(_count(subject), 2 * MEMBERS)]


def applies(subject: Subject) -> str | None:
    """Two classes with samples, and a layer with weights that is given one row a sample."""
    if not len(_chosen(subject)):
        return f"fewer than two classes have {MEMBERS} samples, which it takes to tell classes apart"
    if len(weighted_layers(subject, LAYERS)) < 2:
        return "it has no hidden layer with weights"
    return None if layers_of_rows(subject) else "no layer with weights is given one row of numbers a sample"


def examine(subject: Subject) -> Finding:
    """Alignment with the classes and with the inputs, dimension, parallelism and CCGP of what each layer is given."""
    indices, names, wide = _chosen(subject), layers_of_rows(subject), subject.in_single_precision
    classes, labels = subject.labels[indices].unique(return_inverse=True)
    splits = dichotomies(len(classes), SPLITS, seed=derive(subject.seed, "dichotomies"))
    seen = [kernels(wide, model, names, indices) for model in (wide.model, untrained(subject))]
    if not all(bool(kernel.isfinite().all()) for each in seen for kernel in each.values()):
        raise NotNow("what a layer is given is not finite")
    inputs = input_kernel(wide, indices)
    found: dict[str, Pair] = {}
    for name in names:
        one, other = (
            geometry(each[name], each[names[0]] if inputs is None else inputs, labels, splits, seed=subject.seed)
            for each in seen
        )
        found[name] = (one, other)
    if not math.isfinite(found[names[-1]][0].target):
        raise NotNow("what the last layer is given is the same for every sample")
    last, before = found[names[-1]]
    best = max(names, key=lambda name: _known(found[name][0].target))
    figures: dict[str, Number] = {
        "samples": len(indices),
        "classes": len(classes),
        "dichotomies": len(splits),
    }
    told = {
        "alignment with the classes": last.target,
        "the same, untrained": before.target,
        f"the same, highest of {SHUFFLES} shuffled labellings": last.shuffled,
        f"the same, {names[0]}": found[names[0]][0].target,
        "alignment with the inputs": last.given,
        "dimension of the class means": last.dimension,
        "parallelism": last.parallelism,
        "parallelism, untrained": before.parallelism,
        "CCGP": last.ccgp,
        "CCGP, untrained": before.ccgp,
    }
    figures |= {name: round(value, 4) for name, value in told.items() if math.isfinite(value)}
    learned = last.target > max(last.shuffled, before.target + WORTH)
    verdict: Verdict = "good" if learned and subject.skilled else "plain"
    return Finding(
        sentence=_sentence(last, before, len(classes) - 1, bool(splits)),
        glance=f"target alignment {_two(last.target)} before the last layer, untrained {_two(before.target)}",
        verdict=verdict,
        advice=_advice(found, best, learned, subject.skilled),
        reading=_reading(len(classes), bool(splits)),
        pictures=(
            Picture.of(
                _draw(found, bool(splits)),
                "Alignment with classes and inputs, dimension, parallelism and generalisation across classes by layer",
            ),
        ),
        figures=figures,
        table=_table(found, bool(splits)),
        code=(
            "from torch import nn\n\n"
            "from netopsy.core.capture import capturing\n"
            "from netopsy.representations.similarity import cka\n\n"
            f"given, last, inputs = {{}}, {list(found)[-1]!r}, data.inputs[:{len(indices)}]\n"
            "with capturing(model.eval(), last, inputs=given):\n"
            "    model(inputs)\n"
            "classes = nn.functional.one_hot(data.targets[: len(inputs)]).float()\n"
            "print(cka(given[last], classes, debiased=True))"
        ),
    )


def _two(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "–"


def _sentence(last: Geometry, before: Geometry, most: int, split: bool) -> str:
    text = (
        f"What the last layer is given is aligned with the classes at {_two(last.target)} "
        f"({_two(before.target)} untrained, at most {_two(last.shuffled)} with shuffled labels) and with the inputs at "
        f"{_two(last.given)}; the class means fill {last.dimension:.1f} dimensions of at most {most}"
    )
    if not split or not math.isfinite(last.ccgp):
        return f"{text}."
    return (
        f"{text}, and a linear split of some classes holds for classes left out in {100 * last.ccgp:.0f} % "
        f"({100 * before.ccgp:.0f} % untrained)."
    )


def _known(value: float) -> float:
    return value if math.isfinite(value) else -math.inf


def _advice(found: dict[str, Pair], best: str, learned: bool, skilled: bool) -> str:
    last = list(found.values())[-1][0]
    if not learned and not skilled:
        return (
            "The classes lie no more apart than without training: look at how it was trained, and at the labels, "
            "before reading more into its layers."
        )
    if not learned:
        return (
            "Its layers lay the classes out as random ones do, and the last one does the work: for features of its "
            "own, start from smaller weights or train longer."
        )
    if found[best][0].target > last.target + WORTH:
        return (
            f"Take what {best} is given for a linear read-out or a search for similar samples: later layers lay the "
            "classes less apart."
        )
    if last.given > last.target:
        return (
            "The last layer still follows the inputs more than the classes: keep that for tasks to come, or train "
            "longer, or with tanh units, for features that follow the labels."
        )
    if last.ccgp >= CARRIES:
        return "For a new grouping of these classes, freeze all layers and train a linear one on a few of them."
    return "For a new grouping of these classes, show it samples of every class: little carries over to the others."


def _reading(classes: int, split: bool) -> str:
    text = (
        "Each point is what a layer with weights is given, so what comes behind the activation function before it. "
        "Target alignment (kernel alignment without bias) is 1 if samples of a class coincide and all classes lie "
        "equally far from each other, and 0 in the mean if the layer knows nothing of the classes; input alignment is "
        "the same beside the inputs (of tokens, beside what the first layer is given). The dotted line is the highest "
        f"of {SHUFFLES} shuffled labellings, and the pale lines are the network "
        "with its weights drawn anew, once. The dimension is the participation ratio of the class means: "
        f"{classes - 1} where all {classes} classes are equally far apart, fewer where some are like each other."
    )
    if not split:
        return f"{text} Parallelism and generalisation across classes take four classes or more."
    return (
        f"{text} For the middle panel the classes are divided into random halves. Parallelism is the mean cosine "
        "between the steps from classes of one half to their nearest of the other: 0 where all are equally far apart. "
        "CCGP (cross-condition generalisation) is the accuracy of a linear decision between the halves on a pair of "
        "classes left out of its training; chance is 0.5. Halves of the same classes overlap, so there is no interval."
    )


def _table(found: dict[str, Pair], split: bool) -> tuple[tuple[str, ...], ...]:
    head = ("what it is given", "classes", "untrained", "inputs", "dimension", "parallelism", "CCGP", "CCGP, untrained")
    rows = [
        (name, *map(_two, (a.target, b.target, a.given, a.dimension, a.parallelism, a.ccgp, b.ccgp)))
        for name, (a, b) in found.items()
    ]
    return tuple(row if split else row[:5] for row in (head, *rows))


def _draw(found: dict[str, Pair], split: bool) -> Figure:
    panels = 3 if split else 2
    drawn, axes = figure_grid(panels, 1, 5.6, 1.75 * panels + 0.9)
    rows = [row[0] for row in axes]
    alignment, dimension = rows[0], rows[-1]
    trained, fresh = zip(*found.values(), strict=True)
    _lines(alignment, trained, fresh, "target", PALETTE[0], "classes")
    _lines(alignment, trained, fresh, "given", PALETTE[1], "inputs")
    places = np.arange(len(found))
    shuffled = [each.shuffled for each in trained]
    alignment.plot(places, shuffled, ":", color=PALETTE[0], linewidth=1, label="shuffled classes")
    alignment.set(ylabel="alignment", ylim=(min(-0.03, *shuffled), 1.03))
    if split:
        _lines(rows[1], trained, fresh, "parallelism", PALETTE[2], "parallelism")
        _lines(rows[1], trained, fresh, "ccgp", PALETTE[3], "CCGP")
        rows[1].axhline(0.5, color=PALETTE[3], linewidth=0.8, linestyle=":", label="CCGP by chance")
        rows[1].set(ylabel="across classes", ylim=(None, 1.03))
    _lines(dimension, trained, fresh, "dimension", PALETTE[4], "class means")
    dimension.set(ylabel="dimensions", ylim=(0, None))
    for ax in rows:
        ax.set_xticks(places, [])
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7)
    dimension.set_xticks(places, [label(name, 22) for name in found], rotation=35, ha="right", fontsize=7)
    dimension.set_xlabel("what this layer is given")
    return drawn


def _lines(
    ax: Axes, trained: tuple[Geometry, ...], fresh: tuple[Geometry, ...], metric: str, color: str, name: str
) -> None:
    for rows, words, alpha in ((trained, name, 1.0), (fresh, f"{name}, untrained", 0.4)):
        values = [getattr(row, metric) for row in rows]
        ax.plot(range(len(rows)), values, "o-", color=color, alpha=alpha, markersize=3.5, label=words)


INSTRUMENT = Instrument(
    name="geometry",
    title="Whether layers follow classes or inputs",
    term="representational geometry",
    chapter="what it represents",
    examine=examine,
    applies=applies,
    papers=("representational-geometry",),
    order=20,
    passes=lambda subject: 2.0 * _count(subject),
    beside=4.0,
    worth=30,
)
