"""How many weights can be removed at one go before the network answers worse."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.figure import Figure

from netopsy.core.computed import copied
from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Picture
from netopsy.core.masks import Masks, prunable_parameters, zero_masked
from netopsy.core.progress import track
from netopsy.core.seeds import derive
from netopsy.data import Dataset
from netopsy.examination.instrument import Instrument
from netopsy.examination.subject import Subject
from netopsy.lab.plots import mean_with_band
from netopsy.sparsity.lottery_ticket import magnitude_masks, shuffle_masks

KEPT = (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.15, 0.1, 0.05, 0.02, 0.01)
COARSELY = (1.0, 0.9, 0.8, 0.7, 0.5, 0.3, 0.1)
"""Shares for a network so large that all of `KEPT` cost too much."""
MOST, FEWEST = 2000, 60
DRAWS = 3
SHARE = 2.0
RANKED = 1300.0
"""Operations a weight that it takes to make a mask."""
LOSS = 0.01
"""What counts as no worse: within one point of accuracy."""
SMALLEST, RANDOM = "smallest of all layers", "at random"
LAYERWISE = "smallest of each layer"

Curves = dict[str, dict[float, list[float]]]


def _left_out(subject: Subject, weights: int) -> str:
    """Says so where much of the network is not among the weights that are pruned."""
    others = sum(each.numel() for each in subject.model.parameters()) - weights
    if others <= 0.1 * weights:
        return ""
    return (
        f" {others:,} other parameters (recurrent and attention weights, embeddings, parametrised layers, biases) "
        "are left as they are."
    )


def _plan(subject: Subject) -> tuple[tuple[float, ...], int, int]:
    """Shares of weights kept, random draws, and samples: fewer of all three for a large network."""
    count = subject.affordable(_passes_a_sample(KEPT, DRAWS), MOST, share=SHARE)
    if count >= min(FEWEST, len(subject.data)):
        return KEPT, DRAWS, count
    return COARSELY, 1, subject.affordable(_passes_a_sample(COARSELY, 1), MOST, share=SHARE, fewest=FEWEST)


def _passes_a_sample(kept: tuple[float, ...], draws: int) -> float:
    return 1.0 + (len(kept) - 1) * (2 + draws)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    kept, draws, count = _plan(subject)
    weights = prunable_parameters(subject.model, exclude=subject.idle_layers).values()
    masks = (len(kept) - 1) * (2 + draws) * RANKED * sum(weight.numel() for weight in weights)
    return min(count, len(subject.data)) * _passes_a_sample(kept, draws) + masks / subject.sample_cost


def why_not(subject: Subject) -> str | None:
    """A network with no linear or convolutional weights has nothing to remove."""
    try:
        prunable_parameters(subject.model, exclude=subject.idle_layers)
    except InputError as error:
        return str(error)
    return None


def examine(subject: Subject) -> Finding:
    """Accuracy against the share of weights kept, under magnitude and random masks."""
    shares, draws, count = _plan(subject)
    data = subject.data[subject.sample(count)] if len(subject.data) > count else subject.data
    curves = _measure(subject, data, shares, draws)
    dense = curves[SMALLEST][1.0][0]
    spared = {how: _spared(curve, dense) for how, curve in curves.items()}
    weights = sum(weight.numel() for weight in prunable_parameters(subject.model, exclude=subject.idle_layers).values())
    return Finding(
        sentence=(
            f"One-shot global magnitude pruning removes {100 * spared[SMALLEST]:.0f} % of {weights:,} weights within "
            f"{100 * LOSS:.0f} point of accuracy, pruning by layer {100 * spared[LAYERWISE]:.0f} %; random pruning "
            f"removes {'none' if not spared[RANDOM] else f'{100 * spared[RANDOM]:.0f} %'}."
            + _left_out(subject, weights)
        ),
        glance=f"{100 * max(spared[SMALLEST], spared[LAYERWISE]):.0f} % of weights can go at once",
        advice=(
            "Zeros save memory only in a sparse format, and time only where hardware or kernels use them; training "
            "again after pruning spares far more."
        ),
        reading=(
            "Nothing is retrained here: weights are set to zero and the network is asked again. Read from left to "
            "right: the share of weights kept falls and with it, sooner or later, the accuracy. The random masks have "
            "the density of the magnitude masks in every layer"
            + (f"; their band is over {draws} draws" if draws > 1 else ", and were drawn once")
            + ". With retraining much less would be enough, which the ticket search shows where it runs."
        ),
        pictures=(Picture.of(_draw(curves, dense), "Accuracy against the share of weights kept, for three ways"),),
        figures={"weights": weights, "samples": len(data), "accuracy": round(dense, 4)}
        | {f"removable, {how}": round(share, 4) for how, share in spared.items()},
        code=(
            "from netopsy.core.masks import prunable_parameters, zero_masked\n"
            "from netopsy.sparsity.lottery_ticket import magnitude_masks\n"
            "from netopsy.training import evaluate\n"
            "import copy\n\n"
            "masks = magnitude_masks(prunable_parameters(model), rate=0.8, scope='global')\n"
            "evaluate(zero_masked(copy.deepcopy(model), masks), data).accuracy"
        ),
    )


def _measure(subject: Subject, data: Dataset, shares: tuple[float, ...], draws: int) -> Curves:
    dense = subject.evaluated(subject.model, data).accuracy
    curves: Curves = {how: {1.0: [dense]} for how in (SMALLEST, LAYERWISE, RANDOM)}
    pruned = copied(subject.model)
    own = prunable_parameters(subject.model, exclude=subject.idle_layers)
    weights = {name: weight.detach() for name, weight in own.items()}
    for kept in track(shares[1:], "pruning"):
        for how, masks in _masks(weights, kept, draws, subject.seed):
            pruned.load_state_dict(subject.model.state_dict())
            curves[how].setdefault(kept, []).append(subject.evaluated(zero_masked(pruned, masks), data).accuracy)
    return curves


def _masks(weights: Masks, kept: float, draws: int, seed: int) -> Iterator[tuple[str, Masks]]:
    globally = magnitude_masks(weights, rate=1 - kept, scope="global", allow_empty=True)
    yield SMALLEST, globally
    yield LAYERWISE, magnitude_masks(weights, rate=1 - kept, allow_empty=True)
    for draw in range(draws):
        yield RANDOM, shuffle_masks(globally, seed=derive(seed, "pruning", draw))


def _spared(curve: dict[float, list[float]], dense: float) -> float:
    """The largest share removed with the mean accuracy, there and at every smaller share, within `LOSS` of dense."""
    removed = 0.0
    for kept in sorted(curve, reverse=True):
        if float(np.mean(curve[kept])) < dense - LOSS:
            break
        removed = 1 - kept
    return removed


def _draw(curves: Curves, dense: float) -> Figure:
    drawn, axes = figure(6.0, 3.4)
    for how, color in zip(curves, PALETTE, strict=False):
        kept = sorted(curves[how], reverse=True)
        draws = max(len(curves[how][share]) for share in kept)
        values = np.array([(curves[how][share] * draws)[:draws] for share in kept]).T
        mean_with_band(axes, [100 * share for share in kept], 100 * values, label=how, color=color, marker="o")
    axes.axhline(100 * dense, linestyle="--", linewidth=1, color=INK)
    axes.set(xscale="log", xlabel="weights kept (%)", ylabel="accuracy (%)", ylim=(0, 103))
    axes.set_xticks([100, 50, 20, 10, 5, 2, 1], ["100", "50", "20", "10", "5", "2", "1"])
    axes.minorticks_off()
    axes.invert_xaxis()
    axes.legend(title="weights removed:", title_fontsize=8)
    return drawn


INSTRUMENT = Instrument(
    name="pruning",
    title="What it can spare at once",
    term="pruning",
    chapter="how small it could be",
    examine=examine,
    applies=why_not,
    papers=("lottery-ticket",),
    order=10,
    passes=passes,
    worth=40,
)
