"""Which layer cannot be averaged: one layer at a time goes half way to that of the other network."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure
from torch import Tensor

from netopsy.core.drawing import PALETTE, figure
from netopsy.core.finding import Finding, Number, Picture
from netopsy.core.seeds import derive, generator
from netopsy.examination.comparison.instruments import line
from netopsy.examination.comparison.pair import Pair
from netopsy.examination.instrument import Instrument
from netopsy.landscape.linear_mode_connectivity import layers_with_parameters, partial_barriers
from netopsy.landscape.linear_mode_connectivity.parts import entries_of

MOST = 16
"""Layers; of more, as many that are evenly spread."""
SMALL = 0.02
"""A rise of the loss of less is none."""

Part = dict[str, Tensor]


def applies(pair: Pair) -> str | None:
    """Two networks between which there is a line, of several layers."""
    reason = line.applies(pair)
    if reason is not None:
        return reason
    if len(_layers(pair)) < 2:
        return "it has a single layer with weights, which is the whole network"
    return None


def examine(pair: Pair) -> Finding:
    """The rise of the loss where one layer alone is averaged, as many random parameters, and all."""
    a, b = (each.in_single_precision.model for each in (pair.a, pair.b))
    written = getattr(a, "_orig_mod", a)
    start, end = (getattr(each, "_orig_mod", each).state_dict() for each in (a, b))
    samples = pair.a.in_single_precision.data[pair.a.sample(line.count(pair))]
    layers = _layers(pair)
    whole = {name: torch.ones_like(value, dtype=torch.bool) for name, value in start.items()}
    parts: dict[str, Part] = {"all": whole}
    random = generator(derive(pair.a.seed, "line by layer"))
    parameters = {name: value for name, value in written.named_parameters() if value.is_floating_point()}
    for layer in layers:
        own = {name: whole[name] for name in entries_of(written, [layer]) if name in whole}
        parts[layer] = own
        size = sum(parameters[name].numel() for name in own if name in parameters)
        parts[f"random, {layer}"] = _random(parameters, size, random)
    rises = partial_barriers(written, start, end, samples, parts)
    alone = {layer: rises[layer] for layer in layers}
    worst, total = max(alone, key=lambda layer: alone[layer]), rises["all"]
    mean, control = sum(alone.values()) / len(alone), sum(rises[f"random, {each}"] for each in layers) / len(layers)
    figures: dict[str, Number] = {
        "rise of the loss, all layers": round(total, 4),
        "rise of the loss, one layer on average": round(mean, 4),
        "rise of the loss, as many random weights on average": round(control, 4),
        "samples": len(samples),
    }
    return Finding(
        sentence=(
            f"Where one layer alone goes half way from the one to the other, the loss rises by {_signed(mean)} on "
            f"average, most in {worst} ({_signed(alone[worst])}); by {_signed(control)} where as many weights anywhere "
            f"do, and by {_signed(total)} where all do."
        ),
        glance=(
            f"{worst} costs most: {alone[worst]:+.2f} loss alone"
            if alone[worst] >= SMALL
            else "every layer can be averaged alone"
        ),
        advice=(
            f"Average what stands low in the picture, and leave {worst} as it is in one of the two; see what it costs "
            "where several are averaged together."
            if alone[worst] >= SMALL
            else "Any one layer can be averaged with that of the other; see what it costs before several are."
        ),
        reading=(
            "Each bar is the loss with one layer at the mean of A's and B's, inside of A and inside of B, less that of "
            "A and B themselves; the thin mark is the same for as many weights drawn at random from all layers. A "
            "layer far above its mark holds what the two have learned differently."
        ),
        pictures=(Picture.of(_draw(layers, rises), "Rise of the loss where one layer alone is averaged"),),
        table=(
            ("layer", "rise of the loss", "as many random weights"),
            *((each, f"{rises[each]:+.3f}", f"{rises[f'random, {each}']:+.3f}") for each in layers),
        ),
        figures=figures,
        code=(
            "from netopsy.landscape.linear_mode_connectivity import layerwise_barrier\n\n"
            "layerwise_barrier(model_a, model_a.state_dict(), model_b.state_dict(), data)"
        ),
    )


def _signed(rise: float) -> str:
    """Two digits, and no minus before a zero."""
    return f"{round(rise, 2) + 0.0:+.2f}"


def _layers(pair: Pair) -> list[str]:
    """Layers with weights, evenly spread where there are many."""
    a = pair.written[0]
    found = [name for name in layers_with_parameters(a) if name]
    step = -(-len(found) // MOST)
    return found[::step] if found else found


def _random(parameters: dict[str, torch.nn.Parameter], size: int, random: torch.Generator) -> Part:
    """As many entries, drawn from all parameters."""
    total = sum(value.numel() for value in parameters.values())
    flat = torch.zeros(total, dtype=torch.bool)
    flat[torch.randperm(total, generator=random)[:size]] = True
    pieces = flat.split([value.numel() for value in parameters.values()])
    return {name: piece.view(value.shape) for (name, value), piece in zip(parameters.items(), pieces, strict=True)}


def _draw(layers: list[str], rises: dict[str, float]) -> Figure:
    drawn, ax = figure(5.6, 2.8)
    places = range(len(layers))
    ax.bar(places, [rises[each] for each in layers], color=PALETTE[0], width=0.7, label="one layer")
    ax.scatter(
        places, [rises[f"random, {each}"] for each in layers], color=PALETTE[1], marker="_", s=90, zorder=3,
        label="as many random weights",
    )  # fmt: skip
    ax.axhline(0, color=PALETTE[5], linewidth=0.8)
    ax.set_xticks(list(places), layers, rotation=35, ha="right")
    ax.set(ylabel="rise of the loss")
    ax.legend(fontsize="small")
    return drawn


INSTRUMENT = Instrument(
    name="line-by-layer",
    title="Which layer cannot be averaged",
    term="layer-wise linear mode connectivity",
    chapter="what lies between them",
    examine=examine,
    applies=applies,
    papers=("linear-mode-connectivity",),
    order=30,
    passes=lambda pair: (4.0 * len(_layers(pair)) + 4) * line.count(pair),
    worth=20,
)
