"""How small the network could have been from the start: a search for a winning ticket, as far as the depth allows."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.core.finding import Finding, Picture
from netopsy.core.seeds import derive
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.instruments.pruning import why_not as nothing_to_prune
from netopsy.examination.subject import Subject
from netopsy.lab.statistics import Estimate, bootstrap_mean
from netopsy.sparsity.lottery_ticket import IMPResult, iterative_magnitude_pruning, reinitialise
from netopsy.training import Evaluation, fit, trainer

FEWEST, MOST = 2, 4
TARGET = 0.05
"""Share of weights the last round keeps."""
SHARE = 8.0


def why_not(subject: Subject) -> str | None:
    """It needs to train."""
    if subject.train is None or subject.recipe is None:
        return "it trains the network again from new initial values, for which it needs the training data and a recipe"
    return nothing_to_prune(subject)


def examine(subject: Subject) -> Finding:
    """Iterative magnitude pruning of a fresh copy, and the last mask on other initial values."""
    assert subject.train is not None
    assert subject.recipe is not None
    init, rounds = subject.initialiser, _rounds(subject)
    rate = 1 - TARGET ** (1 / rounds)
    train = trainer(subject.train, subject.recipe, seed=subject.seed)
    network = reinitialise(subject.model, init=init, seed=derive(subject.seed, "ticket"))
    found = iterative_magnitude_pruning(
        network,
        train,
        rounds,
        rate=rate,
        exclude=subject.idle_layers,
        evaluate=lambda trained: subject.evaluated(trained, subject.data),
    )
    control = reinitialise(network, found.masks[-1], init=init, seed=derive(subject.seed, "reinit"))
    fit(control, subject.train, subject.recipe, seed=subject.seed, masks=found.masks[-1])
    other = subject.evaluated(control, subject.data)
    gain = bootstrap_mean(100 * _hits(subject, found.metrics[-1]), 100 * _hits(subject, other))
    return _finding(subject, found, other, gain)


def _finding(subject: Subject, found: IMPResult, other: Evaluation, gain: Estimate) -> Finding:
    dense, ticket = found.metrics[0].accuracy, found.metrics[-1].accuracy
    kept = found.density[-1]
    assert subject.recipe is not None
    recipe = subject.recipe
    sign = "+" if gain.value >= 0 else ""
    return Finding(
        sentence=(
            f"A network with {100 * kept:.1f} % of the weights, trained alone from the start, reaches "
            f"{100 * ticket:.1f} % where the dense one reaches {100 * dense:.1f} %; its own initial values are worth "
            f"{sign}{gain.value:.1f} points [{gain.low:.1f}, {gain.high:.1f}] against new ones under the same mask."
        ),
        glance=f"{100 * kept:.1f} % of the weights, trained alone, reach {100 * ticket:.1f} %",
        advice=(
            "A network this small can be trained from its own initial values; train several seeds before relying on it."
            if gain.low > 0
            else "The mask alone does it: a network of this size can be trained from new values."
        ),
        reading=(
            "A fresh copy of the network was trained, its smallest weights removed, and the rest put back to their "
            f"initial values and trained again, {len(found.density) - 1} times over; each training is {recipe.steps:,} "
            f"steps of {recipe.optimizer} at a learning rate of {recipe.lr:g}, {recipe.batch_size} samples each. The "
            "line is what these sparse "
            "networks reach; the square is the last mask with other initial values. This is one run with one seed: "
            "the interval is over the held-out samples and says nothing about other seeds."
        ),
        pictures=(
            Picture.of(_draw(found, other.accuracy), "Accuracy of sparse networks against the share of weights kept"),
        ),
        figures={
            "rounds": len(found.density) - 1,
            "weights kept": round(kept, 4),
            "accuracy, dense": round(dense, 4),
            "accuracy, ticket": round(ticket, 4),
            "accuracy, same mask with new initial values": round(other.accuracy, 4),
        },
        code=(
            "from netopsy.sparsity.lottery_ticket import iterative_magnitude_pruning\n"
            "from netopsy.training import Recipe, evaluate, trainer\n\n"
            "train = trainer(data, Recipe(steps=100))  # your training data and recipe\n"
            "found = iterative_magnitude_pruning(\n"
            "    model, train, rounds=2, rate=0.5, evaluate=lambda trained: evaluate(trained, data).accuracy\n"
            ")\n"
            "found.density, found.metrics"
        ),
    )


def _rounds(subject: Subject) -> int:
    """How many rounds a network of this size gets, beside the dense network and the control."""
    assert subject.recipe is not None
    rounds = min(subject.affordable(_passes_a_training(subject), MOST + 2, share=SHARE), MOST + 4) - 2
    if rounds < FEWEST:
        raise NotNow(
            f"{FEWEST + 2} trainings of {subject.recipe.steps:,} steps are the least, and more than an examination of "
            f"depth {subject.depth} spends on a network of this size"
        )
    return rounds


def _passes_a_training(subject: Subject) -> float:
    assert subject.recipe is not None
    return 3.0 * subject.recipe.steps * subject.recipe.batch_size


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    return _passes_a_training(subject) * (_rounds(subject) + 2)


def _hits(subject: Subject, evaluation: Evaluation) -> np.ndarray:
    return (evaluation.outputs.argmax(1) == subject.labels).numpy().astype(float)


def _draw(found: IMPResult, control: float) -> Figure:
    drawn, axes = figure(5.6, 3.2)
    kept = [100 * share for share in found.density]
    axes.plot(kept, [100 * each.accuracy for each in found.metrics], marker="o", label="ticket: own initial values")
    axes.plot(kept[-1:], [100 * control], "s", color=PALETTE[1], label="same mask, new initial values")
    axes.axhline(100 * found.metrics[0].accuracy, linestyle="--", linewidth=1, color=INK)
    axes.set(xscale="log", xlabel="weights kept (%)", ylabel="accuracy after training (%)")
    axes.set_xticks(kept, [f"{share:.3g}" for share in kept])
    axes.minorticks_off()
    axes.invert_xaxis()
    axes.legend()
    return drawn


INSTRUMENT = Instrument(
    name="tickets",
    title="What it could have been from the start",
    term="lottery ticket",
    chapter="how small it could be",
    examine=examine,
    applies=why_not,
    papers=("lottery-ticket",),
    order=20,
    passes=passes,
    worth=100,
)
