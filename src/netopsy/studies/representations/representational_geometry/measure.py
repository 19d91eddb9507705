"""Train stacks of networks and take the geometry of their hidden layer."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from netopsy.core.seeds import derive
from netopsy.lab import Cell, Rows
from netopsy.representations.representational_geometry import (
    Task,
    aligned_task,
    ccgp,
    label_kernel,
    nudged_xor,
    parallelism_score,
    unstructured_task,
)
from netopsy.representations.similarity import kernel_alignment
from netopsy.studies.representations.representational_geometry.images import images
from netopsy.studies.representations.representational_geometry.plan import (
    ACCURACY,
    GENERAL,
    INPUT,
    PARALLEL,
    RELU,
    TANH,
    TARGET,
    Config,
)
from netopsy.studies.representations.representational_geometry.stack import Stack


def plan(config: Config) -> Iterable[Cell]:
    """The networks of a cell train as one stack."""
    for activation in config.activations:
        yield Cell.of(unstructured, activation=activation, config=config)
    for activation in (TANH, RELU):
        yield Cell.of(nudged, activation=activation, config=config)
        for bits in config.bits:
            for rank in config.ranks:
                for depth in config.depths:
                    yield Cell.of(aligned, activation=activation, bits=bits, rank=rank, depth=depth, config=config)
        if config.images is not None:
            for seed in range(config.seeds):
                yield Cell.of(images, activation=activation, seed=seed, setting=config.images)


def unstructured(activation: str, config: Config) -> Rows:
    """Four random means: both alignments during training, and everything at its end."""
    setting = config.unstructured
    seeds = range(config.seeds)
    tasks = [unstructured_task(setting.features, noise=setting.noise, seed=derive(seed, "means")) for seed in seeds]
    stack = Stack(tasks, activation, setting, seed=derive(0, "unstructured"))
    looks = {round(place) for place in torch.linspace(0, setting.steps, config.looks).tolist()}
    at = [{"seed": seed} for seed in seeds]
    for step in stack.train(looks):
        last = step == setting.steps
        yield from _geometry(stack, tasks, [{**each, "step": step} for each in at], whole=last)
        if last:
            yield from _generalisation(stack, tasks, [{**each, "step": step} for each in at])


def aligned(activation: str, bits: int, rank: int, depth: int, config: Config) -> Rows:
    """Kernels of set alignments with the labels, several networks each."""
    setting, tasks, at = config.aligned, [], []
    for seed in range(config.seeds):
        for share in config.shares:
            task = aligned_task(
                config.conditions,
                bits,
                share * math.sqrt(bits / (config.conditions - 1)),
                n_features=setting.features,
                noise=setting.noise,
                rank=min(rank + bits * (share > 0), config.conditions - 1),
                seed=derive(seed, "kernel", bits, rank),
            )
            for number in range(config.networks):
                tasks.append(task)
                at.append({"seed": seed, "share": share, "network": number, "given": task.alignment})
    stack = Stack(tasks, activation, setting, depth=depth, seed=derive(0, "aligned", bits, rank, depth))
    for step in stack.train({0, setting.steps}):
        yield from _geometry(stack, tasks, [{**each, "trained": step > 0} for each in at])


def nudged(activation: str, config: Config) -> Rows:
    """The exclusive or, nudged by every delta, readout fixed."""
    setting = config.nudged
    at = [{"seed": seed, "delta": delta} for seed in range(config.seeds) for delta in config.deltas]
    tasks = [
        nudged_xor(setting.features, each["delta"], noise=setting.noise, seed=derive(int(each["seed"]), "directions"))
        for each in at
    ]
    stack = Stack(tasks, activation, setting, seed=derive(0, "nudged"))
    for step in stack.train({0, setting.steps}):
        yield from _geometry(stack, tasks, [{**each, "trained": step > 0} for each in at])


@torch.no_grad()
def _geometry(stack: Stack, tasks: Sequence[Task], at: Sequence[dict[str, object]], *, whole: bool = True) -> Rows:
    """Both alignments of each network's layer at the noiseless means, with the trained biases."""
    points = stack.hidden(stack.means).double().cpu()
    kernels = points @ points.mT
    targets = torch.stack([label_kernel(task.labels) for task in tasks])
    inputs = torch.stack([task.input_kernel for task in tasks])
    found: dict[str, Tensor | list[float]] = {
        TARGET: kernel_alignment(kernels, targets),
        INPUT: kernel_alignment(kernels, inputs),
    }
    if whole:
        found[PARALLEL] = list(_parallelism(points, tasks))
        found[ACCURACY] = stack.accuracy()
    for metric, values in found.items():
        for place, value in zip(at, values, strict=True):
            yield {**place, "metric": metric, "value": float(value)}


def _parallelism(points: Tensor, tasks: Sequence[Task]) -> Iterator[float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a layer that is dead has none: NaN
        for own, task in zip(points, tasks, strict=True):
            method = "exact" if len(own) <= 4 else "assignment"
            scores = [parallelism_score(own, bit, method=method) for bit in task.labels.T]  # type: ignore[arg-type]
            yield sum(scores) / len(scores)


@torch.no_grad()
def _generalisation(stack: Stack, tasks: Sequence[Task], at: Sequence[dict[str, object]]) -> Rows:
    inputs, number = stack.sample(max(40, stack.setting.batch))
    points = stack.hidden(inputs).cpu()
    for place, own, conditions, task in zip(at, points, number.cpu(), tasks, strict=True):
        value = ccgp(own, conditions, task.labels[conditions, 0], pairs="all")
        yield {**place, "metric": GENERAL, "value": value}
