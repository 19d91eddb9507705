"""How small the network is already: a search for a sparse one among the weights it was trained to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure
from torch import nn

from netopsy.core.computed import copied
from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Picture
from netopsy.core.masks import prunable_parameters, zero_masked
from netopsy.core.seeds import derive
from netopsy.data import Dataset, batches_per_epoch
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.instruments.pruning import why_not as nothing_to_prune
from netopsy.examination.subject import Subject
from netopsy.lab.statistics import Estimate, bootstrap_mean
from netopsy.sparsity.criteria import keep_largest
from netopsy.sparsity.lottery_jackpots import Jackpot, find_jackpot
from netopsy.sparsity.lottery_jackpots.settings import output_layer
from netopsy.sparsity.lottery_ticket import reinitialise
from netopsy.training import Evaluation
from netopsy.training.recalibration import recalibrated

SPARSITY = 0.9
MOST, FEWEST = 240, 40
"""Steps of each of the two searches, at normal depth, and without which there is none."""
SHARE = 4.0
BATCH, SAMPLES, LOOKS = 100, 500, 8
"""Samples of a step, held-out samples at most, and how often they are looked at along a search."""


def why_not(subject: Subject) -> str | None:
    """It needs training data, and weights beside those of the classifier."""
    if subject.train is None:
        return "it searches on the training data, which were not given"
    nothing = nothing_to_prune(subject)
    if nothing is None and len(prunable_parameters(subject.model, exclude=subject.idle_layers)) < 2:
        return "its only layer of weights is the classifier, which stays whole"
    return nothing


def _plan(subject: Subject) -> tuple[int, int, int]:
    """Epochs, samples of a step, and steps between two looks."""
    assert subject.train is not None
    batch = min(BATCH, len(subject.train))
    steps = subject.affordable(2 * 3 * batch, MOST, share=SHARE)
    if steps < FEWEST:
        raise NotNow(
            f"{FEWEST} steps of each search are the least, and more than an examination of depth {subject.depth} "
            "spends on a network of this size"
        )
    epochs = max(1, round(steps / batches_per_epoch(len(subject.train), batch)))
    return epochs, batch, max(1, steps // LOOKS)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    epochs, batch, every = _plan(subject)
    assert subject.train is not None
    steps = epochs * batches_per_epoch(len(subject.train), batch)
    looks = 2 * (steps / every + 2) + 3
    return 2.0 * 3 * steps * batch + looks * min(SAMPLES, len(subject.data)) + min(10 * batch, len(subject.train))


@dataclass(frozen=True)
class _Found:
    """What was found, and what each network answers on the held-out samples."""

    jackpot: Jackpot
    control: Jackpot
    """The same search among weights drawn anew."""
    sparse: Evaluation
    dense: Evaluation
    pruned: Evaluation
    """The largest weights, without a search, the batch norms' statistics taken anew."""
    lost: Estimate
    """Points of accuracy, the sparse network less the dense one, over the held-out samples."""
    rule: str
    """Of the layer rates."""


def examine(subject: Subject) -> Finding:
    """A search from the magnitude mask among the trained weights, and the same one among new weights."""
    subject = subject.in_single_precision
    found = _search(subject)
    accuracy = {
        "the whole network": found.dense.accuracy,
        "a tenth of its weights, searched for": found.sparse.accuracy,
        "its largest weights": found.pruned.accuracy,
        "a tenth of new weights, searched for": float(found.control.history.accuracy["held out"][-1]),
    }
    whole, sparse, largest, fresh = (f"{100 * each:.1f} %" for each in accuracy.values())
    kept = sum(int(mask.sum()) for mask in found.jackpot.masks.values())
    weights = sum(mask.numel() for mask in found.jackpot.masks.values())
    steps = len(found.jackpot.history.train_loss)
    return Finding(
        sentence=(
            f"{kept:,} of {weights:,} weights ({100 * kept / weights:.0f} %), at the very values they were trained to, "
            f"reach {sparse} where the whole network reaches {whole}; the largest weights reach {largest} without a "
            f"search, and the same search among new weights {fresh}."
        ),
        glance=f"{100 * kept / weights:.0f} % of the weights, untouched, reach {sparse}",
        advice=_advice(accuracy, held=found.lost.low > -2),
        reading=(
            f"A search of {steps} steps learnt which weights to keep, the number in each layer fixed; the classifier "
            "and whatever is no weight of a linear or convolutional layer stay whole. Both lines start from the "
            "largest weights; batch norms take the statistics of the sparse network. The control is the same search "
            "in a network with new weights: what it reaches, the search alone does. Accuracy of the sparse network "
            f"less that of the whole one: {found.lost.value:+.1f} points [{found.lost.low:+.1f}, "
            f"{found.lost.high:+.1f}], an interval over the held-out samples; this is one search with one seed."
        ),
        pictures=(Picture.of(_draw(found), "Accuracy along the two searches"),),
        figures={"weights kept": kept, "weights": weights, "steps": steps}
        | {f"accuracy, {who}": round(value, 4) for who, value in accuracy.items()},
        code=_code(found.rule),
    )


def _advice(accuracy: dict[str, float], *, held: bool) -> str:
    _, sparse, _, fresh = accuracy.values()
    if fresh >= sparse:
        return "Do not rely on the mask: the same search does as well among new weights, so training lent it nothing."
    if held:
        return "The mask is a sparse network that needs no training: a few epochs of tuning may bring it further."
    return "Search longer or keep more weights; tuning the kept ones for a few epochs may close the gap."


def _search(subject: Subject) -> _Found:
    assert subject.train is not None
    epochs, batch, every = _plan(subject)
    train = replace(subject.train, inputs=subject.train.inputs.to(subject.data.inputs.dtype))
    held = subject.data[subject.sample(SAMPLES)] if len(subject.data) > SAMPLES else subject.data
    options: dict[str, Any] = {
        "sparsity": SPARSITY,
        "exclude": _whole(subject),
        "epochs": epochs,
        "batch_size": batch,
        "seed": subject.seed,
        "evaluation": {"held out": held},
        "evaluate_every": every,
    }
    rule: Literal["global", "uniform"] = "global"
    try:
        jackpot = find_jackpot(subject.model, train, layer_rates=rule, **options)
    except InputError:  # one threshold for all layers may leave a small one with nothing
        rule = "uniform"
        jackpot = find_jackpot(subject.model, train, layer_rates=rule, **options)
    fresh = reinitialise(subject.model, init=subject.initialiser, seed=derive(subject.seed, "jackpot"))
    control = find_jackpot(fresh, train, layer_rates=jackpot.layer_rates, **options)
    dense, sparse = subject.evaluated(subject.model, held), subject.evaluated(jackpot.export(), held)
    lost = bootstrap_mean(100 * _hits(held, sparse), 100 * _hits(held, dense))
    pruned = _pruned(subject.model, jackpot, train[: 10 * batch])
    return _Found(jackpot, control, sparse, dense, subject.evaluated(pruned, held), lost, rule)


def _whole(subject: Subject) -> list[str]:
    """The classifier, where a linear layer runs that could be, and what takes no part."""
    idle, model = list(subject.idle_layers), subject.model
    runs = any(isinstance(layer, nn.Linear) and name not in idle for name, layer in model.named_modules())
    return [output_layer(model, subject.data.inputs[:1]), *idle] if runs else idle


def _pruned(model: nn.Module, found: Jackpot, data: Dataset) -> nn.Module:
    """The largest weights, as many in every layer as were found."""
    magnitudes = {name: model.get_parameter(name).detach().abs() for name in found.masks}
    masks = keep_largest(magnitudes, {name: 1 - rate for name, rate in found.layer_rates.items()})
    return recalibrated(zero_masked(copied(model), masks), data.inputs)


def _hits(data: Dataset, found: Evaluation) -> np.ndarray:
    return (found.outputs.argmax(1) == data.targets.cpu()).numpy().astype(float)


def _draw(found: _Found) -> Figure:
    drawn, axes = figure(5.6, 3.2)
    lines = ((found.jackpot, "trained weights", PALETTE[0]), (found.control, "new weights", PALETTE[1]))
    for jackpot, label, color in lines:
        history = jackpot.history
        axes.plot(history.steps, 100 * history.accuracy["held out"], marker="o", label=label, color=color)
    for name, value in (("whole network", found.dense.accuracy), ("largest weights", found.pruned.accuracy)):
        axes.axhline(100 * value, linestyle="--", linewidth=1, color=INK)
        place = (0.99, 100 * value)
        axes.annotate(name, place, xycoords=("axes fraction", "data"), ha="right", va="bottom", color=INK, fontsize=8)
    axes.set(xlabel="steps of the search", ylabel="accuracy (%)", ylim=(0, 108))
    axes.legend(title="search among:", title_fontsize=8)
    return drawn


def _code(rule: str) -> str:
    return (
        "from netopsy.sparsity.lottery_jackpots import find_jackpot\n"
        "from netopsy.training import evaluate\n\n"
        "# your training data in place of data\n"
        f"found = find_jackpot(model, data, sparsity={SPARSITY}, layer_rates={rule!r}, epochs=10)\n"
        "evaluate(found.export(), data).accuracy"
    )


INSTRUMENT = Instrument(
    name="jackpot",
    title="How small it is already",
    term="lottery jackpot",
    chapter="how small it could be",
    examine=examine,
    applies=why_not,
    papers=("lottery-jackpots",),
    order=15,
    passes=passes,
    worth=90,
)
