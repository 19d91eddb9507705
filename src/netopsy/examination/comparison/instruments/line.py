"""The loss on the straight line from the one network to the other."""

from __future__ import annotations

import numpy as np
import torch
from matplotlib.figure import Figure

from netopsy.core.drawing import PALETTE, figure_grid
from netopsy.core.finding import Finding, Number, Picture
from netopsy.examination.comparison.pair import Pair
from netopsy.examination.comparison.walk import POINTS, Sample, walk
from netopsy.examination.instrument import Instrument
from netopsy.lab.statistics import Estimate

MOST, FEWEST = 500, 40
SMALL = 0.02
"""A rise of the error of less than two points is no ridge."""
SHAPES = {
    "valley": (
        "no ridge lies between them, they are linearly connected",
        "linearly connected",
        "Their weights can be averaged: half way, {:.1f} % of the answers are wrong, of A {:.1f} % and of B {:.1f} %.",
    ),
    "slope": (
        "no ridge lies between them, but the error does not fall evenly from the worse to the better",
        "no ridge: the error is never above that of the worse one",
        "Little speaks for averaging their weights: half way, {:.1f} % of the answers are wrong, of A {:.1f} % and of "
        "B {:.1f} %.",
    ),
    "unsure": (
        "the samples are too few to say whether a ridge lies between them",
        "too few samples to tell a ridge",
        "Take more samples before their weights are averaged: half way, {:.1f} % of the answers are wrong, of A {:.1f} "
        "% and of B {:.1f} %.",
    ),
    "ridge": (
        "a ridge lies between them, as between networks that were trained apart",
        "a ridge of {:.0f} points of error between them",
        "Do not average their weights as they are: half way, {:.1f} % of the answers are wrong, of A {:.1f} % and of B "
        "{:.1f} %.",
    ),
}
"""What is said of each shape: in the sentence, at a glance, and as advice."""


def applies(pair: Pair) -> str | None:
    """Two networks of one architecture, on the same inputs."""
    if not pair.one_architecture:
        return "there is a line only between two networks of one architecture"
    if not pair.one_order:
        return "the outputs of the two are in another order, so that what lies between them answers nothing"
    if len(pair.a.data) < 3:
        return "a line needs three samples or more"
    if not torch.equal(pair.a.data.inputs, pair.b.data.inputs):
        return "the two are given other inputs for the same samples, so that no network between them has inputs"
    return None


def count(pair: Pair) -> int:
    return pair.affordable(2 * POINTS, MOST, fewest=FEWEST)


def examine(pair: Pair) -> Finding:
    """Loss and error at points between the two, above the chord: the barrier."""
    samples = pair.a.data[pair.a.sample(count(pair))]
    walked = walk(*pair.written, samples, (pair.a.model, pair.b.model))
    places, losses, errors, rise = walked.places, walked.losses, walked.errors, walked.rise
    above, top = walked.barrier, walked.top
    barrier, worst = float(rise.max()), above.value
    shape = _shape(errors, walked.rises.mean(1), above)
    words, glance, advice = SHAPES[shape]
    figures: dict[str, Number] = {
        "barrier of the loss": round(barrier, 4),
        "barrier of the error (points)": round(100 * worst, 2),
        "barrier of the error, low": round(100 * above.low, 2),
        "barrier of the error, high": round(100 * above.high, 2),
        "at this share of the way": round(float(places[top]), 2),
        "error half way (%)": round(100 * float(errors[POINTS // 2]), 2),
        "distance of the weights": round(_distance(pair), 4),
        "samples": len(samples),
    }
    return Finding(
        sentence=(
            f"On the straight line from A to B the error rises by at most {100 * worst:.1f} points above the chord (95 "
            f"% interval {100 * above.low:+.1f} to {100 * above.high:+.1f}) and the loss by {barrier:.2f}: {words}."
        ),
        glance=glance.format(100 * worst),
        advice=advice.format(*(100 * float(errors[place]) for place in (POINTS // 2, 0, -1))),
        reading=(
            "From left to right the weights go in a straight line from A to B. A barrier is how far the curve rises "
            "above the dashed chord between its ends; it is a ridge where the error is also above that of the "
            "worse end. The interval is over samples, at the highest place. Networks that share the first part of "
            "their training are connected, others hardly ever are, though often only because their hidden units are "
            "numbered otherwise. Running statistics of batch norms are taken anew at every point from the same samples."
        ),
        pictures=(Picture.of(_draw(places, losses, errors), "Loss and error along the straight line from A to B"),),
        figures=figures,
        code=(
            "from netopsy.core.parameters import interpolate\n"
            "from netopsy.training import evaluate\n"
            "import copy\n\n"
            "middle = copy.deepcopy(model_a)\n"
            "halfway = interpolate(dict(model_a.named_parameters()), dict(model_b.named_parameters()), 0.5)\n"
            "middle.load_state_dict(halfway, strict=False)\n"
            "evaluate(middle, data).accuracy"
        ),
    )


@torch.no_grad()
def _distance(pair: Pair) -> float:
    a, b = pair.written
    ends = dict(b.named_parameters())  # by name: what was pruned has its parameters in another order
    pairs = ((weight, ends[name]) for name, weight in a.named_parameters())
    return sum(float((p.double() - q.double()).square().sum()) for p, q in pairs) ** 0.5


def _shape(errors: Sample, rise: Sample, above: Estimate) -> str:
    if rise.max() < SMALL:
        return "valley"
    if errors.max() < max(errors[0], errors[-1]) + SMALL:
        return "slope"
    return "ridge" if above.low > 0 else "unsure"


def _draw(places: np.ndarray, losses: np.ndarray, errors: np.ndarray) -> Figure:
    drawn, axes = figure_grid(1, 2, 5.4, 2.5)
    for ax, values, words, colour in zip(
        axes[0], (losses, 100 * errors), ("loss", "wrong answers (%)"), (PALETTE[0], PALETTE[1]), strict=True
    ):
        ax.plot(places, values, "o-", color=colour, markersize=3.5)
        ax.plot([0, 1], [values[0], values[-1]], "--", color=PALETTE[5], linewidth=1)
        ax.set(ylabel=words, xlabel="share of the way")
        ax.set_xticks([0, 0.5, 1], ["A", "half", "B"])
        ax.set_ylim(bottom=0)
    return drawn


INSTRUMENT = Instrument(
    name="line",
    title="What lies on the straight line between them",
    term="linear mode connectivity",
    chapter="what lies between them",
    examine=examine,
    applies=applies,
    order=10,
    passes=lambda pair: POINTS * 1.0 * count(pair),
    worth=15,
)
