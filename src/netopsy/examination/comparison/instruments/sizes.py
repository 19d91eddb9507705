"""What the two networks are made of, and what a sample costs in each."""

from __future__ import annotations

from torch import Tensor

from netopsy.core.finding import Finding, Number
from netopsy.examination.comparison.differences import differences, operations_of, parameters_of
from netopsy.examination.comparison.pair import Pair
from netopsy.examination.instrument import Instrument
from netopsy.examination.subject import Subject, evaluate_outputs
from netopsy.lab.costs import milliseconds_in_turns

TIMED = 32
"""Samples in a timed call."""


def examine(pair: Pair) -> Finding:
    """Parameters and operations of both, and the time of a batch, taken in turns."""
    subjects = pair.subjects
    parameters = {letter: parameters_of(each) for letter, each in subjects.items()}
    operations = {letter: operations_of(each) for letter, each in subjects.items()}
    calls = {
        letter: lambda each=each: evaluate_outputs(each.model, each.data.inputs[:TIMED])
        for letter, each in subjects.items()
    }
    times = milliseconds_in_turns(calls, rounds=3)
    apart = differences(pair)
    zeros = {letter: _zeros(each) for letter, each in subjects.items()}
    figures: dict[str, Number] = {}
    for what, counts in (("parameters", parameters), ("operations for one sample", operations)):
        figures |= {f"{what}, {letter}": count for letter, count in counts.items()}
    figures |= {f"weights that are 0 (%), {letter}": round(share, 2) for letter, share in zeros.items()}
    alike = "one architecture" if pair.one_architecture else "two architectures"
    said = [
        f"{apart[name].value:{'+.0f' if abs(apart[name].value) >= 10 else '+.2g'}} % {words}"
        for name, words in (("parameters", "parameters"), ("operations", "operations"))
        if name in apart
    ]
    same = all(apart[name].value == 0 for name in ("parameters", "operations") if name in apart)
    pruned = abs(zeros["A"] - zeros["B"]) >= 1
    return Finding(
        sentence=(
            f"The two are of {alike}"
            + (", and of one size." if same else f": B has {' and '.join(said)} beside A.")
            + (f" Of the weights of B {zeros['B']:.0f} % are 0, and of A {zeros['A']:.0f} %." if pruned else "")
        ),
        glance="of one size" + (f", {zeros['B']:.0f} % of B's weights 0" if pruned else "")
        if same
        else f"B beside A: {said[0]}",
        advice="" if same else "Read what follows with the sizes in mind: a smaller network may be allowed to lose.",
        reading=(
            "Operations are those of matrix products and convolutions, two for a multiplication with its addition. "
            "The times are of one batch through either network, taken in turns; they depend on the machine."
        ),
        figures=figures,
        table=(
            ("", "A", "B"),
            ("network", *(each.name for each in subjects.values())),
            ("parameters", *(f"{parameters[letter]:,}" for letter in subjects)),
            ("operations for one sample", *(f"{operations[letter]:,}" for letter in subjects)),
            ("weights that are 0", *(f"{zeros[letter]:.1f} %" for letter in subjects)),
            (f"time for {min(TIMED, len(pair.a.data))} samples", *(f"{times[letter]:.3g} ms" for letter in subjects)),
        ),
        code=("for model in (model_a, model_b):\n    print(sum(weight.numel() for weight in model.parameters()))"),
    )


def _zeros(subject: Subject) -> float:
    """Per cent of the entries of the matrices and kernels that layers use, masks applied."""
    weights = [
        value
        for module in subject.model.modules()
        if isinstance(value := getattr(module, "weight", None), Tensor) and value.ndim > 1
    ]
    return 100 * sum(int((each == 0).sum()) for each in weights) / max(1, sum(each.numel() for each in weights))


INSTRUMENT = Instrument(
    name="sizes",
    title="How large they are",
    term="parameters, FLOPs, latency",
    chapter="what they are",
    examine=examine,
    order=10,
    passes=lambda pair: 8.0 * TIMED,
)
