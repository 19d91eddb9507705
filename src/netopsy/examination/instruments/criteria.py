"""Which weights several criteria would keep, layer by layer, and how far they agree."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import INK, PALETTE, figure, label, style
from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Picture
from netopsy.core.masks import density, prunable_parameters
from netopsy.core.modes import evaluating
from netopsy.core.scores import kind_of, log_of
from netopsy.examination.instrument import Instrument
from netopsy.examination.instruments.pruning import why_not
from netopsy.examination.subject import Subject
from netopsy.sparsity.criteria import keep_largest, scores
from netopsy.sparsity.random_pruning.score_ratios import TEMPERATURE
from netopsy.sparsity.ratios import layer_densities

KEPT = 0.1
"""Share of the weights that every criterion may keep."""
SAMPLES, FEWEST, SHARE = 100, 10, 0.5
PASSES = 10.0
"""Of one sample: three for SNIP, seven for GraSP."""
CRITERIA = {"magnitude": "magnitude", "SNIP": "snip", "GraSP": "grasp"}
RATIOS = {"uniform": "uniform", "ERK": "erk"}
SHOWN = 30
"""Layers in the picture and in the table, at most."""
MARKERS = "osD|x"

Shares = dict[str, dict[str, float]]


def _count(subject: Subject) -> int:
    return min(len(subject.data), subject.affordable(PASSES, SAMPLES, share=SHARE, fewest=FEWEST))


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes: what has second derivatives costs twice as much as its operations."""
    return 2 * PASSES * _count(subject)


def examine(subject: Subject) -> Finding:
    """The share of each layer that criteria and ratios keep, and the overlap of the masks beyond chance."""
    subject = subject.in_single_precision
    masks = _masks(subject)
    weights = {name: int(mask.numel()) for name, mask in masks["magnitude"].items()}
    shares: Shares = {how: {name: density({name: mask}) for name, mask in own.items()} for how, own in masks.items()}
    own = prunable_parameters(subject.model, exclude=subject.idle_layers)
    shapes = {name: tuple(weight.shape) for name, weight in own.items()}
    shares |= {how: layer_densities(shapes, KEPT, method) for how, method in RATIOS.items()}
    pairs = {pair: _overlap(*(masks[how] for how in pair)) for pair in combinations(masks, 2)}
    common, chance, agreement = pairs["magnitude", "SNIP"]
    name, low, high = _widest(shares, list(masks))
    missing = [how for how in CRITERIA if how not in masks]
    figures = {
        f"{one} and {other}, {what}": round(value, 4)
        for (one, other), found in pairs.items()
        for what, value in zip(_WHAT, found, strict=True)
    }
    return Finding(
        sentence=(
            f"The {100 * KEPT:.0f} % of {sum(weights.values()):,} weights with the largest magnitudes and those with "
            f"the largest SNIP scores have {100 * common:.0f} % in common, where chance within each layer gives "
            f"{100 * chance:.0f} %; of layer {name} the criteria keep between {100 * low:.0f} and {100 * high:.0f} %."
            + (f" {missing[0]} needs second derivatives, which this network does not have." if missing else "")
        ),
        glance=f"magnitude and SNIP agree on {100 * common:.0f} % of the weights to keep",
        advice=(
            "The criteria mostly pick the same weights: the cheapest of them, magnitude, will do."
            if agreement > 0.5
            else "The criteria pick different weights: before trusting one, prune with another, too, and at random "
            "with the same shares of the layers."
        ),
        reading=(
            f"Each criterion may keep {100 * KEPT:.0f} % of all linear and convolutional weights. Magnitude takes the "
            "largest ones, SNIP those without which the loss would change most to first order, GraSP those that the "
            "flow of gradients needs; these three choose single weights, over all layers together. Uniform and ERK "
            "(wide layers keep less) say only how many each layer keeps, and which is left to chance. A row is a "
            "layer, from the input down; where the marks lie apart, the criteria disagree about how much that layer "
            "matters. Agreement is the overlap beyond chance: 0 for masks that have no more in common than random "
            "ones with the same numbers in every layer, 1 where they have all in common that these numbers allow. "
            "GraSP was made for networks before training, where it finds weights with a gradient; here it says least."
        ),
        pictures=(
            Picture.of(_draw(shares), "Share of every layer kept by magnitude, SNIP, GraSP, uniform and ERK densities"),
        ),
        figures={"weights": sum(weights.values()), "layers": len(weights), "samples": _count(subject), **figures},
        table=_table(shares, weights),
        code=(
            "from netopsy.core.masks import density\n"
            "from netopsy.sparsity.criteria import keep_largest, scores\n\n"
            "batch = data.inputs[:100], data.targets[:100]\n"
            f"masks = keep_largest(scores(model.eval(), 'snip', *batch), {KEPT})\n"
            "{name: density({name: mask}) for name, mask in masks.items()}"
        ),
    )


_WHAT = ("in common", "in common by chance", "agreement")


def _masks(subject: Subject) -> dict[str, dict[str, Tensor]]:
    chosen = subject.sample(_count(subject))
    inputs, targets = subject.data.inputs[chosen], subject.labels[chosen]
    names, masks = list(prunable_parameters(subject.model, exclude=subject.idle_layers)), {}
    options: dict[str, Any] = {"names": names, "seed": subject.seed, "temperature": 1.0}
    for how, criterion in CRITERIA.items():
        divided = TEMPERATURE if criterion == "grasp" else 1.0

        def loss(outputs: Tensor, labels: Tensor, divided: float = divided) -> Tensor:
            kind = kind_of(outputs.detach())
            logits = outputs if kind == "scores" else log_of(outputs)
            return torch.nn.functional.cross_entropy(logits / divided, labels)

        try:
            with evaluating(subject.model):
                found = scores(subject.model, criterion, inputs, targets, loss=loss, **options)
        except InputError:
            if criterion != "grasp":
                raise
            continue
        masks[how] = keep_largest(found, KEPT)
    return masks


def _overlap(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> tuple[float, float, float]:
    """The share of kept weights that two masks have in common, that by chance, and their agreement beyond it."""
    kept = sum(int(mask.sum()) for mask in one.values())
    common = sum(int((mask & other[name]).sum()) for name, mask in one.items())
    counts = [(int(mask.sum()), int(other[name].sum()), mask.numel()) for name, mask in one.items()]
    chance = sum(first * second / size for first, second, size in counts)
    most = sum(min(first, second) for first, second, _ in counts)
    beyond = (common - chance) / (most - chance) if most > chance else 1.0
    return common / kept, chance / kept, beyond


def _widest(shares: Shares, criteria: list[str]) -> tuple[str, float, float]:
    """The layer about which the criteria disagree most, and the least and the most that they keep of it."""
    found = [(name, [shares[how][name] for how in criteria]) for name in shares["magnitude"]]
    name, values = max(found, key=lambda each: max(each[1]) - min(each[1]))
    return name.removesuffix(".weight"), min(values), max(values)


def _shown(names: list[str]) -> list[str]:
    """All layers, or so many of them spread over the depth."""
    if len(names) <= SHOWN:
        return names
    return [names[place] for place in torch.linspace(0, len(names) - 1, SHOWN).round().int().tolist()]


def _table(shares: Shares, weights: Mapping[str, int]) -> tuple[tuple[str, ...], ...]:
    rows: list[tuple[str, ...]] = [("layer", "weights", *shares)]
    for name in _shown(list(weights)):
        own = (f"{100 * kept[name]:.1f} %" for kept in shares.values())
        rows.append((name.removesuffix(".weight"), f"{weights[name]:,}", *own))
    return tuple(rows)


@style()
def _draw(shares: Shares) -> Figure:
    names = _shown(list(shares["magnitude"]))
    drawn, axes = figure(6.2, 1.2 + 0.24 * len(names))
    for (how, kept), marker, color in zip(shares.items(), MARKERS, PALETTE, strict=False):
        values = [100 * kept[name] for name in names]
        axes.plot(values, range(len(names)), marker, label=how, color=color, markersize=6, alpha=0.85)
    axes.set_yticks(range(len(names)), [label(name.removesuffix(".weight"), 28) for name in names])
    axes.set(xlabel="weights of the layer kept (%)", ylim=(len(names) - 0.5, -0.5), xlim=(-2, 102))
    drawn.legend(loc="outside upper center", ncols=len(shares), labelcolor=INK)
    return drawn


INSTRUMENT = Instrument(
    name="criteria",
    title="Which weights criteria would keep",
    term="SNIP, GraSP, ERK",
    chapter="how small it could be",
    examine=examine,
    applies=why_not,
    papers=("random-pruning",),
    order=15,
    passes=passes,
    worth=35,
)
