"""Which classes the network takes for which, and the mistakes it was surest of."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.core.finding import Finding, Number, Picture
from netopsy.examination.drawing import show_image
from netopsy.examination.instrument import Instrument
from netopsy.examination.subject import Subject

MOST = 20
"""Classes in a matrix; with more, the pairs that are confused most often are drawn."""
PAIRS = 12
SHOWN, COLUMNS = 8, 4


def examine(subject: Subject) -> Finding:
    """The confusion matrix or the commonest confusions, and the most confident mistakes."""
    wrong = (subject.predictions != subject.labels).nonzero()[:, 0]
    confidence = subject.probabilities.amax(1)
    # Without a mistake the least certain answers are the ones to look at.
    looked_at = wrong if len(wrong) else torch.arange(len(confidence))
    order = confidence[looked_at].argsort(descending=bool(len(wrong)), stable=True)
    shown = looked_at[order[:SHOWN]]
    pairs = pairs_of(subject)
    figures: dict[str, Number] = {"mistakes": len(wrong), "samples": len(subject.labels)}
    if len(wrong):
        figures["confidence of the surest mistake"] = round(float(confidence[wrong].max()), 4)
        figures["mistakes it was 90 % sure of or more"] = int((confidence[wrong] >= 0.9).sum())
        figures["pairs of classes confused"] = len(pairs)
    return Finding(
        sentence=_sentence(subject, wrong, confidence, pairs),
        glance=_glance(subject, pairs, len(wrong)),
        advice=(
            "Look at the surest mistakes one by one; wrong labels among them are cheaper to mend than the network."
            if len(wrong)
            else "Look at the least sure answers: the next mistakes will look like them."
        ),
        reading=_reading(subject, bool(len(wrong))),
        pictures=tuple(_pictures(subject, shown, confidence, pairs, bool(len(wrong)))),
        figures=figures,
        table=_table(subject, shown, confidence, pairs),
        code=(
            "from netopsy.training import evaluate\n\n"
            "outputs = evaluate(model, data).outputs\n"
            "confidence, answer = outputs.softmax(1).max(1)\n"
            "wrong = (answer != data.targets.cpu()).nonzero()[:, 0]\n"
            f"surest = wrong[confidence[wrong].argsort(descending=True)[:{SHOWN}]]\n"
            "for index in surest.tolist():\n"
            "    print(index, int(data.targets[index]), int(answer[index]), float(confidence[index]))"
        ),
    )


def pairs_of(subject: Subject) -> list[tuple[int, int, int]]:
    """True class, class it was taken for, and how often, the commonest first."""
    wrong = subject.predictions != subject.labels
    pairs, counts = torch.stack([subject.labels[wrong], subject.predictions[wrong]], 1).unique(
        dim=0, return_counts=True
    )
    order = counts.argsort(descending=True, stable=True)
    return [(*pairs[place].tolist(), int(counts[place])) for place in order.tolist()]


def _sentence(subject: Subject, wrong: Tensor, confidence: Tensor, pairs: list[tuple[int, int, int]]) -> str:
    count = len(subject.labels)
    if not len(wrong):
        least = int(confidence.argmin())
        return (
            f"It makes no mistake on {count:,} sample{'s' * (count != 1)}; it is least sure of a "
            f"{subject.class_name(int(subject.labels[least]))}, at {100 * float(confidence[least]):.0f} %."
        )
    true, taken, times = pairs[0]
    names = f"{subject.class_name(true)} for {subject.class_name(taken)}"
    surest = f"{100 * float(confidence[wrong].max()):.0f} % sure"
    if len(wrong) == 1:
        return f"It makes one mistake on {count:,} sample{'s' * (count != 1)}, taking {names}, and was {surest} of it."
    often = f"most often it takes {names} ({times} times)" if times > 1 else "no two of them are alike"
    return f"It makes {len(wrong):,} mistakes on {count:,} samples; {often}, and it was {surest} of the worst."


def _glance(subject: Subject, pairs: list[tuple[int, int, int]], wrong: int) -> str:
    if not wrong:
        return "no mistake"
    true, taken, times = pairs[0]
    return f"{wrong:,} mistakes, most often {subject.class_name(true)} for {subject.class_name(taken)} ({times})"


def _reading(subject: Subject, mistakes: bool) -> str:
    if subject.class_count <= MOST:
        how = (
            "A row of the matrix is a true class, a column the answer; the blue diagonal is what it gets right, "
            "and the shade says what share of the row a cell holds. "
        )
    else:
        how = "Each bar is a pair of classes: how often samples of the first were taken for the second. "
    if not mistakes:
        return how + "The images, or the table, are the answers it was least sure of, all of them right."
    return how + (
        "After it come the mistakes it was surest of. Look at them one by one: a wrong label in the data, a sample "
        "that people would get wrong too, and a real blind spot of the network all end up here."
    )


def _pictures(
    subject: Subject, shown: Tensor, confidence: Tensor, pairs: list[tuple[int, int, int]], mistakes: bool
) -> list[Picture]:
    drawn = []
    if subject.class_count <= MOST:
        drawn.append(Picture.of(_draw_matrix(subject), "Confusion matrix: true classes in rows, answers in columns"))
    elif pairs:
        drawn.append(
            Picture.of(
                _draw_pairs(subject, pairs[:PAIRS]),
                "Bars: how often one class was taken for another",
                f"The {PAIRS} commonest of {len(pairs)} confusions." if len(pairs) > PAIRS else "",
            )
        )
    if subject.is_image_model and subject.data.inputs.shape[1] > 0:
        what = "mistakes it was surest of" if mistakes else "answers it was least sure of"
        drawn.append(
            Picture.of(
                _draw_samples(subject, shown, confidence),
                f"{len(shown)} images: the {what}",
                f"The {what}: what it said, how sure it was, and what is right." if mistakes else f"The {what}.",
            )
        )
    return drawn


def _table(
    subject: Subject, shown: Tensor, confidence: Tensor, pairs: list[tuple[int, int, int]]
) -> tuple[tuple[str, ...], ...]:
    if subject.is_image_model and subject.class_count > MOST and pairs:
        most = pairs[: 5 * PAIRS]
        named = [(subject.class_name(a), subject.class_name(b), str(times)) for a, b, times in most]
        return (("true class", "taken for", "times"), *named)
    rows = [
        (
            subject.called(index),
            subject.class_name(int(subject.labels[index])),
            subject.class_name(int(subject.predictions[index])),
            f"{100 * float(confidence[index]):.1f} %",
        )
        for index in shown.tolist()
    ]
    return (("sample", "true class", "answer", "confidence"), *rows)


def _draw_matrix(subject: Subject) -> Figure:
    count = subject.class_count
    cells = subject.labels * count + subject.predictions
    matrix = cells.bincount(minlength=count * count).reshape(count, count).numpy()
    share = matrix / np.maximum(matrix.sum(1, keepdims=True), 1)
    names = [subject.class_label(number, 16) for number in range(count)]
    side = 1.2 + 0.3 * max(count, 6)
    drawn, axes = figure(side + 0.3, side)
    colors = np.where(np.eye(count, dtype=bool)[..., None], to_rgb(PALETTE[0]), to_rgb(PALETTE[1]))
    # A root makes a single mistake in a hundred visible; never quite opaque, so that the numbers can be read on it.
    cells_drawn = np.concatenate([colors, 0.75 * np.sqrt(share)[..., None]], -1)
    axes.imshow(cells_drawn, interpolation="none")
    for row, column in zip(*matrix.nonzero(), strict=True):
        axes.text(
            column,
            row,
            f"{matrix[row, column]}",
            ha="center",
            va="center",
            fontsize=8 if matrix.max() < 1000 else 6,
            color=INK,
            fontweight="bold" if row != column else "normal",
        )
    axes.grid(visible=False)
    axes.set_xticks(range(count), names, rotation=0 if max(map(len, names)) < 4 else 90)
    axes.set_yticks(range(count), names)
    axes.tick_params(length=0)
    axes.set(xlabel="answer", ylabel="true class")
    for spine in axes.spines.values():
        spine.set_visible(False)
    return drawn


def _draw_pairs(subject: Subject, pairs: list[tuple[int, int, int]]) -> Figure:
    drawn, axes = figure(4.9, 0.26 * len(pairs) + 0.8)
    names = [f"{subject.class_label(a, 22)} → {subject.class_label(b, 22)}" for a, b, _ in pairs]
    axes.barh(range(len(pairs)), [times for *_, times in pairs], color=PALETTE[1], height=0.7)
    axes.set_yticks(range(len(pairs)), names)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("times")
    return drawn


def _draw_samples(subject: Subject, shown: Tensor, confidence: Tensor) -> Figure:
    columns = min(COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    drawn, axes = figure_grid(rows, columns, 1.2 * columns, 1.6 * rows)
    images, positions = subject.data.images, [place for row in axes for place in row]
    for place, index in zip(positions, shown.tolist(), strict=False):
        show_image(place, images[index])
        true, answer = int(subject.labels[index]), int(subject.predictions[index])
        sure = f"{100 * float(confidence[index]):.0f} %"
        place.set_title(
            f"{subject.class_label(answer, 14)}, {sure}"
            + (f"\nis {subject.class_label(true, 18)}" if true != answer else ""),
            fontsize=7.5,
            fontweight="normal",
            loc="center",
        )
    for spare in positions[len(shown) :]:
        spare.remove()
    return drawn


INSTRUMENT = Instrument(
    name="confusions",
    title="What it mistakes for what",
    term="confusion matrix",
    chapter="what it is",
    examine=examine,
    order=40,
)
