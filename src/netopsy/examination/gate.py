"""Whether a network can be examined on these data at all: said first, and what makes no sense is not run."""

from __future__ import annotations

from netopsy.examination.subject import Subject
from netopsy.lab.statistics import proportion_interval

FEWEST = 10
"""With fewer samples nothing but the network's make-up is worth a page."""


def why_not(subject: Subject) -> str | None:
    """Why instruments that ask what the network has learned would say nothing; ``None`` where they would."""
    count = len(subject.data)
    if count < FEWEST:
        return f"{count} sample{'s' * (count != 1)} are too few to say anything; it takes at least {FEWEST}"
    classes = len(subject.labels.unique())
    if classes < 2:
        return f"all samples are of one class, {subject.class_name(int(subject.labels[0]))}; it takes two or more"
    right = int((subject.predictions == subject.labels).sum())
    commonest = int(subject.labels.bincount().max())
    if proportion_interval(right, count).low <= commonest / count:
        return (
            f"the network is no better than chance on these data: {right:,} of {count:,} right, and always answering "
            f"the commonest class gets {commonest:,}; check that classes and preprocessing are those of its training"
        )
    return None
