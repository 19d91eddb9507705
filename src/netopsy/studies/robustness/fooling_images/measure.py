"""What is measured: evolved and random images of one network, a chain of retrained networks, and pairs of networks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.modes import device_of
from netopsy.core.seeds import derive
from netopsy.core.shapes import Images
from netopsy.data import Dataset
from netopsy.lab import Cell, Rows
from netopsy.lab.pictures import to_text
from netopsy.robustness.fooling_images import (
    CPPNEncoding,
    DirectEncoding,
    FoolingImages,
    ascend_fooling_images,
    best_of_random,
    distance_to_real,
    evolve_fooling_images,
    retrain_with_fooling_class,
    transfer_rate,
)
from netopsy.robustness.queries import Queries
from netopsy.studies.robustness.fooling_images.plan import (
    ASCENT,
    BEST,
    CPPN,
    ENCODINGS,
    EVOLVED,
    PARTNER,
    RANDOM,
    RAW,
    Config,
    Evolution,
    Retraining,
    Source,
)
from netopsy.studies.robustness.fooling_images.subject import accuracy, images_of, network, reference, trained


def plan(config: Config) -> Iterable[Cell]:
    """Chains first, which take longest; then one network a cell on each kind of images, and its pair."""
    seeds = range(config.seeds)
    for seed in seeds:
        yield Cell.of(retraining, source=config.plain, seed=seed, chain=config.retraining)
    for source, evolution in ((config.rich, config.on_rich), (config.plain, config.on_plain)):
        for seed in seeds:
            yield Cell.of(images, data=source.data, source=source, seed=seed, evolution=evolution, steps=config.steps)
    for seed in seeds:
        given = {"evolution": config.on_plain, "draws": config.draws}
        yield Cell.of(transfer, source=config.plain, seed=seed, seeds=tuple(seeds), **given)


def images(data: str, source: Source, seed: int, evolution: Evolution, steps: int) -> Rows:
    """Confidence and distance to real images by class, of images evolved, never evolved, and ascended."""
    train, test = images_of(source, seed)
    model = network(source, seed)
    yield {"measure": "accuracy", "value": accuracy(model, test)}
    real, shape = reference(train, evolution.real), _shape(train)
    every: dict[tuple[str, str], FoolingImages] = {}
    for name, encoding in ENCODINGS.items():
        for way, found in _searched(model, shape, encoding, evolution, seed).items():
            every[name, way] = found
            for generation, sure in enumerate(found.history):
                row = {"measure": "history", "method": name, "way": way, "generation": generation}
                yield {**row, "median": sure.quantile(0.5), "value": sure.min()}
            if seed == 0 and way == EVOLVED:
                yield from _pictures(found.images, found.confidence, name)
    ascended = ascend_fooling_images(
        model, shape, range(train.class_count), steps=steps, mean=real.mean(0), seed=derive(seed, "ascent")
    )
    every[ASCENT, ASCENT] = ascended
    yield from _by_class(every, real)
    if seed == 0:
        yield from _pictures(ascended.images, ascended.confidence, ASCENT)
        firsts = torch.stack([train.inputs[train.targets == number][0] for number in range(train.class_count)])
        yield from _pictures(firsts, torch.ones(len(firsts)), "real")


def _searched(model: nn.Module, shape: Any, encoding: Any, evolution: Evolution, seed: int) -> dict[str, FoolingImages]:
    """As many images evolved and drawn at random."""
    batch, count = evolution.batch, evolution.batch * (evolution.generations + 1)
    return {
        EVOLVED: evolve_fooling_images(
            model,
            shape,
            encoding,
            generations=evolution.generations,
            batch=batch,
            seed=derive(seed, EVOLVED, encoding),
        ),
        RANDOM: best_of_random(model, shape, encoding, count=count, batch=batch, seed=derive(seed, RANDOM, encoding)),
    }


def _by_class(found: dict[tuple[str, str], FoolingImages], real: Images) -> Iterator[dict[str, Any]]:
    """Confidence and distance of every image, by method and way."""
    every = torch.cat([each.images.cpu() for each in found.values()])
    away = distance_to_real(every, real.cpu()).split([len(each.images) for each in found.values()])
    for ((method, way), each), distances in zip(found.items(), away, strict=True):
        of = {"measure": "class", "method": method, "way": way}
        for number, sure, distance in zip(each.classes.tolist(), each.confidence, distances, strict=True):
            yield {**of, "class": number, "value": sure, "distance": distance}


def _pictures(found: Images, confidence: Tensor, kind: str) -> Iterator[dict[str, Any]]:
    """Every image as text, a channel in a column."""
    for number, (image, sure) in enumerate(zip(found, confidence, strict=True)):
        channels = {f"channel {place}": to_text(channel) for place, channel in enumerate(image)}
        yield {"measure": "picture", "kind": kind, "class": number, "value": sure, **channels}


def retraining(source: Source, seed: int, chain: Retraining) -> Rows:
    """Round by round: what confidence new fooling images reach, and whether the network still does what it should."""
    train, test = images_of(source, seed)
    labelled = Dataset(train.inputs, train.targets)

    def train_again(inputs: Tensor, labels: Tensor, classes: int, number: int) -> nn.Module:
        return trained(source, Dataset(inputs, labels), classes, derive(seed, "round", number))

    rounds = retrain_with_fooling_class(
        train_again,
        labelled.inputs,
        labelled.targets,
        rounds=chain.rounds,
        added=chain.added,
        encoding="cppn",
        generations=chain.generations,
        batch=chain.batch,
        seed=derive(seed, "retraining"),
    )
    real = reference(train, 5000)
    first = torch.cat([each.found[0].images for each in rounds])
    distances = distance_to_real(first, real).view(len(rounds), -1).quantile(0.5, 1)
    for number, (each, distance) in enumerate(zip(rounds, distances, strict=True)):
        assert isinstance(each.model, nn.Module)
        further = torch.full((len(each.taught),), train.class_count)
        yield {
            "round": number,
            "value": each.confidence.quantile(0.5),
            "least": each.confidence.min(),
            "accuracy": accuracy(each.model, test),
            "taught": transfer_rate(each.model, each.taught, further) if len(further) else None,
            "taught images": len(further),
            "distance": distance,
        }


def transfer(source: Source, seed: int, seeds: tuple[int, ...], evolution: Evolution, draws: int) -> Rows:
    """How often another network gives the class that an image was made for, and agrees on images never evolved."""
    train, _ = images_of(source, seed)
    shape, classes = _shape(train), train.class_count
    model = network(source, seed)
    found = {name: _searched(model, shape, encoding, evolution, seed) for name, encoding in ENCODINGS.items()}
    unevolved = _unevolved(model, shape, draws * classes, seed)
    for number in (PARTNER, *seeds):
        own = derive(seed, "partner") if number == PARTNER else number
        other = model if number == seed else network(source, own)
        for name, ways in found.items():
            for way, some in ways.items():
                rate = transfer_rate(other, some.images, some.classes)
                yield {"method": name, "way": BEST if way == RANDOM else way, "other": number, "value": rate}
            rate = transfer_rate(other, *unevolved[name])
            yield {"method": name, "way": RANDOM, "other": number, "value": rate}


def _unevolved(model: nn.Module, shape: Any, count: int, seed: int) -> dict[str, tuple[Images, Tensor]]:
    """Random images of each encoding, the first of which are uniform noise, and the classes the network gives them."""
    random = torch.Generator().manual_seed(derive(seed, "unevolved"))
    direct, cppn = DirectEncoding(shape), CPPNEncoding(shape)
    made = {RAW: direct.render(direct.random(count, random)), CPPN: cppn.render(cppn.random(count, random))}
    asked = Queries(model)
    return {name: (some.to(device_of(model)), asked(some).argmax(1)) for name, some in made.items()}


def _shape(data: Dataset) -> tuple[int, int, int]:
    channels, height, width = data.inputs.shape[1:]
    return channels, height, width
