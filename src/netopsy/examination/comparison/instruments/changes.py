"""The samples on which one of the two is right and the other is wrong."""

from __future__ import annotations

from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import INK, PALETTE, figure_grid
from netopsy.core.finding import Finding, Number, Picture
from netopsy.examination.comparison.pair import Pair
from netopsy.examination.drawing import show_image
from netopsy.examination.instrument import Instrument

COLUMNS = 5
"""Samples of each kind that are shown."""
LISTED = 10


def examine(pair: Pair) -> Finding:
    """What B lost and what it gained, the surest answers first, as pictures and by name."""
    a, b = pair.right
    kinds = {"only A is right": (a & ~b).nonzero()[:, 0], "only B is right": (~a & b).nonzero()[:, 0]}
    surest = {kind: _surest(pair, which, "B" if kind.startswith("only A") else "A") for kind, which in kinds.items()}
    lost, gained = (len(which) for which in kinds.values())
    figures: dict[str, Number] = {
        "only A is right": lost,
        "only B is right": gained,
        "both wrong, with different answers": int((~a & ~b & (pair.answers[0] != pair.answers[1])).sum()),
    }
    rows = [
        (kind, pair.called(i), pair.a.class_name(int(pair.a.labels[i])), pair.answer("A", i), pair.answer("B", i))
        for kind, which in surest.items()
        for i in which[:LISTED].tolist()
    ]
    return Finding(
        sentence=_sentence(pair, surest, lost, gained),
        glance=f"B lost {lost:,} and gained {gained:,} right answers",
        advice=(
            "Look at these one by one (all are in `changes.csv`): what B lost is what its users will notice."
            if lost
            else "B answers right whatever A does."
        ),
        reading=(
            "Above, samples that A has right and B has not; below, the reverse. First come those on which the wrong "
            "one was surest. The first name is the label, the second the wrong answer. A sample whose label looks "
            "wrong is a fault of the data, not of a network."
        ),
        pictures=(
            (Picture.of(_draw(pair, surest), "Images that only A answers right, and images that only B answers right"),)
            if pair.a.is_image_model and lost + gained
            else ()
        ),
        figures=figures,
        table=(("right", "sample", "label", "A", "B"), *rows) if rows else (),
        code=(
            "from netopsy.training import evaluate\n\n"
            "a, b = (evaluate(model, data).outputs.argmax(1) == data.targets.cpu() for model in (model_a, model_b))\n"
            "print((a & ~b).nonzero()[:, 0].tolist(), (~a & b).nonzero()[:, 0].tolist())"
        ),
    )


def _surest(pair: Pair, which: Tensor, letter: str) -> Tensor:
    """Samples, those first on which the network of that letter is surest."""
    confidence = pair.subjects[letter].probabilities.amax(1)[which]
    return which[confidence.argsort(descending=True, stable=True)]


def _sentence(pair: Pair, surest: dict[str, Tensor], lost: int, gained: int) -> str:
    if not lost + gained:
        return "The two have the same samples right, every one of them."
    text = f"B has lost {lost:,} right answers of A and gained {gained:,}"
    if not lost:
        return f"{text}."
    first = int(surest["only A is right"][0])
    sure = 100 * float(pair.b.probabilities[first].max())
    return (
        f"{text}; of what it lost it is surest of a sample of {pair.a.class_name(int(pair.a.labels[first]))}, which it "
        f"takes for {pair.answer('B', first)} at {sure:.0f} %."
    )


def _draw(pair: Pair, surest: dict[str, Tensor]) -> Figure:
    kinds = {kind: which for kind, which in surest.items() if len(which)}
    columns = max(min(COLUMNS, len(which)) for which in kinds.values())
    drawn, grid = figure_grid(len(kinds), columns, 1.25 * max(columns, 2), 1.75 * len(kinds))
    images = pair.a.data.images
    for row, (kind, which), colour in zip(grid, kinds.items(), (PALETTE[1], PALETTE[2]), strict=False):
        wrong = pair.b if kind == "only A is right" else pair.a
        for ax in row[len(which) :]:
            ax.set_axis_off()
        for ax, index in zip(row, which[:columns].tolist(), strict=False):
            show_image(ax, images[index])
            label, answer = (int(each[index]) for each in (pair.a.labels, wrong.predictions))
            ax.set_title(f"{pair.a.class_label(label, 14)}\n{wrong.class_label(answer, 14)}", fontsize=7, color=INK)
        row[0].set_ylabel(kind, fontsize=8, color=colour)
    return drawn


INSTRUMENT = Instrument(
    name="changes",
    title="What B lost and what it gained",
    term="prediction changes",
    chapter="where their answers differ",
    examine=examine,
    order=20,
    passes=lambda pair: float(len(pair.a.data)),
)
