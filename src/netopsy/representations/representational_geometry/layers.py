"""The geometry of every layer of a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Int
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.batches import check_batch
from netopsy.core.capture import capturing, layer_activations
from netopsy.core.errors import require
from netopsy.core.layers import layer_names
from netopsy.core.modes import check_model, evaluating, running_on
from netopsy.representations.representational_geometry.dimension import participation_ratio
from netopsy.representations.representational_geometry.kernels import check_labels, label_kernel
from netopsy.representations.representational_geometry.parallelism import MOST, parallelism_score
from netopsy.representations.similarity import kernel_alignment

if TYPE_CHECKING:
    from pandas import DataFrame

BATCH = 256


@checked
def layer_geometry(
    model: nn.Module,
    inputs: Tensor,
    labels: Tensor,
    *,
    layers: str | nn.Module | Sequence[str] | None = None,
    conditions: Int[Tensor, " samples"] | None = None,
) -> DataFrame:
    """Of every layer: alignment with the labels and with the inputs, parallelism, and dimension.

    A row a layer, with the columns ``layer``, ``target`` and ``input`` (centred kernel alignment, over the means of
    conditions), ``ps`` (`parallelism_score`, the mean over bits; by assignment above 8 conditions) and ``pr``
    (`participation_ratio`). What does not depend on the input is NaN, with a warning.

    Args:
        inputs: ``[conditions, ...]``, one without noise each; or samples, where ``conditions`` says of what.
        labels: ``[conditions, bits]`` of -1 and 1.
        layers: by name, looked at as they return their values: name the activation functions for what comes behind
            them. Every layer without layers of its own where not given.
        conditions: ``[samples]``, from 0; a condition is then the mean of its samples.

    Raises:
        InputError: labels of other kinds, a condition without a sample, fewer than 3 conditions, or activations that
            are not finite.

    >>> from netopsy.models import mlp
    >>> square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    >>> found = layer_geometry(mlp([2, 8, 2], seed=0), square, square[:, :1], layers=["", "act1"])
    >>> list(found.columns), found["input"][0].round(6), found["ps"][0].round(6)
    (['layer', 'target', 'input', 'ps', 'pr'], np.float64(1.0), np.float64(1.0))
    """
    from pandas import DataFrame

    check_model(model)
    check_batch(inputs)
    check_labels(labels)
    require(len(labels) >= 3, f"labels must be of at least 3 conditions, got {len(labels)}")
    numbers = torch.arange(len(inputs)) if conditions is None else conditions.cpu()
    require(len(numbers) == len(inputs), f"conditions must be one a sample, got {len(numbers)} for {len(inputs)}")
    require(int(numbers.min()) >= 0, f"conditions must count from 0, got {int(numbers.min())}")
    counts = torch.bincount(numbers, minlength=len(labels))
    require(
        len(counts) == len(labels) and int(counts.min()) > 0,
        f"conditions must have samples for each of the {len(labels)} rows of labels",
    )
    names = _leaves(model, inputs[:2]) if layers is None else layer_names(model, layers)
    sums: dict[str, Tensor] = {}
    for start in range(0, len(inputs), BATCH):
        some = inputs[start : start + BATCH]
        found = {"input": some, **{f"layer {n}": v for n, v in layer_activations(model, some, names).items()}}
        for name, values in found.items():
            require(len(values) == len(some), f"{name!r} does not return one row a sample")
            rows = values.detach().flatten(1).double().cpu()
            total = sums.setdefault(name, torch.zeros(len(labels), rows.shape[1], dtype=torch.float64))
            total.index_add_(0, numbers[start : start + BATCH], rows)
    means = {name: total / counts[:, None] for name, total in sums.items()}
    target, given = label_kernel(labels.cpu()), means["input"] @ means["input"].T
    return DataFrame([_row(name, means[f"layer {name}"], labels.cpu(), target, given) for name in names])


def _row(name: str, points: Tensor, labels: Tensor, target: Tensor, given: Tensor) -> dict[str, object]:
    kernel = points @ points.T
    method = "exact" if len(points) <= MOST else "assignment"
    scores = [parallelism_score(points, bit, method=method) for bit in labels.float().T]  # type: ignore[arg-type]
    return {
        "layer": name,
        "target": kernel_alignment(kernel, target).item(),
        "input": kernel_alignment(kernel, given).item(),
        "ps": sum(scores) / len(scores),
        "pr": participation_ratio(points),
    }


@torch.no_grad()
def _leaves(model: nn.Module, inputs: Tensor) -> list[str]:
    """Modules without modules of their own that return one row a sample, in the order of their names."""
    leaves = [name for name, module in model.named_modules() if name and not list(module.children())]
    require(leaves, "model has no layers of its own; name those to look at")
    with evaluating(model), capturing(model, leaves) as seen, running_on(inputs, model):
        model(inputs)
    names = [
        name
        for name in leaves
        if name in seen and seen[name].is_floating_point() and seen[name].ndim >= 2 and len(seen[name]) == len(inputs)
    ]
    require(names, "model has no layer that returns one row a sample")
    return names
