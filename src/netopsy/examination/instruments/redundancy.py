"""Which units of a layer say what another one of it says already."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import PALETTE, figure, label
from netopsy.core.finding import Finding, Number, Picture, Verdict
from netopsy.core.moments import Moments, unit_rows
from netopsy.core.progress import track
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.subject import Subject
from netopsy.examination.weighted_layers import outputs_of, weighted_layers

LAYERS, MOST, FEWEST = 12, 300, 40
ENOUGH = 10
"""Samples below which units correlate by chance."""
COPY = 0.95
"""Correlation, of either sign, from which one unit stands for another."""
DEAD = 1e-5
"""Standard deviation, beside that of the layer's liveliest unit."""
WIDEST = 2048
"""Units of a layer whose correlations are looked at; a wider one is left out."""


@dataclass(frozen=True)
class _Layer:
    name: str
    units: int
    dead: int
    copies: int
    """Units that could be left out because another one, which stays, says the same."""
    dimension: float
    """Participation ratio of the covariance: how many directions carry the variance."""
    most: int
    """Directions that so many rows can show."""


def _count(subject: Subject) -> int:
    return subject.affordable(1, MOST, fewest=FEWEST)


def applies(subject: Subject) -> str | None:
    """Hidden layers with weights, and enough samples to correlate."""
    if len(subject.data) < ENOUGH:
        return f"{len(subject.data)} samples are too few for correlations; it takes {ENOUGH}"
    return None if weighted_layers(subject, LAYERS)[:-1] else "it has no hidden layer with weights"


def examine(subject: Subject) -> Finding:
    """Dead units, copies, and the effective number of dimensions of every hidden layer."""
    indices = subject.sample(_count(subject))
    names = weighted_layers(subject, LAYERS)[:-1]
    seen = {name: Moments() for name in names}
    wide = subject.in_single_precision
    for some in track(indices.split(subject.batch_size), "looking at units"):
        found = outputs_of(wide.model, wide.data.inputs[some].to(subject.device), names)
        for name, values in found.items():
            if unit_rows(values).shape[1] <= WIDEST:
                seen[name].update(unit_rows(values).float().cpu())
    layers = [_of(name, moments) for name, moments in seen.items() if moments.count]
    if not layers:
        raise NotNow(f"all its hidden layers have more than {WIDEST:,} units")
    units, spare = sum(x.units for x in layers), sum(x.dead + x.copies for x in layers)
    figures: dict[str, Number] = {
        "samples": len(indices),
        "units": units,
        "dead": sum(x.dead for x in layers),
        f"copies of another (correlation {COPY:g} or more)": sum(x.copies for x in layers),
        **{f"dimensions, {x.name}": round(x.dimension, 2) for x in layers},
    }
    share = spare / units
    verdict: Verdict = "doubtful" if share > 0.3 else "plain"
    return Finding(
        sentence=_sentence(layers, units, spare),
        glance=f"{100 * share:.0f} % of its hidden units are dead or copies",
        verdict=verdict,
        advice=(
            "It is wider than it needs to be: see what *how narrow it could be* says, or train a narrower one."
            if share > 0.1
            else "Hardly a unit could be left out for nothing: what is pruned is pruned at a price, or needs training."
        ),
        reading=(
            "For each layer the bars say which share of its units is dead (the same for every sample) or a copy: its "
            f"correlation with another unit that stays is at least {COPY:g}, of either sign, over images and places. "
            "The dots say how many directions carry the variance, as a share of the units (the participation ratio of "
            "the covariance): few directions with hardly any copies mean that units repeat each other in mixtures. "
            "Units are looked at where the layer writes them, before the activation function: one that is always below "
            "0, and that a ReLU therefore silences, does not count as dead." + _bound(layers)
        ),
        pictures=(Picture.of(_draw(layers), "Dead units, copies and effective dimensions of every layer"),),
        figures=figures,
        table=(
            ("layer", "units", "dead", "copies", "dimensions"),
            *((x.name, str(x.units), str(x.dead), str(x.copies), f"{x.dimension:.1f}") for x in layers),
        ),
        code=(
            "from netopsy.representations.convergent_learning import unit_statistics\n\n"
            f"stats = unit_statistics([model], {layers[0].name!r}, data.inputs[:{len(indices)}])\n"
            f"print((stats.correlation(0, 0).abs() > {COPY:g}).sum(1) - 1)"
        ),
    )


def _of(name: str, moments: Moments) -> _Layer:
    std = moments.std()
    alive = std > DEAD * std.max().clamp(min=1e-12)
    correlation = moments.correlation()[alive][:, alive]
    covariance = moments.covariance()
    total = covariance.square().sum()
    dimension = float(covariance.trace() ** 2 / total) if total > 0 else 0.0
    return _Layer(name, len(std), int((~alive).sum()), _copies(correlation), dimension, moments.count - 1)


def _copies(correlation: Tensor) -> int:
    """Units that go if of all that are left the one with most copies stays each time, and its copies go."""
    alike = correlation.abs() >= COPY
    left, gone = torch.ones(len(alike), dtype=torch.bool), 0
    while left.any():
        counts = torch.where(left, (alike & left).sum(1), -1)
        first = int(counts.argmax())
        group = alike[first] & left
        group[first] = True
        gone += int(group.sum()) - 1
        left &= ~group
    return gone


def _sentence(layers: list[_Layer], units: int, spare: int) -> str:
    dead = sum(x.dead for x in layers)
    text = f"Of {units:,} hidden units {dead:,} are dead and {spare - dead:,} say what another one of their layer says"
    tightest = min(layers, key=lambda x: x.dimension / x.units)
    return (
        f"{text}; the variance of {tightest.name} lies in about {tightest.dimension:.1f} directions of its "
        f"{tightest.units:,}."
    )


def _bound(layers: list[_Layer]) -> str:
    """A warning where fewer rows than units were seen, so that directions are missed."""
    bound = [x.most for x in layers if x.most < x.units]
    return f" So few samples show at most {min(bound):,} directions of a layer, however many it has." if bound else ""


def _draw(layers: list[_Layer]) -> Figure:
    drawn, axes = figure(5.4, 0.24 * len(layers) + 1.1)
    places = np.arange(len(layers))
    dead, copies = (np.array([getattr(x, kind) / x.units for x in layers]) * 100 for kind in ("dead", "copies"))
    axes.barh(places, dead, color=PALETTE[1], label="dead")
    axes.barh(places, copies, left=dead, color=PALETTE[4], label="copies")
    axes.plot([100 * x.dimension / x.units for x in layers], places, "o", color=PALETTE[0], label="dimensions")
    axes.set_yticks(places, [label(x.name, 24) for x in layers])
    axes.set(xlabel="of the layer's units (%)", xlim=(0, 102), ylim=(len(layers) - 0.4, -0.6))
    axes.legend(loc="lower right")
    return drawn


INSTRUMENT = Instrument(
    name="redundancy",
    title="Which units repeat others",
    term="unit redundancy",
    chapter="what it represents",
    examine=examine,
    applies=applies,
    papers=("convergent-learning",),
    order=30,
    passes=lambda subject: 1.5 * _count(subject),
    worth=35,
)
