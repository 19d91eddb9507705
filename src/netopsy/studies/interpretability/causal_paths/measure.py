"""What is measured on the causal graphs of one network: are they enough, needed, stable, and what do they cost?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from statistics import fmean
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.errors import InputError
from netopsy.core.seeds import derive, generator
from netopsy.core.shapes import Images, Maps
from netopsy.data import Dataset
from netopsy.interpretability.causal_paths import (
    CausalGraph,
    ablated_model,
    causal_attribution,
    causal_maps_by_effect,
    discover_causal_graph,
    graph_similarity,
    irof,
    local_lipschitz,
    restricted_model,
)
from netopsy.interpretability.input_gradients import (
    attribution_map,
    gradient_shap,
    input_gradient,
    input_times_gradient,
    integrated_gradients,
)
from netopsy.interpretability.maps import rescaled
from netopsy.lab import Cell, Rows
from netopsy.lab.costs import growth
from netopsy.lab.pictures import to_text
from netopsy.lab.subjects.answers import answers, auroc, probability
from netopsy.lab.subjects.classifiers import ClassifierSetting, trained
from netopsy.models import lenet
from netopsy.studies.interpretability.causal_paths.plan import (
    BASELINES,
    CAUSAL,
    MAPPED,
    RANGE,
    SCALES,
    SHUFFLED,
    Config,
    Examination,
)
from netopsy.training import evaluate

Row = dict[str, Any]
Way = Callable[[Tensor], Tensor]
Found = Mapping[int, tuple[CausalGraph, Images]]
"""The graph of each class, and the images that it was found from."""
UNITS_SHOWN = 3
"""Units whose maps are shown, of those that the class rests on most."""


def plan(config: Config) -> Iterable[Cell]:
    """One network a cell: train it, then measure everything on it. And what a graph costs."""
    for setting in config.settings:
        for seed in range(config.seeds):
            name = {"network": setting.network, "seed": seed}
            yield Cell.of(graphs, **name, setting=setting, examination=config.examination)
    yield Cell.of(cost, by="side", sizes=config.sides)
    yield Cell.of(cost, by="units", sizes=config.units)


def graphs(network: str, seed: int, setting: ClassifierSetting, examination: Examination) -> Rows:
    """Rows of the measures accuracy, class, layer, halves, beta, lipschitz and irof; of the first run cause and map."""
    model, train, test = trained(setting, seed)
    found = graphs_of(model, train, examination.images)
    yield {"measure": "accuracy", "value": evaluate(model, test).accuracy}
    for label, (graph, images) in found.items():
        rows = [*sufficiency(model, graph, test, examination.draws, seed)]
        rows += stability(model, graph, images, examination, seed)
        yield from ({"class": label, **row} for row in rows)
    yield from steepness(model, found, test, MAPPED[network], examination, seed)
    if seed == 0 and found:
        yield from example(model, *next(iter(found.values())), MAPPED[network])


def graphs_of(model: nn.Module, train: Dataset, images: int) -> Found:
    """The graph of each class from up to ``images`` training images classified correctly."""
    predicted, found = answers(model, train.inputs), {}
    for label in range(train.class_count):
        own = train.inputs[(train.targets == label) & (predicted == label)][:images]
        try:
            found[label] = discover_causal_graph(model, own, label), own
        except InputError:  # a class that the network does not give twice has no graph
            continue
    return found


def sufficiency(model: nn.Module, graph: CausalGraph, test: Dataset, draws: int, seed: int) -> Iterator[Row]:
    """Class probability on unseen images of it when the graph's edges alone are kept, or cut at the last layer."""
    label, last = graph.target, [graph.layers[0].name]
    own, rest = test.inputs[test.targets == label], test.inputs[test.targets != label]
    others = [graph.shuffled(derive(seed, "draw", label, draw)) for draw in range(draws)]
    kept = restricted_model(model, graph)
    yield {
        "measure": "class",
        "images": len(own),
        "whole": probability(model, own, label),
        "restricted": probability(kept, own, label),
        "restricted on others": probability(kept, rest, label),
        "restricted random": fmean(probability(restricted_model(model, other), own, label) for other in others),
        "ablated": probability(ablated_model(model, graph, last), own, label),
        "ablated random": fmean(probability(ablated_model(model, other, last), own, label) for other in others),
        "AUROC whole": auroc(model, test, label),
        "AUROC restricted": auroc(kept, test, label),
    }
    for layer in graph.layers:
        counts = {"causes": len(layer.causes), "nodes": layer.nodes}
        yield {"measure": "layer", "layer": layer.name, "rule": layer.rule, **counts}


def stability(
    model: nn.Module, graph: CausalGraph, images: Images, examination: Examination, seed: int
) -> Iterator[Row]:
    """How alike graphs are from two halves of the images, and from other values for the weights overwritten."""
    label, half = graph.target, len(images) // 2
    for repeat in range(examination.repeats):
        order = torch.randperm(len(images), generator=generator(derive(seed, "half", label, repeat)))
        try:
            halves = [discover_causal_graph(model, images[part], label) for part in (order[:half], order[half:])]
        except InputError:  # fewer than two images in a half
            continue
        yield {"measure": "halves", "repeat": repeat, "value": graph_similarity(*halves)}
    for beta in examination.betas:
        for repeat in range(examination.repeats):
            drawn = derive(seed, "beta", label, str(beta), repeat)
            soft = discover_causal_graph(model, images, label, u=(beta, beta + 0.01), seed=drawn)
            yield {"measure": "beta", "beta": beta, "repeat": repeat, "value": graph_similarity(soft, graph)}


def steepness(
    model: nn.Module, found: Found, test: Dataset, layer: str, examination: Examination, seed: int
) -> Iterator[Row]:
    """Local Lipschitz estimates of causal maps and of attributions by gradients, all maps scaled alike.

    The claim's scale is that of absolute values over the largest; beside it the same with maps that run from 0 to 1.
    """
    known = torch.isin(test.targets, torch.tensor(list(found), device=test.targets.device))
    right = (known & (answers(model, test.inputs) == test.targets)).nonzero().flatten()[: examination.explained]
    done = 0
    for label in test.targets[right].unique().tolist():
        own = test.inputs[right][test.targets[right] == label]
        ways = methods(model, found[label][0], layer, test.inputs[:50], derive(seed, "shap"))
        options = {"n": examination.perturbations, "seed": derive(seed, "noise", label)}
        rows: list[Row] = [{"class": label, "image": done + number} for number in range(len(own))]
        for scale in SCALES:
            values = {name: local_lipschitz(partial(scaled, way, scale), own, **options) for name, way in ways.items()}
            yield from _by_image({"measure": "lipschitz", "scale": scale}, rows, values)
        if examination.segments is not None:
            count: Any = {"n_segments": examination.segments}
            values = {name: irof(model, own, way(own), label, **count).area for name, way in ways.items()}
            yield from _by_image({"measure": "irof"}, rows, values)
        done += len(own)


def _by_image(where: Row, images: list[Row], values: Mapping[str, Tensor]) -> Iterator[Row]:
    for number, at in enumerate(images):
        yield {**at, **where, **{name: float(each[number]) for name, each in values.items()}}


def methods(model: nn.Module, graph: CausalGraph, layer: str, baselines: Images, seed: int) -> dict[str, Way]:
    """Every way of explaining the graph's class, as maps."""
    shap = partial(gradient_shap, baselines=baselines, n=10, paired=True, seed=seed)
    pixels: Any = (input_gradient, input_times_gradient, partial(integrated_gradients, steps=20), shap)

    def causal(of: CausalGraph) -> Way:
        return partial(causal_attribution, model, of, layer=layer, normalise=False)

    def by_gradient(way: Callable[..., Tensor]) -> Way:
        return lambda images: attribution_map(way(model, images, graph.target))

    by_name = {name: by_gradient(way) for name, way in zip(BASELINES, pixels, strict=True)}
    return {CAUSAL: causal(graph), SHUFFLED: causal(graph.shuffled(seed)), **by_name}


def example(model: nn.Module, graph: CausalGraph, images: Images, layer: str) -> Iterator[Row]:
    """The causes in the graph, and one image with its causal map and those of the strongest units of ``layer``."""
    effect: dict[int, float] = {}
    pictures = {"image": images[:1].mean(1), CAUSAL: causal_attribution(model, graph, images[:1], layer)}
    for part in graph.layers:
        if part.name == layer:
            by_effect = causal_maps_by_effect(model, graph, images[:1], layer)[0]
            order = sorted(range(len(by_effect)), key=lambda number: effect.get(int(part.effects[number]), 0.0))
            pictures |= {f"unit {part.effects[number]}": by_effect[number][None] for number in order[:UNITS_SHOWN]}
        effect = dict(zip(part.tested.tolist(), part.effect_mean.tolist(), strict=True))
        at = {"class": graph.target, "layer": part.name, "nodes": part.nodes, "rule": part.rule}
        for unit in part.causes.tolist():
            yield {"measure": "cause", **at, "unit": unit, "effect": effect.get(unit, 0.0)}
    for name, picture in pictures.items():
        yield {"measure": "map", "layer": layer, "method": name, "picture": to_text(rescaled(picture)[0])}


def cost(by: str, sizes: tuple[int, ...]) -> Rows:
    """Milliseconds for the graph of one class from 16 images, by the images' side or the dense layer's units."""
    return growth(lambda size: {"graph": _discovery(**{by: size})}, sizes, rounds=3)


def _discovery(side: int = 16, units: int = 48) -> Callable[[], CausalGraph]:
    """The discovery for nearly equal images, which surely have one class."""
    model = lenet((8, 16), (units,), kernel=3, size=side, seed=0).eval()
    noise = torch.rand(17, 1, side, side, generator=generator(0))
    images = noise[:1] + 0.001 * noise[1:]
    return partial(discover_causal_graph, model, images, int(answers(model, images).mode().values))


def scaled(way: Way, scale: str, images: Tensor) -> Maps:
    """Maps on one of the two scales."""
    maps = way(images).abs()
    if scale == RANGE:
        return rescaled(maps)
    return maps / maps.amax((1, 2), keepdim=True).clamp(min=torch.finfo(maps.dtype).tiny)
