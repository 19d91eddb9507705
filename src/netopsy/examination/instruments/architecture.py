"""What the network is made of: its layers, their parameters, and what one sample costs."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from netopsy.core.drawing import PALETTE, figure_grid, label
from netopsy.core.finding import Finding, Number, Picture
from netopsy.core.operations import Layer
from netopsy.examination.instrument import Instrument
from netopsy.examination.subject import Subject

MOST = 20
"""Bars in the picture; a deeper network is drawn by its blocks."""


def examine(subject: Subject) -> Finding:
    """Layers in the order of the forward pass, with output shapes, parameters and floating-point operations."""
    model, sample, layers = subject.model, subject.data.inputs[:1], subject.layers
    parameters = sum(weight.numel() for weight in model.parameters())
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    flops = sum(layer.flops for layer in layers)
    holding = [layer for layer in layers if layer.parameters]
    figures: dict[str, Number] = {
        "parameters": parameters,
        "layers with parameters": len(holding),
        "FLOPs for one sample": flops,
        "bytes of parameters and buffers": sum(
            each.numel() * each.element_size() for each in (*model.parameters(), *model.buffers())
        ),
        "input": "×".join(map(str, sample.shape[1:])),
    }
    if trained < parameters:
        figures["parameters that ask for no gradient"] = parameters - trained
    return Finding(
        sentence=_sentence(parameters, holding, flops, layers),
        glance=f"{_large(parameters)} parameters, {_large(flops)} operations a sample",
        advice="Shrink or speed up the layers with the longest bars first: the others hardly count.",
        reading=(
            "Each bar is a layer, from the input at the top to the output at the bottom: on the left its share of the "
            "parameters, which is what has to be stored, on the right its share of the work for one sample. A layer "
            "can be large on one side and small on the other. Matrix products and convolutions are counted, a "
            "multiplication and an addition as two operations; normalisation, activations and pooling, which cost "
            "little, are not."
        ),
        pictures=(Picture.of(_draw(layers), "Bars: the share of parameters and of operations of every layer"),)
        if parameters
        else (),
        figures=figures,
        table=(
            ("layer", "kind", "output", "parameters", "FLOPs"),
            *((x.name, x.kind, x.shape, f"{x.parameters:,}", f"{x.flops:,}") for x in layers),
        ),
        code=(
            "from netopsy.core.operations import layers_of\n\n"
            "layers = layers_of(model, data.inputs[:1])\n"
            "print(sum(layer.parameters for layer in layers), sum(layer.flops for layer in layers))"
        ),
    )


def _sentence(parameters: int, holding: Sequence[Layer], flops: int, layers: Sequence[Layer]) -> str:
    if not parameters:
        return f"It has no parameters, and one sample costs {_large(flops)} floating-point operations."
    largest = max(holding, key=lambda layer: layer.parameters)
    text = (
        f"It has {parameters:,} parameters in {len(holding)} layer{'s' * (len(holding) != 1)}, "
        f"{100 * largest.parameters / parameters:.0f} % of them in {_called(largest)}"
    )
    if not flops:
        return text + "; none of its work is matrix products or convolutions."
    busiest = max(layers, key=lambda layer: layer.flops)
    share = f"{100 * busiest.flops / flops:.0f} % of them "
    where = f"{share}there too" if busiest is largest else f"{share}in {_called(busiest)}"
    return text + f"; one sample costs {_large(flops)} floating-point operations, {where}."


def _called(layer: Layer) -> str:
    return f"layer {layer.name}" if layer.name.isdigit() else layer.name


def _large(count: int) -> str:
    for size, word in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if count >= size:
            return f"{count / size:.3g} {word}"
    return f"{count:,}"


def _draw(layers: Sequence[Layer]) -> Figure:
    rows = _blocks([layer for layer in layers if layer.parameters or layer.flops])
    drawn, axes = figure_grid(1, 2, 4.9, 0.22 * len(rows) + 0.8, sharey=True)
    sides = (
        (axes[0, 0], "parameters", [parameters for _, parameters, _ in rows], PALETTE[0]),
        (axes[0, 1], "operations", [flops for *_, flops in rows], PALETTE[1]),
    )
    for panel, title, values, color in sides:
        total = max(sum(values), 1)
        panel.barh(range(len(rows)), [100 * value / total for value in values], color=color, height=0.7)
        panel.set_title(title)
        panel.set_xlabel("share (%)")
        panel.grid(visible=False, axis="y")
    axes[0, 0].set_yticks(range(len(rows)), [label(row[0], 28) for row in rows])
    axes[0, 0].invert_yaxis()
    return drawn


def _blocks(layers: Sequence[Layer]) -> list[tuple[str, int, int]]:
    """Name, parameters and operations of every layer, or of the blocks they lie in where there are too many."""
    for depth in range(max(layer.name.count(".") for layer in layers) + 1, 0, -1):
        rows: dict[str, tuple[str, int, int]] = {}
        for layer in layers:
            block = ".".join(layer.name.split(".")[:depth])
            _, parameters, flops = rows.get(block, (block, 0, 0))
            rows[block] = (block, parameters + layer.parameters, flops + layer.flops)
        if len(rows) <= MOST:
            return list(rows.values())
    kept = sorted(rows.values(), key=lambda row: -row[1])[: MOST - 1]
    others = [row for row in rows.values() if row not in kept]
    return [row for row in rows.values() if row in kept] + [
        (f"{len(others)} others", sum(row[1] for row in others), sum(row[2] for row in others))
    ]


INSTRUMENT = Instrument(
    name="architecture",
    title="What it is made of",
    term="architecture",
    chapter="what it is",
    examine=examine,
    order=10,
)
