"""How the classes lie to each other in what each layer is given, as inner products of samples."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netopsy.core.capture import capturing
from netopsy.core.modes import evaluating
from netopsy.core.progress import track
from netopsy.core.seeds import generator
from netopsy.examination.subject import Subject
from netopsy.examination.weighted_layers import weighted_layers
from netopsy.representations.representational_geometry import ccgp, parallelism_score, participation_ratio
from netopsy.representations.similarity import kernel_alignment

LAYERS, BATCH = 9, 64
NUMBERS = 8192
"""Numbers a sample that a layer's places are averaged to, so that all fit in memory."""
SHUFFLES = 20


@dataclass(frozen=True)
class Geometry:
    """Of one layer's samples."""

    target: float
    """Debiased kernel alignment with the classes."""
    shuffled: float
    """The highest of that with shuffled classes."""
    given: float
    """Debiased kernel alignment with the inputs."""
    dimension: float
    """Participation ratio of the class means."""
    parallelism: float
    """Mean over dichotomies of the classes; NaN where there are none."""
    ccgp: float


@torch.no_grad()
def layers_of_rows(subject: Subject) -> list[str]:
    """Layers with weights that are given one row of floats a sample, the last among them where it is one."""
    subject = subject.in_single_precision
    names = weighted_layers(subject, LAYERS)
    shapes = []
    for count in (2, 3):  # the same sample again: one row a sample is so many rows
        given = _given(subject.model, subject.data.inputs[:1].repeat_interleave(count, 0).to(subject.device), names)
        shapes.append({name for name, values in given.items() if values.ndim >= 2 and len(values) == count})
    return [name for name in names if name in shapes[0] & shapes[1]]


@torch.no_grad()
def kernels(subject: Subject, model: nn.Module, names: Sequence[str], indices: Tensor) -> dict[str, Tensor]:
    """Of every layer the inner products of samples, ``[samples, samples]``, around their mean."""
    parts: dict[str, list[Tensor]] = {name: [] for name in names}
    for some in track(indices.split(subject.batch_size), "looking at what layers are given"):
        given = _given(model, subject.data.inputs[some].to(subject.device), names)
        for name in names:
            parts[name].append(_rows(given[name], model.get_submodule(name)).cpu())
    return {name: _kernel(torch.cat(held)) for name, held in parts.items()}


def input_kernel(subject: Subject, indices: Tensor) -> Tensor | None:
    """The same of the inputs themselves; ``None`` for tokens, whose numbers say nothing."""
    inputs = subject.data.inputs
    if not inputs.is_floating_point():
        return None
    return _kernel(torch.cat([_rows(inputs[some].cpu(), None) for some in indices.split(BATCH)]))


def geometry(kernel: Tensor, given: Tensor, labels: Tensor, splits: Sequence[Tensor], *, seed: int) -> Geometry:
    """All that is said of a layer; ``labels`` count from 0, and ``splits`` are -1 or 1 a class."""
    wanted = nn.functional.one_hot(labels).double()
    random = generator(seed)
    shuffled = [torch.randperm(len(labels), generator=random) for _ in range(SHUFFLES)]
    orders = torch.stack([torch.arange(len(labels)), *shuffled])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a layer that says the same of every sample is a gap
        found = kernel_alignment(kernel, wanted[orders] @ wanted[orders].mT, debiased=True)
        alike = kernel_alignment(kernel, given, debiased=True).item()
        rows = _places(kernel)
        share = wanted / wanted.sum(0)
        means = share.T @ rows
        parallel, general = [], []
        for signs in splits:
            kept = signs != 0
            mine = kept[labels]
            parallel.append(parallelism_score(means[kept], signs[kept], method="assignment"))
            general.append(ccgp(rows[mine], labels[mine], signs[labels[mine]]))
        dimension = participation_ratio(means)
    return Geometry(found[0].item(), found[1:].max().item(), alike, dimension, _mean(parallel), _mean(general))


def dichotomies(classes: int, most: int, *, seed: int) -> list[Tensor]:
    """Different pairs of halves of the classes, at random: -1 or 1 a class, 0 for one too many; none below 4 classes.

    Halves of one size: where a class is paired twice, its own place makes two steps alike.
    """
    found: dict[tuple[float, ...], Tensor] = {}
    random, half = generator(seed), classes // 2
    for _ in range(20 * most if half >= 2 else 0):
        order, signs = torch.randperm(classes, generator=random), torch.zeros(classes)
        signs[order[:half]], signs[order[half : 2 * half]] = 1, -1
        either = signs * signs[signs != 0][0]  # which half is called 1 makes no difference
        found.setdefault(tuple(either.tolist()), signs)
    return list(found.values())[:most]


def _given(model: nn.Module, inputs: Tensor, names: Sequence[str]) -> Mapping[str, Tensor]:
    given: dict[str, Tensor] = {}
    with evaluating(model), capturing(model, list(names), inputs=given):
        model(inputs)
    return {name: given[name] for name in names if name in given and given[name].is_floating_point()}


def _rows(values: Tensor, module: nn.Module | None) -> Tensor:
    """One row a sample; places are averaged until a sample has `NUMBERS` numbers at most. Inputs have no ``module``."""
    values = values.float()
    if values.ndim == 2 or values[0].numel() <= NUMBERS:
        return values.flatten(1)
    channels_first = module is None or isinstance(module, nn.modules.conv._ConvNd)
    if channels_first and values.ndim == 4:
        side = max(1, int((NUMBERS / values.shape[1]) ** 0.5))
        return nn.functional.adaptive_avg_pool2d(values, side).flatten(1)
    places = values.flatten(2) if channels_first else values.flatten(1, -2).mT
    return nn.functional.adaptive_avg_pool1d(places, max(1, NUMBERS // places.shape[1])).flatten(1)


def _kernel(rows: Tensor) -> Tensor:
    rows = rows.double()
    rows -= rows.mean(0)
    return rows @ rows.T


def _places(kernel: Tensor) -> Tensor:
    """Points with these inner products, in as few numbers as there are samples."""
    values, vectors = torch.linalg.eigh(kernel)
    return vectors * values.clamp(min=0).sqrt()


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
