"""Which few paths through the network carry a class: found on some images, tested on others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from netopsy.core.drawing import INK, PALETTE, figure
from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Picture
from netopsy.core.progress import track
from netopsy.core.scores import scores_of
from netopsy.core.seeds import derive
from netopsy.examination.instrument import Instrument, NotNow
from netopsy.examination.subject import Subject, evaluate_outputs
from netopsy.interpretability.causal_paths import (
    CausalGraph,
    ablated_model,
    causal_attribution,
    discover_causal_graph,
    restricted_model,
)
from netopsy.interpretability.causal_paths.discovery import require_class_scores, require_no_shortcuts
from netopsy.interpretability.causal_paths.weight_layers import weight_layers
from netopsy.interpretability.overlay import overlay

_CHAIN = "causal paths: chain"
MOST, FEWEST, DRAWS, SHOWN = 100, 8, 3, 8
"""Images of a class, at most and at least; random graphs to compare with; images shown."""
CANDIDATES, SHARE = 128, 2.0
"""Nodes of a layer that are intervened on, at most."""


@dataclass(frozen=True)
class Tested:
    """A class's graph, and what the class's probability is on images it was not found from."""

    graph: CausalGraph
    indices: Tensor
    """Of the images it was tested on."""
    whole: float
    alone: float
    """With no other edges into the graph's nodes."""
    alone_random: float
    cut: float
    """With the causal edges of the last layer cut."""
    cut_random: float


def why_not(subject: Subject) -> str | None:
    """The reason why there is no graph, if there is one."""
    try:
        return None if chain_of(subject) else "it has fewer than two layers of weights"
    except InputError as error:
        return str(error)


def chain_of(subject: Subject) -> list[str]:
    """The caller's layers; otherwise all layers of weights, or the last two of a network with shortcuts.

    Found once for a subject: the network is run for every layer to see whether a shortcut goes around it.
    """
    if _CHAIN not in subject.notes:
        subject.notes[_CHAIN] = tuple(_chain(subject))
    return list(cast(tuple[str, ...], subject.notes[_CHAIN]))


def _chain(subject: Subject) -> list[str]:
    model, images = subject.model, subject.data.inputs[:2].to(subject.device)
    if subject.layers_wanted:
        layers = weight_layers(model, images, list(subject.layers_wanted))
        require_class_scores(model, layers[-1], images)
        return [layer.name for layer in layers]
    try:
        layers = weight_layers(model, images)
        require_no_shortcuts(model, layers, images)
    except InputError:
        kinds = (nn.Conv2d, nn.Linear)
        last = [name for name, module in model.named_modules() if isinstance(module, kinds)][-2:]
        layers = weight_layers(model, images, last)
    if layers:
        require_class_scores(model, layers[-1], images)
    return [layer.name for layer in layers] if len(layers) > 1 else []


def examine(subject: Subject) -> Finding:
    """The graphs of some classes, each tested on images that it was not found from."""
    chain, tested = chain_of(subject), {}
    for label in track(_classes(subject)[: _class_count(subject)], "finding paths"):
        found = _test(subject, label, chain)
        if found is not None:
            tested[label] = found
    if not tested:
        asked = " that was asked for" if subject.classes_wanted else ""
        raise NotNow(f"no class{asked} has {FEWEST} images that the network classifies correctly")
    label = max(tested, key=lambda one: tested[one].alone - tested[one].alone_random)
    one = tested[label]
    counts = [(layer.name, len(layer.causes), layer.nodes) for layer in one.graph.layers if layer.rule != "input"]
    causes, nodes = (sum(values) for values in list(zip(*counts, strict=True))[1:])
    name = subject.class_name(label)
    alone, alone_random, cut, cut_random = (
        sum(getattr(each, field) for each in tested.values()) / len(tested)
        for field in ("alone", "alone_random", "cut", "cut_random")
    )
    return Finding(
        sentence=(
            f"For class {name}, {causes} of {nodes} nodes carry the answer; over {len(tested)} "
            f"class{'es' if len(tested) > 1 else ''}, with such paths alone the class keeps a probability of "
            f"{alone:.2f} (as many random ones: {alone_random:.2f}), and with those into the class cut it keeps "
            f"{cut:.2f} (random: {cut_random:.2f})."
        ),
        glance=f"{causes} of {nodes} nodes carry {name}; alone they give it {alone:.2f}",
        advice="Start from these nodes when you prune or edit the class; the others matter less for it.",
        reading=(
            "A node is a channel or a unit. It is a cause if overwriting the weights from it to the causes above "
            "lowers the class score significantly over many images of the class (Ahmad et al. 2024). The graph was "
            "found from one half of the class's images and tested on the other half. A high probability with the "
            "paths alone says that they are enough to name the class, not that they are right in doing so: what "
            "speaks for other classes is partly cut off, so the probability can exceed the whole network's. Darker "
            "nodes lower the score more; the number is the channel's or the unit's."
        ),
        pictures=_pictures(subject, label, one, tested),
        figures={
            "classes": len(tested),
            "probability with the paths alone": round(alone, 4),
            "probability with random paths alone": round(alone_random, 4),
            "probability with the causal edges of the last layer cut": round(cut, 4),
            "probability with random edges of the last layer cut": round(cut_random, 4),
        },
        table=_table(subject, tested),
        code=(
            "from netopsy.examination import Subject\n"
            "from netopsy.interpretability.causal_paths import discover_causal_graph, restricted_model\n\n"
            "# One half of the images that are classified correctly for finding the graph, the other for testing.\n"
            f"right = (data.targets == {label}) & (Subject(model, data).predictions == {label})\n"
            f"images = data.inputs[right][:{2 * MOST}]\n"
            f"graph = discover_causal_graph(model, images[::2], {label}, max_candidates={CANDIDATES}"
            f"{_layers_argument(subject, chain)})\n"
            "graph.plot()\n"
            "alone = restricted_model(model, graph).eval()\n"
            f"print(alone(images[1::2]).softmax(1)[:, {label}].mean())"
        ),
    )


def _layers_argument(subject: Subject, chain: Sequence[str]) -> str:
    every = [name for name, module in subject.model.named_modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    return "" if len(every) == len(chain) else f", layers={list(chain)!r}"


def _classes(subject: Subject) -> list[int]:
    """The caller's classes, otherwise those with most images classified correctly, the most first."""
    if subject.classes_wanted:
        return list(subject.classes_wanted)
    right = subject.labels[subject.predictions == subject.labels]
    counts = torch.bincount(right, minlength=subject.class_count)
    return [int(label) for label in counts.argsort(descending=True, stable=True) if counts[label] >= FEWEST]


def _passes_a_class(subject: Subject) -> float:
    """Every node that is tested runs what is behind its layer again, for half of the class's images."""
    chain, costs = chain_of(subject), subject.layers
    modules = dict(subject.model.named_modules())
    total, behind, nodes = max(1, sum(layer.flops for layer in costs)), 0, 0.0
    for layer in reversed(costs):
        if layer.name in chain[1:]:
            weight = cast(Tensor, modules[layer.name].weight)
            nodes += min(CANDIDATES, weight.shape[1]) * (behind + layer.flops / weight.shape[1]) / total
        behind += layer.flops
    images = min(MOST, max(FEWEST, len(subject.data) // (2 * subject.class_count)))
    return images * (nodes + 2.0 * (DRAWS + 2))


def _class_count(subject: Subject) -> int:
    return subject.affordable(_passes_a_class(subject), subject.class_count, share=SHARE)


def passes(subject: Subject) -> float:
    """Forward passes of one sample that it takes."""
    return _passes_a_class(subject) * _class_count(subject)


def _test(subject: Subject, label: int, chain: Sequence[str]) -> Tested | None:
    model, inputs = subject.model, subject.data.inputs
    indices = ((subject.labels == label) & (subject.predictions == label)).nonzero().flatten()[: 2 * MOST]
    if len(indices) < FEWEST:
        return None
    to_find, to_test = indices[::2], indices[1::2]
    options: dict[str, Any] = {"max_candidates": CANDIDATES, "batch_size": subject.batch_size}
    graph = discover_causal_graph(model, inputs[to_find], label, layers=list(chain), **options)
    last = [graph.layers[0].name]
    others = [graph.shuffled(derive(subject.seed, "paths", label, draw)) for draw in range(DRAWS)]

    def probability(other: nn.Module) -> float:
        return float(scores_of(evaluate_outputs(other, inputs[to_test])).softmax(1)[:, label].mean())

    return Tested(
        graph,
        to_test,
        probability(model),
        probability(restricted_model(model, graph)),
        sum(probability(restricted_model(model, other)) for other in others) / DRAWS,
        probability(ablated_model(model, graph, last)),
        sum(probability(ablated_model(model, other, last)) for other in others) / DRAWS,
    )


def _pictures(subject: Subject, label: int, one: Tested, tested: dict[int, Tested]) -> tuple[Picture, ...]:
    name = subject.class_name(label)
    graph, ax = figure(1.25 * len(one.graph.layers) + 2, 5.2)
    one.graph.plot(ax, class_name=subject.class_label(label))
    drawn = [
        Picture.of(
            graph,
            f"The causal graph of {name}, from the input to the class",
            f"The paths that carry {name}, the input on the left; the strongest causes of each layer.",
        ),
        Picture.of(
            _bars(subject, tested),
            "Class probability whole, with the paths alone, and with them cut, class by class",
            "Unseen images of each class: the whole network, the graph's paths alone, and the last of them cut.",
        ),
    ]
    modules = dict(subject.model.named_modules())
    grids = [
        layer.name
        for layer in one.graph.layers
        if isinstance(modules[layer.name], nn.Conv2d) and len(layer.causes) and layer.rule != "input"
    ]
    if subject.is_image_model and grids:
        shown = one.indices[:SHOWN]
        maps = causal_attribution(subject.model, one.graph, subject.data.inputs[shown].to(subject.device), grids[0])
        picture = overlay(subject.data.images[shown].cpu().float(), maps.cpu())
        drawn.append(
            Picture.of(
                picture,
                f"Where the causes of {name} answer, over {len(shown)} images",
                f"Where the causes of {name} at {grids[0]} answer in images of it.",
            )
        )
    return tuple(drawn)


def _bars(subject: Subject, tested: dict[int, Tested]) -> Figure:
    shown = list(tested.items())[:12]
    drawn, ax = figure(6.4, 0.34 * len(shown) + 1.2)
    marks = [
        ("whole", "whole network", "o", INK),
        ("alone", "paths alone", "D", PALETTE[0]),
        ("alone_random", "random paths alone", "d", PALETTE[5]),
        ("cut", "paths cut", "X", PALETTE[1]),
    ]
    for field, title, marker, color in marks:
        values = [getattr(one, field) for _, one in shown]
        ax.plot(values, range(len(shown)), marker, color=color, label=title, markersize=6)
    ax.set_yticks(range(len(shown)), [subject.class_label(label, most=18) for label, _ in shown])
    ax.invert_yaxis()
    ax.set(xlim=(-0.03, 1.03), xlabel="probability of the class")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawn


def _table(subject: Subject, tested: dict[int, Tested]) -> tuple[tuple[str, ...], ...]:
    first = next(iter(tested.values()))
    names = [layer.name for layer in first.graph.layers if layer.rule != "input"]
    rows = [
        ("class", *(f"causes at {name}" for name in names), "whole", "paths alone", "random", "paths cut", "random")
    ]
    for label, one in tested.items():
        counts = {layer.name: f"{len(layer.causes)} of {layer.nodes}" for layer in one.graph.layers}
        values = (one.whole, one.alone, one.alone_random, one.cut, one.cut_random)
        row = (
            subject.class_name(label),
            *(counts.get(name, "-") for name in names),
            *(f"{value:.2f}" for value in values),
        )
        rows.append(row)
    return tuple(rows)


INSTRUMENT = Instrument(
    name="causal-paths",
    title="The paths that carry a class",
    term="causal graph",
    chapter="what its units mean",
    examine=examine,
    applies=why_not,
    papers=("causal-paths",),
    order=60,
    passes=passes,
    beside=2.5,
    worth=95,
)
