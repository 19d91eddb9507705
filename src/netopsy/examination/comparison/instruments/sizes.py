"""What the two networks are made of, and what a sample costs in each."""

from __future__ import annotations

from netopsy.examination.comparison.differences import differences, operations_of, parameters_of
from netopsy.examination.comparison.pair import Pair
from netopsy.examination.finding import Finding, Number
from netopsy.examination.instrument import Instrument
from netopsy.examination.subject import evaluate_outputs
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
    figures: dict[str, Number] = {}
    for what, counts in (("parameters", parameters), ("operations for one sample", operations)):
        figures |= {f"{what}, {letter}": count for letter, count in counts.items()}
    alike = "one architecture" if pair.one_architecture else "two architectures"
    said = [
        f"{apart[name].value:+.0f} % {words}"
        for name, words in (("parameters", "parameters"), ("operations", "operations"))
        if name in apart
    ]
    same = all(each.startswith(("+0 ", "-0 ")) for each in said)
    return Finding(
        sentence=(
            f"The two are of {alike}" + (", and of one size." if same else f": B has {' and '.join(said)} beside A.")
        ),
        glance="of one size" if same else f"B beside A: {said[0]}",
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
            (f"time for {min(TIMED, len(pair.a.data))} samples", *(f"{times[letter]:.3g} ms" for letter in subjects)),
        ),
        code=("for model in (model_a, model_b):\n    print(sum(weight.numel() for weight in model.parameters()))"),
    )


INSTRUMENT = Instrument(
    name="sizes",
    title="How large they are",
    term="parameters, FLOPs, latency",
    chapter="what they are",
    examine=examine,
    order=10,
    passes=lambda pair: 8.0 * TIMED,
)
