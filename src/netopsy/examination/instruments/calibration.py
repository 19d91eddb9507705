"""Whether the network is right as often as it says."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from netopsy.core.calibration import BINS, Sample, bins_of, calibration_error
from netopsy.core.drawing import INK, PALETTE, figure_grid
from netopsy.core.finding import Finding, Number, Picture
from netopsy.examination.instrument import Instrument
from netopsy.examination.instruments._calibration import (
    COLDEST,
    HOTTEST,
    best_temperature,
    error_by_chance,
    error_interval,
    error_when_scaled,
)
from netopsy.examination.subject import Subject
from netopsy.lab.statistics import proportion_interval

FEWEST = 20
"""With fewer samples no temperature is sought."""
PRECISE = 0.05
"""Where a perfectly calibrated network could show a larger error, there are too few samples to call one good."""


def examine(subject: Subject) -> Finding:
    """Expected calibration error with a bootstrap interval, the reliability diagram, and the temperature that helps."""
    confidence = subject.probabilities.double().amax(1).numpy()
    right = (subject.predictions == subject.labels).double().numpy()
    error = calibration_error(confidence, right)
    low, high = error_interval(confidence, right, subject.seed)
    chance = error_by_chance(confidence, subject.seed)
    low, high = min(low, error), max(high, error)
    figures: dict[str, Number] = {
        "expected calibration error": round(error, 4),
        "interval, low": round(low, 4),
        "interval, high": round(high, 4),
        "a perfectly calibrated one stays below": round(chance, 4),
        "mean confidence": round(float(confidence.mean()), 4),
        "accuracy": round(float(right.mean()), 4),
        "samples": len(right),
        "bins": BINS,
    }
    remedy = ""
    if len(right) >= FEWEST and 0 < right.sum() < len(right):
        temperature = best_temperature(subject.scores, subject.labels)
        if COLDEST * 1.05 < temperature < HOTTEST / 1.05:  # otherwise no temperature helps
            figures["best temperature"] = round(temperature, 3)
            scaled = error_when_scaled(subject.scores, subject.labels)
            figures["calibration error when scaled"] = round(scaled, 4)
            if error > chance and scaled < error:
                remedy = f" Dividing its scores by {temperature:.2f} would bring that to {100 * scaled:.1f}."
    return Finding(
        sentence=_sentence(error, low, high, chance, float(confidence.mean() - right.mean())) + remedy,
        glance=f"confidence off by {100 * error:.1f} points on average",
        verdict="doubtful" if error > chance else "good" if chance <= PRECISE else "plain",
        advice=_advice(error <= chance, chance <= PRECISE, figures),
        reading=(
            "On the left, answers are sorted by how sure the network was; a bar shows how many of them were right, "
            "with the 95 % interval. Bars that end on the diagonal mean that its confidence can be taken at its word; "
            "below it the network claims too much, above it too little. On the right, how many answers each bin holds: "
            f"most of the error is made where most of the answers are. The error is the mean gap over {BINS} bins; "
            "even a perfectly calibrated network shows some, because samples are few, and the figures say how much."
        ),
        pictures=(
            Picture.of(
                _draw(confidence, right),
                "Reliability diagram: the share of right answers against confidence, and a histogram of confidence",
            ),
        ),
        figures=figures,
        code=(
            "from netopsy.core.calibration import expected_calibration_error\n"
            "from netopsy.training import evaluate\n\n"
            "print(expected_calibration_error(evaluate(model, data).outputs.softmax(1), data.targets.cpu()))"
        ),
    )


def _advice(calibrated: bool, precise: bool, figures: dict[str, Number]) -> str:
    if calibrated and not precise:
        return "Nothing speaks against its probabilities, but these samples are too few to vouch for them: give more."
    if calibrated:
        return "Its probabilities can be used as they are, on data like these."
    if "best temperature" in figures:
        return f"Divide its scores by {figures['best temperature']} before the softmax (temperature scaling)."
    return "Do not read its confidence as a probability; no single temperature mends it."


BELOW_LEGEND = 0.74
"""Share of the histogram's height that its bars fill, so that they do not run into the legend."""


def _sentence(error: float, low: float, high: float, chance: float, excess: float) -> str:
    text = (
        f"Its confidence is off by {100 * error:.1f} percentage points on average "
        f"(95 % interval {100 * low:.1f} to {100 * high:.1f})"
    )
    if error <= chance:
        return text + f", no more than a perfectly calibrated network may show here ({100 * chance:.1f})."
    return text + f": it is {'over' if excess > 0 else 'under'}confident."


def _draw(confidence: Sample, right: Sample) -> Figure:
    drawn, axes = figure_grid(1, 2, 4.9, 2.5, width_ratios=(1.1, 1))
    reliability, histogram = axes[0]
    which = bins_of(confidence)
    edges = np.arange(BINS + 1) / BINS
    counts = np.bincount(which, minlength=BINS)
    _draw_reliability(reliability, which, counts, right, edges)
    histogram.bar(edges[:-1], 100 * counts / len(which), width=1 / BINS * 0.9, align="edge", color=PALETTE[5])
    histogram.axvline(confidence.mean(), color=PALETTE[1], linewidth=1.4, ymax=BELOW_LEGEND, label="mean confidence")
    histogram.axvline(
        right.mean(), color=PALETTE[0], linewidth=1.4, linestyle="--", ymax=BELOW_LEGEND, label="accuracy"
    )
    histogram.set(title="how sure it is", xlabel="confidence", ylabel="answers (%)", xlim=(0, 1.01))
    histogram.xaxis.set_major_formatter(PercentFormatter(1))
    histogram.margins(y=1 / BELOW_LEGEND - 1)
    histogram.legend(loc="upper left")
    return drawn


def _draw_reliability(axes: Axes, which: np.ndarray, counts: np.ndarray, right: Sample, edges: np.ndarray) -> None:
    axes.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--")
    for number in np.flatnonzero(counts):
        share = proportion_interval(int(right[which == number].sum()), int(counts[number]))
        middle = (edges[number] + edges[number + 1]) / 2
        axes.bar(middle, share.value, width=0.9 / BINS, color=PALETTE[0], alpha=0.75)
        axes.vlines(middle, share.low, share.high, color=INK, linewidth=1)
    axes.set(title="right when it says so?", xlabel="confidence", ylabel="right answers", xlim=(0, 1), ylim=(0, 1.02))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1))


INSTRUMENT = Instrument(
    name="calibration",
    title="Whether it is as sure as it should be",
    term="calibration (ECE)",
    chapter="what it is",
    examine=examine,
    order=30,
)
