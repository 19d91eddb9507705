"""The samples on which the shape of a loss is looked at, and what cannot be differentiated twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from netopsy.core.errors import InputError
from netopsy.data import Dataset
from netopsy.examination.instrument import NotNow
from netopsy.examination.subject import Subject

PRODUCT = 6.0
"""Forward passes that a product with the Hessian costs."""
TOLERANCE = 0.02
"""Relative accuracy of an eigenvalue that is shown with three digits."""
MOST = 300
"""Products that an eigenvalue is given."""
BATCH = 256
DEAREST = 6.0
"""Shares of `netopsy.examination.subject.WORK` beyond which the least that says anything is too much."""


def samples_of(subject: Subject, count: int) -> Dataset:
    """That many training samples, or held-out ones where the others are unknown, always the same."""
    if subject.train is None or not subject.train.is_classification:
        return subject.data[subject.sample(count)]
    order = torch.randperm(len(subject.train), generator=torch.Generator().manual_seed(subject.seed))
    chosen = subject.train[order[:count]]
    wide = subject.data.inputs.dtype
    return Dataset(
        chosen.inputs.to(wide) if chosen.inputs.is_floating_point() else chosen.inputs,
        chosen.targets,
        chosen.classes,
        chosen.name,
        chosen.normalisation,
        chosen.files,
    )


def called(subject: Subject) -> str:
    """What the samples are, in words."""
    return "held-out samples" if subject.train is None or not subject.train.is_classification else "training samples"


def why_not(subject: Subject) -> str | None:
    """The loss is a function of the parameters: there must be some."""
    return None if any(True for _ in subject.model.parameters()) else "the network has no parameters to move"


def check_affordable(subject: Subject, passes: float, samples: int) -> None:
    """Refuses a network so large that even ``samples`` of that many passes each would take too long at its depth.

    Raises:
        NotNow: it is.
    """
    if subject.affordable(passes * samples, 4, share=DEAREST, fewest=0) < 1:
        raise NotNow(
            f"{passes:,.0f} passes of {samples} samples are the least, and more than an examination of depth "
            f"{subject.depth} spends on a network of this size"
        )


@contextmanager
def differentiated() -> Iterator[None]:
    """Says so where the network's loss cannot be differentiated twice, or has no top eigenvalue to be found."""
    try:
        yield
    except InputError as error:
        raise NotNow(f"the curvature of the loss could not be measured: {error}") from error
    except (RuntimeError, NotImplementedError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise NotNow(f"the network's loss cannot be differentiated twice: {reason}") from error
