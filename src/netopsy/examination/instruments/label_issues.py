"""Samples whose label is probably wrong, by the rule of confident learning."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import image_grid
from netopsy.core.finding import Finding, Picture
from netopsy.examination.drawing import show_image
from netopsy.examination.instrument import Instrument
from netopsy.examination.subject import Subject

SHOWN, LISTED, COLUMNS = 8, 50, 4
WORRYING = 0.005
"""A larger share of doubtful labels makes the accuracy itself doubtful."""


def why_not(subject: Subject) -> str | None:
    """Confident learning trusts the network where it contradicts a label: it must be right far more often than not."""
    if subject.skilled:
        return None
    right = float((subject.predictions == subject.labels).float().mean())
    return f"the network is right too seldom ({100 * right:.0f} %) to tell a wrong label from a mistake of its own"


def examine(subject: Subject) -> Finding:
    """Samples that confident learning counts off the diagonal, the least likely label first."""
    probabilities, labels = subject.probabilities, subject.labels
    doubtful = label_issues(probabilities, labels)
    of_label = probabilities.gather(1, labels[:, None])[:, 0]
    found = doubtful.nonzero()[:, 0]
    found = found[of_label[found].argsort(stable=True)]
    count = len(found)
    first = int(found[0]) if count else 0
    said = (
        f", first {subject.called(first)}, labelled {subject.class_name(int(labels[first]))} and answered "
        f"{subject.class_name(int(subject.predictions[first]))}"
        if count
        else ""
    )
    return Finding(
        sentence=(
            f"{count:,} of {len(labels):,} labels {'is' if count == 1 else 'are'} probably wrong by confident "
            f"learning{said}."
            if count
            else f"None of {len(labels):,} labels is probably wrong by confident learning."
        ),
        glance=f"{count:,} of {len(labels):,} labels probably wrong",
        verdict="doubtful" if count > WORRYING * len(labels) else "plain" if count else "good",
        advice=(
            "Look at each of them before you trust the accuracy: some are mistakes of the network and not of the label."
            if count
            else "Nothing to see to here; labels that the network learned wrongly in training do not show."
        ),
        reading=(
            "A sample counts if the network gives another class than its label at least the probability that it gives "
            "that class on average where the label says so (confident learning, Northcutt et al. 2021, section 3.1). "
            "The rule supposes that the network did not learn from these labels: on training data it finds little."
        ),
        pictures=(
            (
                Picture.of(
                    _draw(subject, found[:SHOWN]),
                    f"{min(count, SHOWN)} images whose label is probably wrong",
                    "The least likely labels: what the label says, and what the network answers.",
                ),
            )
            if count and subject.is_image_model
            else ()
        ),
        figures={"labels": len(labels), "probably wrong": count},
        table=(
            ("sample", "label", "answer", "probability of the label"),
            *(
                (
                    subject.called(index),
                    subject.class_name(int(labels[index])),
                    subject.class_name(int(subject.predictions[index])),
                    f"{100 * float(of_label[index]):.2f} %",
                )
                for index in found[:LISTED].tolist()
            ),
        )
        if count
        else (),
        code=(
            "from netopsy.examination.instruments.label_issues import label_issues\n"
            "from netopsy.training import evaluate\n\n"
            "print(label_issues(evaluate(model, data).outputs.softmax(1), data.targets.cpu()).nonzero()[:, 0])"
        ),
    )


def label_issues(probabilities: Float[Tensor, "n classes"], labels: Int[Tensor, "n"]) -> Bool[Tensor, "n"]:
    """Which labels are off the diagonal of the confident joint.

    With t_j the mean probability of class j over samples labelled j, a sample belongs to the most probable of the
    classes with ``p_j >= t_j``; it counts where that is another class than its label.

    Source: Northcutt et al. 2021, Confident Learning, section 3.1.

    >>> probabilities = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.95, 0.05]])
    >>> label_issues(probabilities, torch.tensor([0, 0, 1, 1])).tolist()
    [False, False, False, True]
    """
    classes = probabilities.shape[1]
    indicators = torch.nn.functional.one_hot(labels, classes).to(probabilities)
    counts = indicators.sum(0)
    thresholds = (indicators * probabilities).sum(0) / counts.clamp_min(1)
    thresholds[counts == 0] = torch.inf
    confident = torch.where(probabilities >= thresholds, probabilities, -torch.inf)
    return confident.isfinite().any(1) & (confident.argmax(1) != labels)


def _draw(subject: Subject, shown: Tensor) -> Figure:
    grid = image_grid(len(shown), COLUMNS, 1.3, 1.7)
    for axes, index in zip(grid, shown.tolist(), strict=True):
        show_image(axes, subject.data.images[index])
        said, answered = (subject.class_label(int(each[index]), 14) for each in (subject.labels, subject.predictions))
        axes.set_title(f"label {said}\nanswer {answered}", fontsize=7, loc="center")
    drawn = grid[0].get_figure()
    assert isinstance(drawn, Figure)
    return drawn


INSTRUMENT = Instrument(
    name="label-issues",
    title="Labels that are probably wrong",
    chapter="where it fails",
    examine=examine,
    applies=why_not,
    term="confident learning",
    order=30,
    worth=6,
)
