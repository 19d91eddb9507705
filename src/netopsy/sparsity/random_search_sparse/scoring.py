"""How good each candidate looks before training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.errors import lookup, require
from netopsy.core.modes import device_of, evaluating, running_on
from netopsy.core.progress import track
from netopsy.data import Dataset
from netopsy.sparsity.random_search_sparse.perceptron import PerceptronCandidates, layers_of_perceptron
from netopsy.sparsity.random_search_sparse.space import NodeSpace, SearchSpace
from netopsy.sparsity.random_search_sparse.stacked import StackedCandidates
from netopsy.training.checks import check_answers
from netopsy.training.evaluation import correct
from netopsy.training.losses import LOSSES

Score: TypeAlias = Literal["loss", "error"] | Callable[[nn.Module], float | int]
Rescale: TypeAlias = bool | Literal["sqrt"]

MEMORY = 200_000_000
"""Bytes that the candidates of one go may take."""
CACHED = 2**24
"""The same for perceptrons on a processor, whose products are so quick that fetching from memory would take longer."""


def gain_of(rescale: Rescale) -> float:
    """The power of h/k that the outgoing weights of kept units are multiplied by."""
    require(rescale in (True, False, "sqrt"), f"rescale must be True, False or 'sqrt', got {rescale!r}")
    return 0.5 if rescale == "sqrt" else float(rescale)


@torch.no_grad()
def scores_of(
    model: nn.Module,
    data: Dataset,
    space: SearchSpace,
    masks: Mapping[str, Tensor],
    score: Score,
    *,
    loss: str,
    gain: float,
    batch_size: int,
) -> Float[Tensor, "candidates"]:
    """The score of every candidate; the network is in evaluation mode, so that no statistics leak between them."""
    count = len(next(iter(masks.values())))
    if callable(score):
        return _one_by_one(model, space, masks, score, gain, count)
    lookup("score", score, {"loss": 0, "error": 0})
    lookup("loss", loss, LOSSES)
    device, total = device_of(model), torch.zeros(count, dtype=torch.float64)
    sample = data.inputs[:2].to(device)
    with evaluating(model), running_on(sample, model):
        check_answers(model(sample), data.targets, loss)
        layers = layers_of_perceptron(model, sample) if isinstance(space, NodeSpace) else None
        candidates: PerceptronCandidates | StackedCandidates
        if layers is not None and isinstance(space, NodeSpace):
            candidates, memory = PerceptronCandidates.of(layers, space, masks, gain), MEMORY
            memory = min(memory, CACHED) if device.type == "cpu" else memory
        else:
            candidates, memory = StackedCandidates.of(model, space, masks, gain, sample[:1]), MEMORY
        for start in track(range(0, len(data), batch_size), "scoring candidates"):
            inputs = data.inputs[start : start + batch_size].to(device)
            targets = data.targets[start : start + batch_size].to(device)
            outputs = candidates.prepared(inputs)
            at_once = max(1, memory // candidates.bytes_of_one(len(inputs)))
            for first in range(0, count, at_once):
                part = slice(first, min(first + at_once, count))
                total[part] += _summed(outputs(part), targets, score, loss)
    return (total / len(data)).float()


def _summed(outputs: Tensor, targets: Tensor, score: str, loss: str) -> Tensor:
    """The loss, or the number of errors, of every candidate over the samples of a batch."""
    flat, repeated = outputs.flatten(0, 1), targets.repeat(len(outputs), *[1] * (targets.ndim - 1))
    each = LOSSES[loss](flat, repeated) if score == "loss" else 1 - correct(flat, repeated, loss)
    return each.view(len(outputs), -1).double().sum(1).cpu()


def _one_by_one(
    model: nn.Module,
    space: SearchSpace,
    masks: Mapping[str, Tensor],
    score: Callable[[nn.Module], float | int],
    gain: float,
    count: int,
) -> Tensor:
    found = []
    for place in track(range(count), "scoring candidates"):
        network = space.network(model, {name: mask[place] for name, mask in masks.items()}, gain)
        with torch.enable_grad():
            value = score(network)
        number = isinstance(value, float | int) and not isinstance(value, bool)
        require(number, f"score must return a number, got {type(value).__name__}")
        found.append(float(value) if value is not None else math.nan)
    return torch.tensor(found)
