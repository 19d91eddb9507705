"""Which of the two is right more often, and how often they answer the same."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from netopsy.core.drawing import PALETTE, figure
from netopsy.core.finding import Finding, Number, Picture, Verdict
from netopsy.examination.comparison.differences import class_recalls, differences
from netopsy.examination.comparison.pair import Pair
from netopsy.examination.comparison.paired import beyond_chance, mcnemar
from netopsy.examination.instrument import Instrument

MOST = 25
"""Classes in the picture: with more, those whose recall differs most."""
SURE = 0.05


def examine(pair: Pair) -> Finding:
    """The paired difference of accuracy, McNemar's exact test, agreement beyond chance, and the classes that moved."""
    a, b = (right.numpy() for right in pair.right)
    accuracy, agreement = differences(pair)["accuracy"], differences(pair)["agreement"]
    p = mcnemar(a, b)
    kappa = beyond_chance(*(each.numpy() for each in pair.answers))
    errors = beyond_chance(a.astype(np.int64), b.astype(np.int64))
    counts = {
        "both right": int((a & b).sum()),
        "only A right": int((a & ~b).sum()),
        "only B right": int((~a & b).sum()),
        "both wrong": int((~a & ~b).sum()),
    }
    figures: dict[str, Number] = {
        "accuracy, A": round(float(a.mean()), 4),
        "accuracy, B": round(float(b.mean()), 4),
        "accuracy, B less A (points)": round(accuracy.value, 3),
        "interval, low": round(accuracy.low or 0.0, 3),
        "interval, high": round(accuracy.high or 0.0, 3),
        "p of McNemar's exact test": float(f"{p:.3g}"),
        "samples": len(a),
        **counts,
        "same answer (%)": round(agreement.value, 2),
        "agreement of answers beyond chance (kappa)": round(kappa, 4),
        "agreement of being right beyond chance (error consistency)": round(errors, 4),
    }
    worse, better = p < SURE and accuracy.value < 0, p < SURE and accuracy.value > 0
    verdict: Verdict = "doubtful" if worse else "good" if better else "plain"
    return Finding(
        sentence=_sentence(figures, counts, p),
        glance=f"B less A: {accuracy.value:+.1f} points [{accuracy.low:+.1f}, {accuracy.high:+.1f}]",
        verdict=verdict,
        advice=_advice(pair, worse, better),
        reading=(
            "Every sample counts once, for both networks: only those that one alone has right speak for it, and "
            "McNemar's exact test asks whether they could be halves of a coin. The interval of the difference (Bonett "
            "and Price 2012) is over samples: it says how far other samples of this kind could move it, not what two "
            "other training runs would give. In the picture, each class is an arrow from the share of its samples that "
            "A finds to the share that B finds. Kappa is 1 for answers that are always the same and 0 for as many as "
            "chance would make alike; error consistency asks the same of being right: two networks of 95 % share most "
            "of their right answers in any case."
        ),
        pictures=(
            Picture.of(
                _draw(pair),
                "For each class the share of its samples that A finds and that B finds",
                f"The {MOST} classes that differ most." if len(class_recalls(pair)) > MOST else "",
            ),
        ),
        figures=figures,
        table=(
            ("", "B right", "B wrong"),
            ("A right", f"{counts['both right']:,}", f"{counts['only A right']:,}"),
            ("A wrong", f"{counts['only B right']:,}", f"{counts['both wrong']:,}"),
        ),
        code=(
            "from netopsy.examination.comparison.paired import difference_of_shares, mcnemar\n"
            "from netopsy.training import evaluate\n\n"
            "a, b = ((evaluate(model, data).outputs.argmax(1) == data.targets.cpu()).numpy()\n"
            "        for model in (model_a, model_b))\n"
            'print(f"{difference_of_shares(a, b):+.1%}", mcnemar(a, b))'
        ),
    )


def _sentence(figures: dict[str, Number], counts: dict[str, int], p: float) -> str:
    text = (
        f"B answers {100 * float(figures['accuracy, B']):.1f} % right and A {100 * float(figures['accuracy, A']):.1f} "
        f"%: {float(figures['accuracy, B less A (points)']):+.1f} points, 95 % interval "
        f"{float(figures['interval, low']):+.1f} to {float(figures['interval, high']):+.1f}; "
        f"{counts['only B right']:,} samples only B has right, {counts['only A right']:,} only A"
    )
    if p < SURE:
        return f"{text}, which chance hardly does (p = {p:.2g})."
    return f"{text}, which chance can do (p = {p:.2g})."


def _advice(pair: Pair, worse: bool, better: bool) -> str:
    if worse:
        fallen = _moved(pair)[0]
        return f"Look at what B has lost before it takes the place of A: most of all {fallen[0]}."
    if better:
        return "Look at what B has lost all the same: a better network still breaks what some rely on."
    return "Nothing here decides between them: take more samples, or let size and speed decide."


def _moved(pair: Pair) -> list[tuple[str, str, float, float]]:
    """Name, label, and both recalls of every class, the largest losses first."""
    recalls = class_recalls(pair)
    order = sorted(recalls, key=lambda number: recalls[number][1] - recalls[number][0])
    return [(pair.a.class_name(k), pair.a.class_label(k), *recalls[k][:2]) for k in order]


def _draw(pair: Pair) -> Figure:
    rows = _moved(pair)
    if len(rows) > MOST:
        chosen = sorted(rows, key=lambda row: -abs(row[3] - row[2]))[:MOST]
        rows = [row for row in rows if row in chosen]
    drawn, axes = figure(5.0, 0.22 * len(rows) + 1.0)
    for place, (_, _, before, after) in enumerate(rows):
        colour = PALETTE[1] if after < before else PALETTE[2]
        axes.plot([100 * before, 100 * after], [place, place], color=colour, linewidth=2.2, alpha=0.7)
    for letter, column, colour in (("A", 2, PALETTE[5]), ("B", 3, PALETTE[0])):
        values = [100 * float(row[column]) for row in rows]  # type: ignore[arg-type]
        axes.plot(values, range(len(rows)), "o", color=colour, markersize=5, label=letter)
    axes.set_yticks(range(len(rows)), [row[1] for row in rows])
    axes.set(xlabel="samples of the class that are found (%)", ylim=(len(rows) - 0.4, -0.6))
    axes.set_xlim(right=101)
    axes.legend(loc="lower left")
    return drawn


INSTRUMENT = Instrument(
    name="answers",
    title="Which is right more often",
    term="accuracy, McNemar's test",
    chapter="where their answers differ",
    examine=examine,
    order=10,
    passes=lambda pair: float(len(pair.a.data)),
)
