"""How many directions its training needs: fresh copies trained in random subspaces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from matplotlib.figure import Figure

from netopsy.core.drawing import figure
from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Picture
from netopsy.core.seeds import derive
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.subject import Subject
from netopsy.landscape.intrinsic_dimension import (
    IDResult,
    NotReachedError,
    SubspaceModel,
    dimension_from_curve,
    fit_subspaces,
    rate_for,
    subspace_trainer,
)
from netopsy.sparsity.lottery_ticket import reinitialise
from netopsy.training import Recipe

COARSELY = (100, 800)
DIMS = {"quick": COARSELY, "normal": (100, 300, 900, 2700), "thorough": (50, 100, 200, 400, 800, 1600, 3200)}
REPEATS = 3
THRESHOLD = 0.9
RATE = 1e-3
"""Of Adam, in the space of all parameters, where the recipe's is that of another optimiser."""
SHARE = 12.0


def why_not(subject: Subject) -> str | None:
    """It needs to train."""
    if subject.train is None or subject.recipe is None:
        return "it trains the network again in random subspaces, for which it needs the training data and a recipe"
    if parameters(subject) < DIMS["quick"][0]:
        return f"it has fewer than {DIMS['quick'][0]} trainable parameters"
    return None


def examine(subject: Subject) -> Finding:
    """Train fresh copies directly, then in subspaces of more and more dimensions until nine tenths are reached."""
    if not _affordable(subject, dims(subject)):
        assert subject.recipe is not None
        raise NotNow(
            f"{REPEATS * (1 + len(dims(subject)))} trainings of {subject.recipe.steps:,} steps are the least, and more "
            f"than an examination of depth {subject.depth} spends on a network of this size"
        )
    direct, curve = _curve(subject.in_single_precision)
    if not curve:
        raise NotNow(
            f"nine tenths of the accuracy of direct training, {100 * np.mean(direct):.1f} %, are no more than always "
            "answering the commonest class reaches: take a recipe that trains the network"
        )
    try:
        found = dimension_from_curve(
            list(curve),
            list(curve.values()),
            THRESHOLD * np.array(direct),
            baseline=float(np.mean(direct)),
            full=parameters(subject),
        )
    except NotReachedError as error:
        raise NotNow(f"a subspace of more dimensions than this depth tries is needed: {error}") from None
    return _finding(found)


def _curve(subject: Subject) -> tuple[list[float], dict[int, list[float]]]:
    """Accuracies of direct training, and of training in subspaces by dimension: none where it has learned nothing."""
    assert subject.train is not None
    assert subject.recipe is not None
    seeds = [derive(subject.seed, "intrinsic dimension", number) for number in range(REPEATS)]
    starts = [reinitialise(subject.model, init=subject.initialiser, seed=seed) for seed in seeds]
    adam = subject.recipe.optimizer == "adam"
    own = subject.recipe if adam else replace(subject.recipe, optimizer="adam", lr=RATE)
    direct = []
    for start, seed in zip(starts, seeds, strict=True):
        copy = SubspaceModel(start, 1).materialise()
        subspace_trainer(subject.train, subject.recipe)(copy, seed)
        direct.append(subject.evaluated(copy, subject.data).accuracy)
    curve: dict[int, list[float]] = {}
    if THRESHOLD * np.mean(direct) <= commonest(subject):
        return direct, curve
    for dimension in dims(subject):
        subspaces = [SubspaceModel(start, dimension, seed=seed) for start, seed in zip(starts, seeds, strict=True)]
        curve[dimension] = _reached(subject, subspaces, own, seeds)
        if all(one >= THRESHOLD * base for one, base in zip(curve[dimension], direct, strict=True)):
            break
    return direct, curve


def commonest(subject: Subject) -> float:
    """The accuracy of always answering the commonest class."""
    return float(subject.labels.bincount().max()) / len(subject.labels)


def _reached(subject: Subject, subspaces: list[SubspaceModel], own: Recipe, seeds: list[int]) -> list[float]:
    assert subject.train is not None
    dimension = subspaces[0].dimension
    try:
        scaled = replace(own, lr=rate_for(subspaces[0], own.lr))
        runs = fit_subspaces(subspaces, subject.train, scaled, [dimension], seeds=seeds)
        trained = [run.model for run in runs]
    except InputError:  # they cannot run as a stack
        trained = subspaces
        for each, seed in zip(subspaces, seeds, strict=True):
            subspace_trainer(subject.train, own)(each, seed)
    return [subject.evaluated(each, subject.data).accuracy for each in trained]


def _finding(found: IDResult) -> Finding:
    low, high = found.interval
    d, full = found.dimension, found.full or 1
    assert found.baseline is not None
    at_first = d <= found.dims[0]
    span = f"[{low:.0f}, {high:.0f}]" if np.isfinite(high) else f"({low:.0f} or more)"
    about = f"at most {d:.0f}" if at_first else f"about {d:.0f} {span}"
    return Finding(
        sentence=(
            f"Training along {about} random directions out of {full:,} parameters reaches {100 * THRESHOLD:.0f} % of "
            f"the accuracy of direct training, which is {100 * found.baseline:.1f} %."
        ),
        glance=f"{'at most' if at_first else 'about'} {d:.0f} random directions of {full:,} reach 90 % of its accuracy",
        advice=(
            f"The seed of the directions and {d:.0f} numbers store such a network in about {4 * d / 1000:.1g} kB; "
            "compare this number between data sets or architectures to tell which problem is harder."
        ),
        reading=(
            f"{REPEATS} fresh copies of the network were trained directly, and in random subspaces through their first "
            "weights with more and more dimensions. Each dot is one copy, the line their mean, the dashed line nine "
            "tenths of direct training; where the mean crosses it is the intrinsic dimension, with an interval over "
            "the copies. Training in a subspace uses Adam at a rate that grows with the root of how much smaller it "
            "is; a rate looked for at each dimension may find a somewhat smaller number."
        ),
        pictures=(Picture.of(_draw(found), "Accuracy against the dimension of the subspace"),),
        figures={"parameters": full, "intrinsic dimension": round(d, 1), "accuracy, direct": round(found.baseline, 4)}
        | ({"from": round(low, 1), "to": round(high, 1)} if np.isfinite([low, high]).all() else {})
        | {
            f"accuracy, {dimension} directions": round(float(scores.mean()), 4)
            for dimension, scores in zip(found.dims, found.scores, strict=True)
        },
        code=(
            "from netopsy.landscape.intrinsic_dimension import intrinsic_dimension, subspace_trainer\n"
            "from netopsy.sparsity.lottery_ticket import reinitialise\n"
            "from netopsy.training import Recipe, evaluate\n\n"
            "found = intrinsic_dimension(\n"
            '    lambda seed: reinitialise(model, init="he_normal", seed=seed),\n'
            "    subspace_trainer(data, Recipe(steps=20)),  # your training data and recipe\n"
            "    lambda trained: evaluate(trained, data).accuracy, (10, 100), threshold=0.1, repeats=1\n"
            ")\n"
            "found.dimension, found.interval"
        ),
    )


def dims(subject: Subject) -> list[int]:
    """The dimensions that are tried, as far as there are so many parameters: fewer where training takes long."""
    tried, few = ([each for each in own if each <= parameters(subject)] for own in (DIMS[subject.depth], COARSELY))
    return tried if len(tried) <= len(few) or _affordable(subject, tried) else few


def parameters(subject: Subject) -> int:
    """How many parameters train."""
    return sum(each.numel() for each in subject.model.parameters() if each.requires_grad)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes, where all dimensions are tried."""
    return _passes(subject, dims(subject))


def _passes(subject: Subject, tried: list[int]) -> float:
    assert subject.recipe is not None
    return 3.0 * subject.recipe.steps * subject.recipe.batch_size * REPEATS * (1 + len(tried))


def _affordable(subject: Subject, tried: list[int]) -> bool:
    return subject.affordable(_passes(subject, tried), 4, share=SHARE, fewest=0) >= 1


def _draw(found: IDResult) -> Figure:
    drawn, axes = figure(5.6, 3.2)
    found.plot(axes)
    axes.set(ylabel="accuracy")
    axes.set_xticks(found.dims, [str(each) for each in found.dims])
    axes.minorticks_off()
    return drawn


INSTRUMENT = Instrument(
    name="intrinsic_dimension",
    title="How many directions its training needs",
    term="intrinsic dimension",
    chapter="the shape of its loss",
    examine=examine,
    applies=why_not,
    papers=("intrinsic-dimension",),
    order=10,
    passes=passes,
    worth=120,
)
