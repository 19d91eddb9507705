"""Which layer of the one represents what which layer of the other does."""

from __future__ import annotations

import math
import warnings

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from netopsy.core.drawing import figure_grid, label
from netopsy.core.finding import Finding, Number, Picture
from netopsy.core.progress import track
from netopsy.examination.comparison.pair import Pair
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.subject import Subject
from netopsy.examination.untrained import untrained
from netopsy.examination.weighted_layers import sample_axes, samples_first, weighted_layers
from netopsy.representations.similarity import cka_matrix

MOST, FEWEST = 300, 40
LAYERS = 14
"""Layers of either network, spread over its depth."""
LEARNED = 0.1
"""How much more alike than untrained layers must be for that to be worth a word: one draw moves it by some 0.05."""
GRID = 6
"""Places a side that a layer's grid is averaged to, so that it fits in memory."""


def _count(pair: Pair) -> int:
    return pair.affordable(3, MOST, fewest=FEWEST)


def examine(pair: Pair) -> Finding:
    """Debiased linear CKA of every layer of A with every layer of B, and with B before any training."""
    indices = pair.a.sample(_count(pair))
    if len(indices) < 4:
        raise NotNow(f"it takes 4 samples or more, and there are {len(indices)}")
    wide = {letter: subject.in_single_precision for letter, subject in pair.subjects.items()}
    axes = {letter: sample_axes(each, weighted_layers(each, LAYERS)) for letter, each in wide.items()}
    if not all(axes.values()):
        raise NotNow("no layer with weights that tells its samples apart was seen at work in one of the networks")
    names = {letter: list(each) for letter, each in axes.items()}
    first, second = (_features(each, each.model, axes[letter], indices) for letter, each in wide.items())
    before = _features(wide["B"], untrained(pair.b), axes["B"], indices)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a layer that says the same of every sample is drawn as a gap
        found = cka_matrix(first, second, debiased=True)
        control = cka_matrix(first, before, debiased=True)
    best, place = found.nan_to_num(-math.inf).max(1)
    by_chance = control.nan_to_num(-math.inf).amax(1)
    held = best.isfinite() & by_chance.isfinite()
    figures: dict[str, Number] = {
        "samples": len(indices),
        "layers of A": len(first),
        "layers of B": len(second),
    }
    if held.any():
        figures |= {
            "mean CKA of a layer of A with the likest of B": round(float(best[held].mean()), 4),
            "the same before B was trained": round(float(by_chance[held].mean()), 4),
        }
    if found[-1, -1].isfinite():
        figures["last layers"] = round(float(found[-1, -1]), 4)
    if len(first) == len(second) and found.diagonal().isfinite().any():
        figures["mean CKA of layers at one place"] = round(float(found.diagonal().nanmean()), 4)
    return Finding(
        sentence=_sentence(names, best, by_chance, held),
        glance=(
            f"likest layers: CKA {float(best[held].mean()):.2f}, untrained {float(by_chance[held].mean()):.2f}"
            if held.any()
            else "no layer can be compared"
        ),
        advice=(
            "Read the matrix from below: layers of one network that are all alike do little between them, and a bend "
            "shows where the other does the same work earlier or later."
        ),
        reading=(
            "Each square compares a layer of A (row) with a layer of B (column) by linear centred kernel alignment: 1 "
            "if both arrange the samples alike, whatever unit does what, and 0, in the mean, if they have nothing in "
            "common (the estimate is the one without bias). On the right the same with the weights of B drawn "
            "anew, once: what is alike there comes from the images and the architecture, not from training. Layers "
            f"with weights, spread over the depth; their grids are averaged to {GRID} x {GRID} places."
        ),
        pictures=(
            Picture.of(
                _draw(names, found, control),
                "Similarity of every layer of A with every layer of B, trained and untrained",
            ),
        ),
        figures=figures,
        table=(
            ("layer of A", "likest of B", "CKA", "with B untrained"),
            *(
                (
                    name,
                    names["B"][int(place[k])] if best[k].isfinite() else "–",
                    *(f"{float(value):.2f}" if value.isfinite() else "–" for value in (best[k], by_chance[k])),
                )
                for k, name in enumerate(names["A"])
            ),
        ),
        code=(
            "from netopsy.core.capture import layer_activations\n"
            "from netopsy.representations.similarity import cka\n\n"
            "inputs, last = data.inputs[:64], [list(model.named_modules())[-1][0] for model in (model_a, model_b)]\n"
            "a, b = (layer_activations(model, inputs, name)[name] for model, name in zip((model_a, model_b), last))\n"
            "print(cka(a, b, debiased=True))"
        ),
    )


@torch.no_grad()
def _features(subject: Subject, model: nn.Module, axes: dict[str, int], indices: Tensor) -> list[Tensor]:
    parts: list[list[Tensor]] = [[] for _ in axes]
    for some in track(indices.split(subject.batch_size), "looking at layers"):
        seen = samples_first(model, subject.data.inputs[some].to(subject.device), axes)
        for held, name in zip(parts, axes, strict=True):
            values = seen[name].float()
            if values.ndim == 4 and max(values.shape[2:]) > GRID:
                values = nn.functional.adaptive_avg_pool2d(values, GRID)
            held.append(values.reshape(len(some), -1).cpu())
    return [torch.cat(each) for each in parts]


def _sentence(names: dict[str, list[str]], best: Tensor, by_chance: Tensor, held: Tensor) -> str:
    if not held.any():
        return "No layer could be compared: each says the same of every sample in one of the networks."
    gap = torch.where(held, best - by_chance, -math.inf)
    most, least = int(best.masked_fill(~held, -1).argmax()), int(best.masked_fill(~held, 2).argmin())
    text = (
        f"A layer of A is like some layer of B at CKA {float(best[held].mean()):.2f} on average, and like one of B "
        f"untrained at {float(by_chance[held].mean()):.2f}"
    )
    if most == least:
        return f"{text}."
    learned = int(gap.argmax())
    text = f"{text}; least alike is {names['A'][least]} ({float(best[least]):.2f})"
    if float(gap[learned]) < LEARNED:
        return f"{text}, and training has brought none of them together."
    return f"{text}, and training has brought {names['A'][learned]} together most."


def _draw(names: dict[str, list[str]], found: Tensor, control: Tensor) -> Figure:
    rows, columns = found.shape
    drawn, axes = figure_grid(1, 2, 2 * (0.2 * columns + 1.0) + 1.0, 0.2 * rows + 1.5)
    for ax, values, words in zip(axes[0], (found, control), ("B", "B, weights drawn anew"), strict=True):
        image = ax.imshow(np.ma.masked_invalid(values.numpy()), vmin=0, vmax=1, cmap="viridis", aspect="auto")
        ax.set_xticks(range(columns), [label(name, 18) for name in names["B"]], rotation=90, fontsize=6)
        ax.set_yticks(range(rows), [label(name, 18) for name in names["A"]] if ax is axes[0][0] else [], fontsize=6)
        ax.set_title(words, fontsize=9)
        ax.grid(visible=False)
    axes[0][0].set_ylabel("A")
    drawn.colorbar(image, ax=list(axes[0]), label="CKA", fraction=0.05)
    return drawn


INSTRUMENT = Instrument(
    name="layers",
    title="Which layers do the same work",
    term="CKA",
    chapter="what they represent",
    examine=examine,
    order=10,
    passes=lambda pair: 3.0 * _count(pair),
    worth=10,
)
