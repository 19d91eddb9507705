"""Every wrong answer, for a table to work through."""

from __future__ import annotations

from netopsy.examination.subject import Subject

HEAD = ("sample", "label", "answer", "confidence", "probability of the label")


def mistakes_of(subject: Subject) -> tuple[tuple[str, ...], ...]:
    """A head and a row for each wrong answer, the surest first; a sample is called by its file where the data say."""
    confidence = subject.probabilities.amax(1)
    wrong = (subject.predictions != subject.labels).nonzero()[:, 0]
    wrong = wrong[confidence[wrong].argsort(descending=True, stable=True)]
    rows = (
        (
            subject.called(index),
            subject.class_name(int(subject.labels[index])),
            subject.class_name(int(subject.predictions[index])),
            f"{float(confidence[index]):.4f}",
            f"{float(subject.probabilities[index, subject.labels[index]]):.4f}",
        )
        for index in wrong.tolist()
    )
    return (HEAD, *rows)
