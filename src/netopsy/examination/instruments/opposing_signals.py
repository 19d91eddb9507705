"""Which samples pull the network in opposite directions where its loss is sharpest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import INK, figure_grid
from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Picture
from netopsy.core.seeds import derive, generator
from netopsy.data import Dataset
from netopsy.examination.drawing import show_image
from netopsy.examination.instrument import Instrument
from netopsy.examination.instruments._loss import (
    PRODUCT,
    bend,
    called,
    differentiated,
    effort_of,
    sharpest,
)
from netopsy.examination.instruments._loss import why_not as _why_not
from netopsy.examination.subject import Subject, evaluate_outputs
from netopsy.landscape.curvature import mean_gradient, slopes
from netopsy.landscape.opposing_signals import GroupReport, Groups, class_matched_controls, group_report

FEWEST = 32
SHOWN, LEAST = 8, 2
"""Samples of a group, at most and at least."""
OPPOSE = "oppose each other"


@dataclass(frozen=True, eq=False)
class _Found:
    data: Dataset
    groups: Groups
    own: GroupReport
    matched: tuple[float, ...]
    """Cosines between the gradients of groups of the same classes."""
    elsewhere: tuple[float, ...]
    """The same of groups along random directions."""
    sharpness: float

    @property
    def words(self) -> str:
        """What the two groups do, beside those along random directions, which may well be opposed, too."""
        if self.own.cosine >= 0:
            return "do not oppose each other"
        more = self.own.cosine < float(np.mean(self.elsewhere))
        return OPPOSE if more else f"{OPPOSE} no more than such groups along any direction do"


def why_not(subject: Subject) -> str | None:
    """Groups need several samples, and a loss that moves with parameters."""
    return _why_not(subject) or ("there are too few samples to be two groups" if len(subject.data) < FEWEST else None)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes: the top direction, slopes along it and others, and gradients."""
    effort = effort_of(subject)
    slopes_and_gradients = PRODUCT * (1 + effort.draws) + 4
    few = 6.0 * _group_size(effort.samples) * (1 + 2 * effort.draws)
    return effort.samples * (effort.to_the_top + slopes_and_gradients) + few


def _group_size(samples: int) -> int:
    return max(LEAST, min(SHOWN, samples // 8))


def examine(subject: Subject) -> Finding:
    """The samples whose gradients reach furthest along the top eigenvector of the Hessian, one way and the other."""
    effort_of(subject)  # says so where even a coarse look is too much
    with differentiated():
        found = _measure(subject.in_single_precision)
    matched = float(np.mean(found.matched)) if found.matched else float("nan")
    elsewhere = float(np.mean(found.elsewhere))
    k, share = len(found.groups.up), 100 * found.own.loss_share
    others = f"{matched:.2f} for random groups of the same classes, " if found.matched else ""
    return Finding(
        sentence=(
            f"Where its loss is sharpest, {2 * k} of {len(found.data):,} {called(subject)} in two groups of {k} "
            f"{found.words}, with a cosine of {found.own.cosine:.2f} between their gradients ({others}{elsewhere:.2f} "
            f"for groups chosen along random directions), and make up {share:.0f} % of the loss."
        ),
        glance=f"two groups of {k} samples {found.words}, cosine {found.own.cosine:.2f}",
        advice=(
            "Look for what the two rows share, such as a background or a frame: it is a strong feature with labels "
            "that contradict each other, and training swings between them. Wrong labels and rare kinds show here, too."
            if found.words == OPPOSE
            else "The sharpest direction singles out no samples: look at the two rows for wrong labels and rare kinds."
        ),
        reading=(
            "The first row holds the samples whose loss rises most when the network moves along the direction in which "
            "its mean loss bends most, the second those whose loss falls most. Opposition along that single direction "
            "is there by construction; that of the whole gradients is not, and is to be compared with that of groups "
            "chosen in the same way along random directions. During training at a large learning rate such groups "
            "make the loss spike; a network that fits all of its samples shows little."
        ),
        pictures=(Picture.of(_draw(subject, found), "Samples of the two opposing groups, in two rows"),)
        if subject.is_image_model
        else (),
        figures={
            "samples": len(found.data),
            "group size": k,
            "cosine of the mean gradients": round(found.own.cosine, 4),
            **({"the same, random groups of the same classes": round(matched, 4)} if found.matched else {}),
            "the same, groups chosen along random directions": round(elsewhere, 4),
            "length of the first group's gradient over that of all": round(
                found.own.up_norm / max(found.own.whole_norm, 1e-12), 3
            ),
            "share of the loss": round(found.own.loss_share, 4),
            "sharpness": round(found.sharpness, 4),
        },
        table=_table(subject, found),
        code=(
            "from netopsy.landscape.curvature import hessian, slopes, top_eigenpairs\n\n"
            "some = data[: min(200, len(data))]\n"
            "top = top_eigenpairs(hessian(model, some), tolerance=0.02)\n"
            "order = slopes(model, some, top.vectors[:, 0]).argsort()\n"
            "print(some.targets[order[-8:]], some.targets[order[:8]])"
        ),
    )


def _measure(subject: Subject) -> _Found:
    data, curvature = bend(subject)
    (top, _), draws = sharpest(subject, curvature), effort_of(subject).draws
    del curvature  # and what it keeps of the network's passes
    model, k = subject.model, _group_size(len(data))
    groups = _along(subject, data, top.vectors[:, 0], k)
    try:
        controls = class_matched_controls(data.targets, groups, draws=draws, seed=derive(subject.seed, "matched"))
    except InputError:  # a class with too few others
        controls = []
    random = generator(derive(subject.seed, "directions"))
    drawn = [torch.randn(len(top.vectors), generator=random) for _ in range(draws)]
    elsewhere = [_along(subject, data, each / each.norm(), k) for each in drawn]
    return _Found(
        data,
        groups,
        group_report(model, data, groups, batch_size=subject.batch_size),
        tuple(_opposition(subject, data, each) for each in controls),
        tuple(_opposition(subject, data, each) for each in elsewhere),
        top.values[0].item(),
    )


def _opposition(subject: Subject, data: Dataset, groups: Groups) -> float:
    """The cosine between the mean gradients of two groups."""
    up, down = (
        mean_gradient(subject.model, data[each], batch_size=subject.batch_size) for each in (groups.up, groups.down)
    )
    return float(torch.nn.functional.cosine_similarity(up.double(), down.double(), dim=0))


def _along(subject: Subject, data: Dataset, direction: Tensor, k: int) -> Groups:
    reach = slopes(subject.model, data, direction.to(subject.device), batch_size=subject.batch_size).cpu()
    order = reach.argsort(descending=True, stable=True)
    return Groups(order[:k], order.flip(0)[:k], -1, reach)


def _table(subject: Subject, found: _Found) -> tuple[tuple[str, ...], ...]:
    rows = [("group", "label", "answer", "slope of its loss")]
    answers = evaluate_outputs(subject.model, found.data.inputs[found.groups.both].to(subject.data.inputs.dtype))
    for place, number in enumerate(found.groups.both.tolist()):
        rows.append(
            (
                "first" if place < len(found.groups.up) else "second",
                subject.class_name(int(found.data.targets[number])),
                subject.class_name(int(answers[place].argmax())),
                f"{float(found.groups.delta[number]):+.3g}",
            )
        )
    return tuple(rows)


def _draw(subject: Subject, found: _Found) -> Figure:
    k = len(found.groups.up)
    drawn, axes = figure_grid(2, k, 0.95 * k + 0.3, 2.6)
    images = found.data.images
    for line, members, words in zip(axes, (found.groups.up, found.groups.down), ("one way", "the other"), strict=True):
        line[0].text(-0.12, 0.5, words, transform=line[0].transAxes, rotation=90, ha="right", va="center", color=INK)
        for ax, number in zip(line, members.tolist(), strict=True):
            show_image(ax, images[number].float())
            ax.set_title(subject.class_label(int(found.data.targets[number]), 12), fontsize=7, loc="center")
    return drawn


INSTRUMENT = Instrument(
    name="opposing-signals",
    title="Samples that pull in opposite directions",
    term="opposing signals",
    chapter="the shape of its loss",
    examine=examine,
    applies=why_not,
    papers=("opposing-signals",),
    order=20,
    passes=passes,
    worth=30,
)
