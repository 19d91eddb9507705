"""How many edges and features perceptrons on digits need, in each basis."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from netopsy.core.seeds import derive
from netopsy.data import Dataset, digits_split, load_data
from netopsy.lab import Rows
from netopsy.landscape.interaction_basis import (
    InteractionBasis,
    edges_required,
    interaction_basis,
    interaction_edges,
    interaction_modules,
    neuron_basis,
    nodes_required,
    pca_basis,
)
from netopsy.models import mlp
from netopsy.studies.landscape.interaction_basis.plan import (
    COMPONENTS,
    INTERACTION,
    LOCAL,
    TURNED,
    UNITS,
    Features,
)
from netopsy.training import Recipe, evaluate, fit_many


def sparsity(seeds: tuple[int, ...], config: Features) -> Rows:
    """Trained together; then, run by run and basis by basis, what each section needs."""
    if config.data == "digits":
        train, _, test = digits_split(0)
    else:
        train, test = load_data(config.data, split="train"), load_data(config.data, split="test")
    models = [mlp(list(config.widths), seed=derive(seed, "features")) for seed in seeds]
    recipe = Recipe(steps=config.steps, batch_size=config.batch_size, lr=config.lr, schedule="cosine")
    fit_many(models, train, recipe, seeds=[derive(seed, "order") for seed in seeds])
    data = train[: config.images]
    for seed, model in zip(seeds, models, strict=True):
        yield {"seed": seed, "measure": "accuracy", "value": evaluate(model, test).accuracy}
        for method, basis in _bases(model, data, config, seed):
            yield from ({"seed": seed, "method": method, **row} for row in _needed(model, basis, data, config))


def _bases(model: nn.Module, data: Dataset, config: Features, seed: int) -> Iterator[tuple[str, InteractionBasis]]:
    hidden = [f"act{number}" for number in range(1, len(config.widths) - 1)]
    layers, inputs = ["flatten", *hidden, "output"], data.inputs
    yield INTERACTION, interaction_basis(model, layers, inputs)
    yield LOCAL, interaction_basis(model, layers, inputs, target="next")
    yield COMPONENTS, pca_basis(model, layers, inputs)
    yield TURNED, pca_basis(model, layers, inputs, rotate=derive(seed, "rotation"))
    yield UNITS, neuron_basis(model, layers, inputs)


def _needed(model: nn.Module, basis: InteractionBasis, data: Dataset, config: Features) -> Rows:
    def accuracy(outputs: Tensor) -> float:
        return float((outputs.argmax(1) == data.targets).double().mean())

    edges = interaction_edges(model, basis, data.inputs)
    found = edges_required(model, basis, edges, data.inputs, accuracy, tolerance=config.tolerance)
    for number, (pair, needed) in enumerate(found.items(), start=1):
        own = edges[pair]
        at = {"measure": "edges", "section": number}
        yield {**at, "value": needed.count, "total": needed.total, "reached": needed.reached}
        for count, value in needed.tried.items():
            yield {"measure": "tried", "section": number, "edges": count, "value": value}
        shares = own.flatten().sort(descending=True).values / own.sum()
        yield {"measure": "spread", "section": number, "value": float(1 / (shares**2).sum())}
    for number, needed in enumerate(
        nodes_required(model, basis, data.inputs, accuracy, tolerance=config.tolerance).values(), start=1
    ):
        yield {"measure": "nodes", "section": number, "value": needed.count, "total": needed.total}
    least = {pair: max(needed.least, float(torch.finfo(torch.float64).tiny)) for pair, needed in found.items()}
    modules = interaction_modules(edges, {pair: least[pair] * (1 - 1e-9) for pair in edges})
    yield {"measure": "modules", "value": modules.modularity, "communities": len(modules.communities)}
