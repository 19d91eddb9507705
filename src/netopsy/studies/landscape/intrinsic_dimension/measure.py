"""What is measured: accuracies in subspaces and of direct training, controls of equal size, what projections cost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.modes import best_device
from netopsy.core.seeds import derive, generator
from netopsy.data import Dataset, digits_split, load_data
from netopsy.lab import Rows
from netopsy.lab.costs import growth
from netopsy.landscape.intrinsic_dimension import (
    FastfoodProjection,
    MatrixProjection,
    Projection,
    SparseProjection,
    SubspaceModel,
    compress,
    fit_subspaces,
    make_projection,
)
from netopsy.models import lenet, mlp
from netopsy.studies.landscape.intrinsic_dimension.plan import (
    COORDINATES,
    FASTFOOD,
    NARROW,
    PERMUTED,
    SHUFFLED,
    SPARSE,
    Network,
    Training,
)
from netopsy.training import Fit, Recipe, fit_many

Parts = dict[str, Dataset]


def curves(
    network: Network,
    projection: str,
    pixels: tuple[str, ...],
    data: str,
    dims: tuple[int, ...],
    seeds: tuple[int, ...],
    training: Training,
) -> Rows:
    """Accuracy on held-out samples at each dimension and, for Fastfood, at dimension 0 that of direct training."""
    train, held = _parts(data)
    places = [(kind, seed) for kind in pixels for seed in seeds]
    models, own = [made(network, train, seed) for _, seed in places], [seed for _, seed in places]
    if PERMUTED in pixels:
        length = train.inputs[0].numel()
        models = [Permuted(model, length, kind, seed) for model, (kind, seed) in zip(models, places, strict=True)]
    at = {"network": network.name, "full": _size(models[0]), "rate": training.rate}
    if projection == FASTFOOD:
        for (kind, seed), found in zip(places, direct(models, train, training, own, held), strict=True):
            yield {**at, "pixels": kind, "seed": seed, "dimension": 0, **_accuracies(found, held)}
    wide = [subspace(model, max(dims), projection, seed) for model, seed in zip(models, own, strict=True)]
    for run in fit_subspaces(wide, train, recipe(training, training.rate), dims, seeds=own, evaluation=held):
        kind, seed = places[run.network]
        row = {**at, "pixels": kind, "seed": seed, "dimension": run.dimension}
        size = len(compress(run.model)) if projection == FASTFOOD else None
        yield {**row, "bytes": size, **_accuracies(run.fit, held)}


def labels(
    network: Network,
    labels: str,
    data: str,
    samples: int,
    dims: tuple[int, ...],
    seeds: tuple[int, ...],
    training: Training,
) -> Rows:
    """Accuracy on the training samples themselves, whose labels are true or shuffled."""
    train = _parts(data)[0]
    own = train[torch.arange(min(samples, len(train)))]
    if labels == SHUFFLED:
        order = torch.randperm(len(own), generator=generator(derive(0, "labels")))
        own = replace(own, targets=own.targets[order.to(own.targets.device)])
    models, held = [made(network, own, seed) for seed in seeds], {"training": own}
    for seed, found in zip(seeds, direct(models, own, training, seeds, held), strict=True):
        yield {"seed": seed, "dimension": 0, **_accuracies(found, held)}
    wide = [subspace(model, max(dims), FASTFOOD, seed) for model, seed in zip(models, seeds, strict=True)]
    for run in fit_subspaces(wide, own, recipe(training, training.rate), dims, seeds=seeds, evaluation=held):
        yield {"seed": seeds[run.network], "dimension": run.dimension, **_accuracies(run.fit, held)}


def controls(network: Network, data: str, dims: tuple[int, ...], seeds: tuple[int, ...], training: Training) -> Rows:
    """What as many numbers reach that are stored otherwise: of a narrow network, or d of the wide one's parameters."""
    train, held = _parts(data)
    models = [made(network, train, seed) for seed in seeds]
    wide = [
        SubspaceModel(model, max(dims), projection=Coordinates(_size(model), max(dims), seed=seed))
        for model, seed in zip(models, seeds, strict=True)
    ]
    for run in fit_subspaces(wide, train, recipe(training, training.rate), dims, seeds=seeds, evaluation=held):
        at = {"method": COORDINATES, "seed": seeds[run.network], "dimension": run.dimension}
        yield {**at, **_accuracies(run.fit, held)}
    found: dict[int, list[Fit]] = {}
    for dimension in dims:
        width = next(w for w in count(1) if _size(made(Network((w,)), train, 0)) >= dimension)
        if width not in found:
            narrow = [made(Network((width,)), train, seed) for seed in seeds]
            # A narrow network has no reason for small steps: the larger rate serves it better.
            found[width] = direct(narrow, train, replace(training, direct_rate=0.01), seeds, held)
        for seed, fit in zip(seeds, found[width], strict=True):
            yield {"method": NARROW, "seed": seed, "dimension": dimension, "width": width, **_accuracies(fit, held)}


def cost(sizes: tuple[int, ...]) -> Rows:
    """Milliseconds for the way there and back, by the number of parameters; d is the root of it."""

    def ways(full: int) -> dict[str, Callable[[], Tensor]]:
        dimension = int(full**0.5)
        z, back = torch.randn(dimension), torch.randn(full)
        made = {kind: make_projection(kind, full, dimension) for kind in ("dense", "sparse", "fastfood")}
        return {kind: partial(_there_and_back, each, z, back) for kind, each in made.items()}

    return growth(ways, sizes, name="parameters", rounds=3)


def _there_and_back(projection: Projection, z: Tensor, gradient: Tensor) -> Tensor:
    return projection(z)[0] + projection.transpose(gradient)[0]


class Permuted(nn.Module):
    """A network that sees the pixels in their order or, drawn by a seed, in another: all can train as one stack."""

    order: Tensor

    def __init__(self, model: nn.Module, pixels: int, kind: str, seed: int) -> None:
        super().__init__()
        self.model = model
        drawn = torch.randperm(pixels, generator=generator(derive(seed, "pixels")))
        order = drawn if kind == PERMUTED else torch.arange(pixels)
        self.register_buffer("order", order.to(next(model.parameters()).device), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """What the network says of the permuted images."""
        moved: Tensor = self.model(images.flatten(1).index_select(1, self.order).view_as(images))
        return moved


class Coordinates(Projection):
    """Columns that are 1 at one parameter each, drawn without repetition."""

    nested = True
    places: Tensor

    def __init__(self, full: int, dimension: int, *, seed: int) -> None:
        super().__init__(full, dimension)
        self.seed = seed
        order = torch.randperm(full, generator=generator(derive(seed, "coordinates")))
        self.register_buffer("places", order[:dimension].clone(), persistent=False)

    def first(self, dimension: int) -> Coordinates:
        """Drawn again with fewer."""
        return Coordinates(self.full, dimension, seed=self.seed).to(self.places.device)

    def _project(self, z: Tensor) -> Tensor:
        return z.new_zeros(*z.shape[:-1], self.full).scatter(-1, self.places, z)

    def _transpose(self, gradient: Tensor) -> Tensor:
        return gradient.gather(-1, self.places)


def subspace(model: nn.Module, dimension: int, kind: str, seed: int) -> SubspaceModel:
    """A network in a subspace, with directions of its seed; sparse ones as a matrix, which can be stacked."""
    own, full = derive(seed, "directions"), _size(model)
    made: Projection
    if kind == FASTFOOD:
        made = FastfoodProjection(full, dimension, seed=own)
    elif kind == SPARSE:
        made = MatrixProjection(SparseProjection(full, dimension, seed=own).to_matrix())
    else:
        made = make_projection(kind, full, dimension, seed=own)
    return SubspaceModel(model, dimension, projection=made)


def made(network: Network, data: Dataset, seed: int) -> nn.Module:
    """The network with first values of its own, for images like those of ``data``."""
    own, side = derive(seed, "weights"), data.inputs.shape[-1]
    model: nn.Module
    if network.channels:
        options: dict[str, Any] = {"kernel": network.kernel, "size": side, "classes": data.class_count, "seed": own}
        model = lenet(network.channels, network.hidden, **options)
    else:
        pixels = data.inputs[0].numel()
        model = mlp([pixels, *network.hidden, data.class_count], initialisation="he_normal", seed=own)
    return model.to(data.device)


def recipe(training: Training, rate: float) -> Recipe:
    """Adam at a constant rate."""
    return Recipe(steps=training.steps, batch_size=training.batch_size, lr=rate, weight_decay=training.weight_decay)


def direct(
    models: Sequence[nn.Module], train: Dataset, training: Training, seeds: Sequence[int], held: Parts
) -> list[Fit]:
    """Direct training of copies, on the same batches as the subspaces have."""
    from netopsy.core.computed import copied

    copies = [copied(model) for model in models]
    return fit_many(copies, train, recipe(training, training.direct_rate), seeds=seeds, evaluation=held)


def _accuracies(fit: Fit, held: Parts) -> dict[str, float]:
    """By part, and over the samples of all parts."""
    each = {name: float(fit.history.accuracy[name][-1]) for name in held}
    total = sum(len(part) for part in held.values())
    return each | {"value": sum(each[name] * len(part) for name, part in held.items()) / total}


def _parts(data: str) -> tuple[Dataset, Parts]:
    if data == "digits":
        train, validation, test = digits_split()
    else:
        train, validation = load_data(data, split="train").split(0.9, 0.1)
        test = load_data(data, split="test")
    train, validation, test = (part.to(best_device()) for part in (train, validation, test))
    return train, {"validation": validation, "test": test}


def _size(model: nn.Module) -> int:
    return sum(each.numel() for each in model.parameters())
