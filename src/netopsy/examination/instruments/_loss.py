"""Where a network's loss is sharpest: on how many samples that is looked for, and how far."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import torch

from netopsy.core.errors import InputError
from netopsy.core.seeds import derive
from netopsy.data import Dataset
from netopsy.examination.instrument import NotNow
from netopsy.examination.subject import Subject
from netopsy.landscape.curvature import Curvature, Eigenpairs, hessian, top_eigenpairs
from netopsy.landscape.curvature.krylov import Glimpse, glimpse

PRODUCT = 7.0
"""Forward passes that a product with the Hessian costs."""
MOST, TOLERANCE = 300, 0.02
"""Products that an eigenvalue is given, and its relative accuracy, to be shown with three digits."""
BATCH = 256
FEWEST, SAMPLES, SHARE = 16, 300, 2.0
DEAREST = 8.0
"""Shares of `netopsy.examination.subject.WORK` beyond which the least that says anything is too much."""


@dataclass(frozen=True)
class Effort:
    """How much is done: fixed by depth and size of the network, and the same for all that ask about its loss."""

    samples: int
    tops: int
    """Eigenpairs; 0 for a glimpse of the sharpest direction in as many products as there are steps."""
    products: int
    """That the eigenpairs usually take."""
    signs: int
    """Random vectors for the trace."""
    steps: int
    """Of Lanczos iterations, from one random vector."""
    points: int
    """Of every slice."""
    randoms: int
    """Random directions."""
    draws: int
    """Pairs of groups of each kind of control, where groups of samples are compared."""

    @property
    def coarse(self) -> bool:
        """Whether it is a glimpse."""
        return self.tops == 0

    @property
    def to_the_top(self) -> float:
        """Forward passes of each sample that finding the sharpest directions takes."""
        return PRODUCT * (self.products or self.steps)

    @property
    def passes(self) -> float:
        """Forward passes of each sample for all that is asked about the shape."""
        return PRODUCT * (self.products + self.signs + self.steps) + self.points * (1 + self.randoms)


FULL = Effort(0, 3, 60, 16, 40, 25, 3, 3)
COARSE = Effort(0, 0, 0, 2, 10, 5, 1, 2)


def effort_of(subject: Subject) -> Effort:
    """As much as the network's size allows: all of it, or a coarse look on few samples.

    Raises:
        NotNow: a network so large that even a coarse look would take too long at its depth.
    """
    least = COARSE.passes
    if subject.affordable(least * FEWEST, 4, share=DEAREST, fewest=0) < 1:
        raise NotNow(
            f"{least:,.0f} passes of {FEWEST} samples are the least, and more than an examination of depth "
            f"{subject.depth} spends on a network of this size"
        )
    effort, count = FULL, subject.affordable(FULL.passes, SAMPLES, share=SHARE, fewest=0)
    if count < FEWEST:
        effort, count = COARSE, subject.affordable(least, SAMPLES, share=SHARE, fewest=FEWEST)
    return replace(effort, samples=min(count, len(_source(subject))))


def bend(subject: Subject) -> tuple[Dataset, Curvature]:
    """The samples, and the Hessian of their mean loss."""
    data = samples_of(subject, effort_of(subject).samples)
    return data, hessian(subject.model, data, batch_size=BATCH)


def sharpest(subject: Subject, curvature: Curvature) -> tuple[Eigenpairs, Glimpse | None]:
    """The directions in which the loss bends most, and of a large network what else was seen on the way.

    They are looked for once for all that ask.
    """
    effort, seed = effort_of(subject), derive(subject.seed, "sharpest")
    known = f"sharpest directions by {effort}"
    if known not in subject.notes:
        subject.notes[known] = (
            glimpse(curvature, steps=effort.steps, seed=seed)
            if effort.coarse
            else top_eigenpairs(
                curvature, min(effort.tops, curvature.size), tolerance=TOLERANCE, max_products=MOST, seed=seed
            )
        )
    found = subject.notes[known]
    if isinstance(found, Glimpse):
        return found.top, found
    assert isinstance(found, Eigenpairs)
    return found, None


def samples_of(subject: Subject, count: int) -> Dataset:
    """That many training samples, or held-out ones where the others are unknown, always the same."""
    source = _source(subject)
    if source is subject.data:
        return subject.data[subject.sample(count)]
    order = torch.randperm(len(source), generator=torch.Generator().manual_seed(subject.seed))
    chosen = source[order[:count]]
    wide = subject.data.inputs.dtype
    return replace(chosen, inputs=chosen.inputs.to(wide)) if chosen.inputs.is_floating_point() else chosen


def _source(subject: Subject) -> Dataset:
    train = subject.train
    return subject.data if train is None or not train.is_classification else train


def called(subject: Subject) -> str:
    """What the samples are, in words."""
    return "held-out samples" if _source(subject) is subject.data else "training samples"


def why_not(subject: Subject) -> str | None:
    """The loss is a function of the parameters: there must be some."""
    return None if any(True for _ in subject.model.parameters()) else "the network has no parameters to move"


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
