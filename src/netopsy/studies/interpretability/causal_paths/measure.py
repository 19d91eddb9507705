"""What is measured on the causal graphs of one network: are they enough, needed, stable, and what do they cost?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

from netopsy.core.errors import InputError, lookup
from netopsy.core.modes import best_device
from netopsy.core.seeds import derive, generator
from netopsy.data import Dataset, crop_and_flip, digits_split, hub_dataset
from netopsy.interpretability.causal_paths import (
    CausalGraph,
    ablated_model,
    causal_attribution,
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
from netopsy.models import lenet, vgg
from netopsy.studies.interpretability.causal_paths.plan import (
    CAUSAL,
    DIGITS,
    MAPPED,
    RANGE,
    SCALES,
    SHUFFLED,
    Config,
    Examination,
    Setting,
)
from netopsy.training import Recipe, evaluate, fit

Row = dict[str, Any]


def plan(config: Config) -> Iterable[Cell]:
    """One network a cell: train it, then measure everything on it. And what a graph costs."""
    for setting in config.settings:
        for seed in range(config.seeds):
            name = {"network": setting.network, "seed": seed}
            yield Cell.of(graphs, **name, setting=setting, examination=config.examination)
    yield Cell.of(cost_by_side, sides=config.sides)
    yield Cell.of(cost_by_units, units=config.units)


def graphs(network: str, seed: int, setting: Setting, examination: Examination) -> Rows:
    """Rows of the measures accuracy, class, layer, halves, beta, lipschitz and irof."""
    model, train, test = trained(setting, seed)
    found, used = graphs_of(model, train, examination.images)
    yield {"measure": "accuracy", "value": evaluate(model, test).accuracy}
    yield from sufficiency(model, found, test, examination.draws, seed)
    yield from stability(model, used, found, examination.betas, examination.repeats, seed)
    yield from steepness(model, found, test, MAPPED[network], examination, seed)


def graphs_of(model: nn.Module, train: Dataset, images: int) -> tuple[dict[int, CausalGraph], dict[int, Tensor]]:
    """The graph of each class from up to ``images`` training images classified correctly, and those."""
    predicted = evaluate(model, train, batch_size=256).outputs.argmax(1).to(train.targets.device)
    graphs, used = {}, {}
    for label in range(train.class_count):
        own = train.inputs[(train.targets == label) & (predicted == label)][:images]
        try:
            graphs[label] = discover_causal_graph(model, own, label)
        except InputError:  # a class that the network does not give twice has no graph
            continue
        used[label] = own
    return graphs, used


def sufficiency(
    model: nn.Module, graphs: Mapping[int, CausalGraph], test: Dataset, draws: int, seed: int
) -> Iterator[Row]:
    """Class probability on unseen images of it when the graph's edges alone are kept, or cut at the last layer."""
    for label, graph in graphs.items():
        own = test.inputs[test.targets == label]
        others = [graph.shuffled(derive(seed, "draw", label, draw)) for draw in range(draws)]
        last = [graph.layers[0].name]
        kept = restricted_model(model, graph)
        yield {
            "measure": "class",
            "class": label,
            "images": len(own),
            "whole": probability(model, own, label),
            "restricted": probability(kept, own, label),
            "restricted on others": probability(kept, test.inputs[test.targets != label], label),
            "restricted random": mean(probability(restricted_model(model, other), own, label) for other in others),
            "ablated": probability(ablated_model(model, graph, last), own, label),
            "ablated random": mean(probability(ablated_model(model, other, last), own, label) for other in others),
            "AUROC whole": auroc(model, test, label),
            "AUROC restricted": auroc(kept, test, label),
        }
        for layer in graph.layers:
            counts = {"causes": len(layer.causes), "nodes": layer.nodes}
            yield {"measure": "layer", "class": label, "layer": layer.name, "rule": layer.rule, **counts}


def stability(
    model: nn.Module,
    used: Mapping[int, Tensor],
    graphs: Mapping[int, CausalGraph],
    betas: Sequence[float],
    repeats: int,
    seed: int,
) -> Iterator[Row]:
    """How alike graphs are from two halves of the images, and from other values for the weights overwritten."""
    for label, images in used.items():
        for repeat in range(repeats):
            order = torch.randperm(len(images), generator=generator(derive(seed, "half", label, repeat)))
            half = len(images) // 2
            try:
                one, other = (
                    discover_causal_graph(model, images[part], label) for part in (order[:half], order[half:])
                )
            except InputError:  # fewer than two images in a half
                continue
            yield {"measure": "halves", "class": label, "repeat": repeat, "value": graph_similarity(one, other)}
        for beta in betas:
            for repeat in range(repeats):
                drawn = derive(seed, "beta", label, str(beta), repeat)
                soft = discover_causal_graph(model, images, label, u=(beta, beta + 0.01), seed=drawn)
                alike = graph_similarity(soft, graphs[label])
                yield {"measure": "beta", "class": label, "beta": beta, "repeat": repeat, "value": alike}


def steepness(
    model: nn.Module,
    graphs: Mapping[int, CausalGraph],
    test: Dataset,
    layer: str,
    examination: Examination,
    seed: int,
) -> Iterator[Row]:
    """Local Lipschitz estimates of causal maps and of attributions by gradients, all maps scaled alike.

    The claim's scale is that of absolute values over the largest; beside it the same with maps that run from 0 to 1.
    """
    predicted = evaluate(model, test, batch_size=256).outputs.argmax(1).to(test.targets.device)
    known = torch.isin(test.targets, torch.tensor(list(graphs), device=test.targets.device))
    right = (known & (predicted == test.targets)).nonzero().flatten()[: examination.explained]
    done = 0
    for label in test.targets[right].unique().tolist():
        own = test.inputs[right][test.targets[right] == label]
        ways = methods(model, graphs[label], label, layer, test.inputs[:50], derive(seed, "shap"))
        noise = derive(seed, "noise", label)
        found = {
            scale: {
                name: local_lipschitz(
                    partial(scaled, way, scale), own, n=examination.perturbations, seed=noise
                ).tolist()
                for name, way in ways.items()
            }
            for scale in SCALES
        }
        areas: dict[str, list[float]] = {}
        if examination.segments is not None:
            for name, way in ways.items():
                areas[name] = irof(model, own, way(own), label, n_segments=examination.segments).area.tolist()
        for number in range(len(own)):
            row = {"class": label, "image": done + number}
            for scale, by_name in found.items():
                own_values = {name: values[number] for name, values in by_name.items()}
                yield row | {"measure": "lipschitz", "scale": scale} | own_values
            if areas:
                yield row | {"measure": "irof"} | {name: values[number] for name, values in areas.items()}
        done += len(own)


def methods(
    model: nn.Module, graph: CausalGraph, label: int, layer: str, baselines: Tensor, seed: int
) -> dict[str, Callable[[Tensor], Tensor]]:
    """Every way of explaining a class, as maps."""
    ways: dict[str, Callable[[Tensor], Tensor]] = {
        CAUSAL: partial(causal_attribution, model, graph, layer=layer, normalise=False),
        SHUFFLED: partial(causal_attribution, model, graph.shuffled(seed), layer=layer, normalise=False),
    }
    pixels: dict[str, Callable[..., Tensor]] = {
        "gradient": input_gradient,
        "input x gradient": input_times_gradient,
        "integrated gradients": partial(integrated_gradients, steps=20),
        "gradient SHAP": partial(gradient_shap, baselines=baselines, n=10, paired=True, seed=seed),
    }

    def of(way: Callable[..., Tensor]) -> Callable[[Tensor], Tensor]:
        return lambda images: attribution_map(way(model, images, label))

    return ways | {name: of(way) for name, way in pixels.items()}


def cost_by_side(sides: tuple[int, ...]) -> Rows:
    """Milliseconds for the graph of one class from 16 images, by the images' side."""
    return growth(lambda side: {"graph": _discovery(side, (48,))}, sides, name="side", rounds=3)


def cost_by_units(units: tuple[int, ...]) -> Rows:
    """The same by the dense layer's units, on images of 16 pixels a side."""
    return growth(lambda width: {"graph": _discovery(16, (width,))}, units, name="units", rounds=3)


def _discovery(side: int, hidden: tuple[int, ...]) -> Callable[[], CausalGraph]:
    """The discovery for nearly equal images, which surely have one class."""
    model = lenet((8, 16), hidden, kernel=3, size=side, seed=0).eval()
    noise = torch.rand(17, 1, side, side, generator=generator(0))
    images = noise[:1] + 0.001 * noise[1:]
    with torch.no_grad():
        label = int(model(images).argmax(1).mode().values)
    return partial(discover_causal_graph, model, images, label)


def probability(model: nn.Module, images: Tensor, label: int) -> float:
    """The mean probability of the class."""
    with torch.no_grad():
        return float(torch.cat([model(some).softmax(1)[:, label] for some in images.split(256)]).mean())


def auroc(model: nn.Module, data: Dataset, label: int) -> float:
    """How well the class score tells the class from the others."""
    scores = evaluate(model, data, batch_size=256).outputs[:, label].cpu()
    return float(roc_auc_score((data.targets == label).cpu().numpy(), scores.numpy()))


def mean(values: Iterator[float]) -> float:
    """The mean of some numbers."""
    listed = list(values)
    return sum(listed) / len(listed)


def scaled(way: Callable[[Tensor], Tensor], scale: str, images: Tensor) -> Tensor:
    """Maps on one of the two scales."""
    maps = way(images).abs()
    if scale == RANGE:
        return rescaled(maps)
    return maps / maps.amax((1, 2), keepdim=True).clamp(min=torch.finfo(maps.dtype).tiny)


def _small_lenet(channels: int, size: int, classes: int, seed: int) -> nn.Sequential:
    return lenet((8, 16), (48,), kernel=3, channels=channels, size=size, classes=classes, seed=seed)


def _lenet(channels: int, size: int, classes: int, seed: int) -> nn.Sequential:
    return lenet(channels=channels, size=size, classes=classes, seed=seed)


def _vgg11(channels: int, size: int, classes: int, seed: int) -> nn.Sequential:
    return vgg(11, channels=channels, size=size, classes=classes, seed=seed)


NETWORKS: Mapping[str, Any] = {"small lenet": _small_lenet, "lenet": _lenet, "vgg11": _vgg11}


def trained(setting: Setting, seed: int) -> tuple[nn.Module, Dataset, Dataset]:
    """A network trained on the setting's images, those images, and others that it has not seen."""
    device = best_device()
    train, test = _data(setting.data)
    make = lookup("network", setting.network, NETWORKS)
    channels, size = train.inputs.shape[1], train.inputs.shape[2]
    model: nn.Module = make(channels, size, train.class_count, derive(seed, "init")).to(device)
    recipe = Recipe(steps=setting.steps, batch_size=setting.batch_size, lr=setting.lr, schedule="onecycle")
    augment = None if setting.data == DIGITS else crop_and_flip
    fit(model, train, recipe, seed=derive(seed, "order"), augment=augment)
    return model.eval(), train.to(device), test.to(device)


def _data(name: str) -> tuple[Dataset, Dataset]:
    if name == DIGITS:
        train, _, test = digits_split()
        return train, test
    train = hub_dataset(name, "train").standardise()
    return train, hub_dataset(name, "test").standardise(like=train)
