"""Whose confidence can be taken at its word."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from netopsy.core.calibration import calibration_error
from netopsy.core.drawing import INK, PALETTE, figure_grid
from netopsy.core.finding import Finding, Number, Picture, Verdict
from netopsy.examination.comparison.differences import differences
from netopsy.examination.comparison.pair import Pair
from netopsy.examination.instrument import Instrument

Sample = NDArray[np.float64]

GROUPS = 8
"""Of equally many answers, for the curve."""


def examine(pair: Pair) -> Finding:
    """Calibration error, likelihood and Brier score of both, paired over samples; confidence where they differ."""
    sure = {letter: each.probabilities.double().amax(1).numpy() for letter, each in pair.subjects.items()}
    right = dict(zip("AB", (each.double().numpy() for each in pair.right), strict=True))
    errors = {letter: calibration_error(sure[letter], right[letter]) for letter in "AB"}
    found = {name: each for name, each in differences(pair).items() if name in ("ece", "nll", "brier")}
    apart = (pair.answers[0] != pair.answers[1]).numpy()
    figures: dict[str, Number] = {
        **{f"expected calibration error, {letter}": round(error, 4) for letter, error in errors.items()},
        **{f"mean confidence, {letter}": round(float(each.mean()), 4) for letter, each in sure.items()},
    }
    if apart.any():
        figures |= {
            f"mean confidence where they differ, {letter}": round(float(each[apart].mean()), 4)
            for letter, each in sure.items()
        }
    ece = found["ece"]
    low, high = float(ece.low or 0), float(ece.high or 0)
    verdict: Verdict = "doubtful" if low > 0 else "good" if high < 0 else "plain"
    return Finding(
        sentence=(
            f"The confidence of B is off by {100 * errors['B']:.1f} points on average and that of A by "
            f"{100 * errors['A']:.1f}: {ece.value:+.1f} points, 95 % interval {low:+.1f} to {high:+.1f}."
        ),
        glance=f"calibration error, B less A: {ece.value:+.1f} points",
        verdict=verdict,
        advice=(
            "Calibrate B anew (temperature scaling) before its probabilities are used where those of A were."
            if low > 0
            else "A threshold on confidence that was set for A is not one for B: set it anew."
        ),
        reading=(
            f"On the left, answers in {GROUPS} groups of equal size by how sure the network was: how many of them were "
            "right, on the diagonal if its confidence can be taken at its word. On the right, how sure the two are of "
            "the same samples: far from the diagonal, one is sure and the other is not. The table holds proper scores "
            "of the whole distribution; below 0, B is better, and an interval that holds 0 decides nothing. All "
            "intervals are over samples, drawn alike for both."
        ),
        pictures=(
            Picture.of(
                _draw(sure, right, apart),
                "Reliability curves of A and B, and the confidence of B against that of A, sample by sample",
            ),
        ),
        figures=figures,
        table=(
            ("B less A", "difference", "95 % interval"),
            *(
                (each.words, f"{each.value:+.4g} {each.unit}".strip(), f"{each.low:+.4g} to {each.high:+.4g}")
                for each in found.values()
            ),
        ),
        code=(
            "from netopsy.core.calibration import expected_calibration_error\n"
            "from netopsy.training import evaluate\n\n"
            "for model in (model_a, model_b):\n"
            "    print(expected_calibration_error(evaluate(model, data).outputs.softmax(1), data.targets.cpu()))"
        ),
    )


def _draw(sure: dict[str, Sample], right: dict[str, Sample], apart: NDArray[np.bool_]) -> Figure:
    drawn, axes = figure_grid(1, 2, 5.4, 2.7)
    reliability, plane = axes[0]
    reliability.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--")
    lowest = 1.0
    for letter, colour in (("A", PALETTE[5]), ("B", PALETTE[0])):
        groups = np.array_split(np.argsort(sure[letter], kind="stable"), min(GROUPS, len(sure[letter])))
        points = [(sure[letter][group].mean(), right[letter][group].mean()) for group in groups]
        lowest = min(lowest, *(min(point) for point in points))
        reliability.plot(*zip(*points, strict=True), "o-", color=colour, markersize=3.5, linewidth=1.4, label=letter)
    reliability.set(title="right when it says so?", xlabel="confidence", ylabel="right answers")
    reliability.set(xlim=(lowest - 0.05, 1.02), ylim=(lowest - 0.05, 1.02))
    reliability.legend(loc="upper left")
    for chosen, colour, words in ((~apart, PALETTE[5], "same answer"), (apart, PALETTE[1], "two answers")):
        plane.plot(sure["A"][chosen], sure["B"][chosen], ".", color=colour, markersize=4, alpha=0.6, label=words)
    plane.plot([0, 1], [0, 1], color=INK, linewidth=1, linestyle="--")
    least = min(float(each.min()) for each in sure.values())
    plane.set(title="sample by sample", xlabel="confidence of A", ylabel="confidence of B")
    plane.set(xlim=(least - 0.02, 1.02), ylim=(least - 0.02, 1.02))
    plane.legend(loc="lower left")
    for axis in (reliability.xaxis, reliability.yaxis, plane.xaxis, plane.yaxis):
        axis.set_major_formatter(PercentFormatter(1))
    return drawn


INSTRUMENT = Instrument(
    name="confidence",
    title="Whose confidence can be taken at its word",
    term="calibration (ECE), NLL, Brier score",
    chapter="how sure they are",
    examine=examine,
    order=10,
    passes=lambda pair: float(len(pair.a.data)),
)
