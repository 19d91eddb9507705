"""How much its layers still say about the input and how much about the label, beside an untrained network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from netopsy.core.drawing import INK, PALETTE, figure, label
from netopsy.core.finding import Finding, Number, Picture, Verdict
from netopsy.core.progress import track
from netopsy.core.seeds import derive
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.subject import Subject
from netopsy.examination.weighted_layers import sample_axes, samples_first, weighted_layers
from netopsy.representations.information_plane import entropy_bits, layer_information
from netopsy.sparsity.comparison.redrawing import redraw
from netopsy.sparsity.lottery_ticket import reinitialise

LAYERS, MOST, FEWEST, GRID = 10, 600, 60, 4
SPREAD = 0.5
"""Standard deviation of the noise, beside the root of the layer's total variance."""


WORTH = 0.1
"""Of the entropy of the labels: two draws of untrained weights differ by nearly as much."""


@dataclass(frozen=True)
class _Point:
    """A layer in the plane, in bits."""

    name: str
    ixt: float
    ity: float
    least: float
    """The lower bound of ``I(X;T)``."""
    saturated: bool
    counts: bool
    """Whether the binned estimate, without noise, tells more than half of the samples apart."""


def _count(subject: Subject) -> int:
    return subject.affordable(2, MOST, fewest=FEWEST)


def applies(subject: Subject) -> str | None:
    """Layers with weights, samples enough to estimate from, and more than one class among them."""
    if len(subject.data) < FEWEST:
        return f"too few samples to estimate information from: it takes {FEWEST}, and there are {len(subject.data)}"
    if len(subject.labels.unique()) < 2:
        return "all samples are of one class, so that nothing can be said about the label"
    return None if weighted_layers(subject, LAYERS) else "no layer with weights was seen at work"


def examine(subject: Subject) -> Finding:
    """``I(X;T)`` and ``I(T;Y)`` of layers of the network and of one of its kind with weights drawn anew."""
    indices = subject.sample(_count(subject))
    labels = subject.labels[indices]
    if len(labels.unique()) < 2:
        raise NotNow("all samples that are looked at are of one class")
    model = subject.in_single_precision.model
    axes = sample_axes(subject, weighted_layers(subject, LAYERS))
    if not axes:
        raise NotNow("no layer gives its output a sample at a time")
    found = _points(subject, model, axes, indices)
    fresh = reinitialise(model, init=redraw, seed=derive(subject.seed, "information plane"))
    control = _points(subject, fresh, axes, indices)
    most, known = float(np.log2(len(indices))), entropy_bits(labels.bincount())
    usable = [k for k, point in enumerate(found) if not point.saturated and not control[k].saturated]
    last = usable[-1] if usable else None
    figures: dict[str, Number] = {
        "samples": len(indices),
        "most I(X;T)": round(most, 4),
        "most I(T;Y)": round(known, 4),
    }
    if last is not None:
        for words, point in (("", found[last]), (", untrained", control[last])):
            figures[f"I(X;T){words}"], figures[f"I(T;Y){words}"] = round(point.ixt, 4), round(point.ity, 4)
    figures["layers, saturated"] = sum(point.saturated for point in found)
    figures["layers, saturated when binned"] = sum(point.counts for point in found)
    learned = last is not None and found[last].ity > control[last].ity + WORTH * known
    verdict: Verdict = "good" if learned and subject.skilled else "plain"
    return Finding(
        sentence=_sentence(found, control, last, most, known, len(indices)),
        glance=(
            f"{found[last].ity:.1f} of {known:.1f} bits of the label, untrained {control[last].ity:.1f}"
            if last is not None
            else "the estimate is saturated in every layer"
        ),
        verdict=verdict,
        advice=(
            "Follow the layers from first to last: one after which I(T;Y) no longer rises adds nothing that this noise "
            "leaves to be seen."
            if last is not None
            else "Give it more samples: what each layer says can be estimated only where many samples look alike to it."
        ),
        reading=(
            "Each filled point is a layer with weights, the hollow one joined to it the same layer with all weights "
            "drawn anew, once. To the right lies what tells more inputs apart, above what says more about the label. "
            "A network computes without chance, so that without noise every layer tells all inputs apart; the numbers "
            f"are those under Gaussian noise of {SPREAD:g} of the layer's spread (the root of its total variance) in "
            "every direction of each layer by itself, so that a later one may say more; another noise gives others. "
            "They are the upper bound from distances between samples; "
            "the table has the lower one. Crosses, and the word saturated, mark layers where more than half of the "
            "samples are told apart in spite of the noise: there the number is that of samples, and means nothing "
            "about the layer. Whether training compresses cannot be seen from the end of it."
        ),
        pictures=(
            Picture.of(
                _draw(found, control, most, known), "The layers in the information plane, trained and untrained"
            ),
        ),
        figures=figures,
        table=(
            ("layer", "I(X;T)", "at least", "I(T;Y)", "untrained I(X;T)", "untrained I(T;Y)"),
            *(_row(ours, theirs) for ours, theirs in zip(found, control, strict=True)),
        ),
        code=(
            "from netopsy.core.capture import layer_activations\n"
            "from netopsy.representations.information_plane import layer_information\n\n"
            f"name, inputs = {found[-1].name!r}, data.inputs[:{len(indices)}]\n"
            "t = layer_activations(model, inputs, name)[name].float().flatten(1)\n"
            "t = (t - t.mean(0)) / (t.var(0, correction=0).sum().sqrt() + 1e-12)\n"
            f"labels = data.targets[:{len(indices)}]\n"
            f'found = layer_information(t, labels, estimator="kde_upper", noise={SPREAD**2:g})\n'
            "print(found.ixt, found.ity, found.saturated)"
        ),
    )


@torch.no_grad()
def _points(subject: Subject, model: nn.Module, axes: dict[str, int], indices: Tensor) -> list[_Point]:
    inputs, labels = subject.in_single_precision.data.inputs, subject.labels[indices]
    parts: dict[str, list[Tensor]] = {name: [] for name in axes}
    for some in track(indices.split(subject.batch_size), "looking at layers"):
        for name, values in samples_first(model, inputs[some].to(subject.device), axes).items():
            grid = values.float()
            if grid.ndim == 4 and max(grid.shape[2:]) > GRID:
                grid = nn.functional.adaptive_avg_pool2d(grid, GRID)
            parts[name].append(grid.reshape(len(some), -1).cpu())
    return [_point(name, torch.cat(rows), labels) for name, rows in parts.items()]


def _point(name: str, rows: Tensor, labels: Tensor) -> _Point:
    if not rows.isfinite().all():
        raise NotNow(f"layer {name!r} gives values that are not finite")
    wide = rows.double() - rows.double().mean(0)
    spread = wide.square().sum(1).mean().sqrt()
    wide = wide / spread if spread > 1e-9 * max(1.0, float(rows.abs().max())) else torch.zeros_like(wide)
    upper = layer_information(wide, labels, estimator="kde_upper", noise=SPREAD**2)
    lower = layer_information(wide, labels, estimator="kde_lower", noise=SPREAD**2)
    binned = layer_information(wide, labels, bins=30)
    return _Point(
        name,
        float(upper.ixt[0]),
        float(upper.ity[0]),
        float(lower.ixt[0]),
        bool(upper.saturated[0]),
        bool(binned.saturated[0]),
    )


def _sentence(
    found: list[_Point], control: list[_Point], last: int | None, most: float, known: float, samples: int
) -> str:
    full = sum(point.saturated for point in found)
    if last is None:
        which = "every layer" if full == len(found) else "each layer of the network or of an untrained one"
        return (
            f"With {samples} samples the estimate of information is saturated in {which}, in spite of the noise: the "
            "numbers are those of samples and mean nothing about the layers."
        )
    ours, theirs = found[last], control[last]
    text = (
        f"Under noise of {SPREAD:g} of its spread, layer {ours.name!r} says {ours.ity:.2f} of {known:.2f} bits about "
        f"the label and tells inputs apart by {ours.ixt:.2f} of {most:.2f} bits; untrained it says {theirs.ity:.2f} "
        f"and {theirs.ixt:.2f}"
    )
    if full:
        text += f"; in {full} of {len(found)} layers the estimate is saturated and means nothing"
    return f"{text}."


def _row(ours: _Point, theirs: _Point) -> tuple[str, ...]:
    def shown(point: _Point, *values: float) -> tuple[str, ...]:
        return tuple("saturated" if point.saturated else f"{value:.2f}" for value in values)

    return (ours.name, *shown(ours, ours.ixt, ours.least, ours.ity), *shown(theirs, theirs.ixt, theirs.ity))


def _draw(found: list[_Point], control: list[_Point], most: float, known: float) -> Figure:
    drawn, axes = figure(5.4, 3.8)
    axes.axvline(most, color=INK, linewidth=0.8, linestyle=":")
    axes.axhline(known, color=INK, linewidth=0.8, linestyle=":")
    for number, (ours, theirs) in enumerate(zip(found, control, strict=True)):
        color = PALETTE[number % len(PALETTE)]
        axes.plot([theirs.ixt, ours.ixt], [theirs.ity, ours.ity], color=color, linewidth=0.8, alpha=0.5)
        for point, filled in ((theirs, False), (ours, True)):
            marker = "x" if point.saturated else "o" if number < len(PALETTE) else "s"
            name = label(point.name, 20) if filled else None
            face = color if filled else "none"
            axes.plot(point.ixt, point.ity, marker, color=color, markerfacecolor=face, markersize=6, label=name)
    axes.plot([], [], "o", color="0.4", markerfacecolor="none", label="untrained")
    axes.set(xlabel="I(X;T) (bits)", ylabel="I(T;Y) (bits)")
    axes.set_xlim(left=0, right=most * 1.05)
    axes.set_ylim(bottom=0, top=known * 1.08)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7)
    return drawn


INSTRUMENT = Instrument(
    name="information_plane",
    title="What its layers say about input and label",
    term="information plane",
    chapter="what it represents",
    examine=examine,
    applies=applies,
    papers=("information-plane",),
    order=40,
    passes=lambda subject: 2.0 * _count(subject),
    worth=15,
)
