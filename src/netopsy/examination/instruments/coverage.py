"""How right the network is on the answers that it is surest of: what it may be trusted with unattended."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.core.finding import Finding, Number, Picture
from netopsy.examination.instrument import Instrument
from netopsy.examination.subject import Subject
from netopsy.lab.statistics import Estimate, proportion_interval

THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)
WANTED = 0.99
"""The accuracy that is looked for."""
WIDE = 0.25
"""The share of samples that are to be answered so, for the finding to speak for the network."""


def examine(subject: Subject) -> Finding:
    """Accuracy among answers above each confidence, and the area under the risk-coverage curve against its best."""
    confidence = subject.probabilities.amax(1).double().numpy()
    right = (subject.predictions == subject.labels).numpy()
    rows = [(least, *_above(confidence, right, least)) for least in THRESHOLDS]
    coverage, risk = risk_coverage(confidence, right)
    area, best, chance = areas(coverage, risk, right)
    kept = [(least, found, share) for least, found, share in rows if found is not None]
    row = next((one for one in kept if one[1].value >= WANTED), kept[-1] if kept else None)
    least, found, share = row if row is not None else (0.0, proportion_interval(int(right.sum()), len(right)), 1.0)
    useful = area < chance
    figures: dict[str, Number] = {
        "area under the risk-coverage curve": round(area, 4),
        "least possible": round(best, 4),
        "confidence that says nothing": round(chance, 4),
    }
    return Finding(
        sentence=(
            f"Answers above {least:.2f} are {100 * found.value:.1f} % right [{100 * found.low:.1f}, "
            f"{100 * found.high:.1f}] on {100 * share:.0f} % of samples; all are {100 * right.mean():.1f} % right."
        ),
        glance=f"above {least:.2f}: {100 * found.value:.1f} % right on {100 * share:.0f} % of samples",
        verdict="doubtful" if not useful else "good" if found.value >= WANTED and share >= WIDE else "plain",
        advice=(
            f"Let it answer alone above {least:.2f} and hand the rest to a person."
            if useful
            else "Its confidence does not sort right answers from wrong ones: do not select by it."
        ),
        reading=(
            "Answers are sorted by confidence. The curve is the error among the surest share of them; the lower it "
            "starts and the later it rises, the better confidence tells right from wrong. The dotted line is what a "
            "confidence that says nothing would give, the dashed one the best that is possible with as many mistakes. "
            "A threshold chosen here holds for data like these."
        ),
        pictures=(Picture.of(_draw(coverage, risk, right), "Error among the surest answers against the share kept"),),
        figures=figures,
        table=(
            ("above", "samples answered", "right", "95 % interval"),
            *(
                (
                    f"{least:.2f}",
                    f"{100 * share:.1f} %",
                    "–" if found is None else f"{100 * found.value:.1f} %",
                    "–" if found is None else f"{100 * found.low:.1f} to {100 * found.high:.1f} %",
                )
                for least, found, share in rows
            ),
        ),
        code=(
            "from netopsy.training import evaluate\n\n"
            "confidence, answer = evaluate(model, data).outputs.softmax(1).max(1)\n"
            "right = answer == data.targets.cpu()\n"
            f"kept = confidence >= {least}\n"
            "print(kept.float().mean(), right[kept].float().mean())"
        ),
    )


def risk_coverage(
    confidence: NDArray[np.float64], right: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share of answers kept, the surest first, and the error among them; equal confidences are kept together.

    >>> shares, errors = risk_coverage(np.array([0.9, 0.6, 0.6, 0.5]), np.array([True, True, False, False]))
    >>> shares.tolist(), errors.round(3).tolist()
    ([0.25, 0.75, 1.0], [0.0, 0.333, 0.5])
    """
    order = np.argsort(-confidence, kind="stable")
    last = np.append(np.diff(confidence[order]) != 0, True)
    count = np.arange(1, len(order) + 1)
    wrong = np.cumsum(~right[order])
    return (count / len(order))[last], (wrong / count)[last]


def areas(
    coverage: NDArray[np.float64], risk: NDArray[np.float64], right: NDArray[np.bool_]
) -> tuple[float, float, float]:
    """The mean error over coverages, the least that is possible with as many mistakes, and that of no order at all."""
    weights = np.diff(np.append(0.0, coverage))
    wrong = int((~right).sum())
    count = np.arange(1, len(right) + 1)
    ideal = np.maximum(0, count - (len(right) - wrong)) / count
    return float((risk * weights).sum()), float(ideal.mean()), wrong / len(right)


def _above(confidence: NDArray[np.float64], right: NDArray[np.bool_], least: float) -> tuple[Estimate | None, float]:
    kept = confidence >= least
    found = proportion_interval(int(right[kept].sum()), int(kept.sum())) if kept.any() else None
    return found, float(kept.mean())


def _draw(coverage: NDArray[np.float64], risk: NDArray[np.float64], right: NDArray[np.bool_]) -> Figure:
    drawn, axes = figure(4.8, 2.8)
    wrong, count = int((~right).sum()), np.arange(1, len(right) + 1)
    axes.plot(100 * coverage, 100 * risk, drawstyle="steps-post", color=PALETTE[0], label="by confidence")
    axes.plot(100 * count / len(right), 100 * np.maximum(0, count - (len(right) - wrong)) / count, "--", color=INK,
              linewidth=1, label="best possible")  # fmt: skip
    axes.axhline(100 * wrong / len(right), linestyle=":", color=INK, linewidth=1, label="no order")
    axes.set(xlabel="answers kept, the surest first (%)", ylabel="error among them (%)", xlim=(0, 101), ylim=(0, None))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn


INSTRUMENT = Instrument(
    name="coverage",
    title="What it may answer alone",
    chapter="where it fails",
    examine=examine,
    term="selective prediction",
    order=10,
    worth=5,
)
