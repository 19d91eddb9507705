"""How few features, or edges between features, a network needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.capture import layer_activations
from netopsy.core.errors import require
from netopsy.core.modes import evaluating
from netopsy.core.progress import Task
from netopsy.landscape.interaction_basis.basis import InteractionBasis
from netopsy.landscape.interaction_basis.edges import check_basis
from netopsy.landscape.interaction_basis.sections import from_rows, run_rest, run_section, to_rows

Metric = Callable[[Tensor], float]
"""From the network's outputs for all inputs to one number, the larger the better."""
ROWS = 2**15
"""Samples that go through a section together when each of its outputs has inputs of its own."""


@dataclass(frozen=True)
class Required:
    """The fewest that keep the metric, with the search behind it."""

    count: int
    total: int
    reached: bool
    """Whether even all of them keep it; without, ``count`` is ``total``."""
    least: float
    """The smallest edge kept, or mean square of a feature."""
    tried: Mapping[int, float]
    """Numbers kept and the metric there."""


@checked
def nodes_required(
    model: nn.Module,
    basis: InteractionBasis,
    inputs: Tensor,
    metric: Metric,
    *,
    tolerance: float | int = 1e-3,
    batch_size: int = 512,
) -> dict[str, Required]:
    """How many features of each layer, the first ones, keep the metric within ``tolerance``; the constant always stays.

    Found by bisection, one layer at a time.

    Args:
        basis: of this network.
        inputs: a batch.
        metric: of the outputs for ``inputs``, such as an accuracy; the larger the better.

    Raises:
        InputError: a basis or inputs that do not fit the network, or a metric that is not a number.

    >>> from netopsy.data import digits
    >>> from netopsy.landscape.interaction_basis import pca_basis
    >>> from netopsy.models import mlp
    >>> model, data = mlp([64, 8, 10], seed=0), digits()[:200]
    >>> score = lambda outputs: (outputs.argmax(1) == data.targets).double().mean().item()
    >>> nodes_required(model, pca_basis(model, ["act1", "output"], data.inputs), data.inputs, score)["act1"].total
    8
    """
    base = _base(model, basis, inputs, metric, tolerance, batch_size)
    found = {}
    with Task("features needed", total=len(basis.layers) - 1) as task:
        for layer in basis.layers[:-1]:
            values = _whole(model, inputs, layer, batch_size)
            features = basis.transform(layer, values)

            def kept(count: int, layer: str = layer, features: Tensor = features, values: Tensor = values) -> float:
                masked = features.clone()
                masked[..., count + 1 :] = 0
                return _score(model, layer, basis.inverse(layer, masked).to(values), inputs, metric, batch_size)

            found[layer] = _fewest(kept, features.shape[-1] - 1, base - tolerance, basis.eigenvalues[layer][1:])
            task.advance()
    return found


@checked
def edges_required(
    model: nn.Module,
    basis: InteractionBasis,
    edges: Mapping[tuple[str, str], Tensor],
    inputs: Tensor,
    metric: Metric,
    *,
    tolerance: float | int = 1e-3,
    batch_size: int = 512,
) -> dict[tuple[str, str], Required]:
    """How many edges of each section, the strongest ones, keep the metric within ``tolerance``.

    Every feature of the later layer is computed anew from those features of the earlier one that its kept edges come
    from, the others at 0, their mean: weights are not touched. Found by bisection, one section at a time. Source: the
    ablations of the authors' runs.

    Args:
        basis: of this network.
        edges: from `interaction_edges`.
        inputs: a batch.
        metric: of the outputs for ``inputs``, such as an accuracy; the larger the better.

    Raises:
        InputError: a basis, edges or inputs that do not fit the network, or a metric that is not a number.

    >>> from netopsy.data import digits
    >>> from netopsy.landscape.interaction_basis import interaction_edges, pca_basis
    >>> from netopsy.models import mlp
    >>> model, data = mlp([64, 8, 10], seed=0), digits()[:200]
    >>> score = lambda outputs: (outputs.argmax(1) == data.targets).double().mean().item()
    >>> basis = pca_basis(model, ["act1", "output"], data.inputs)
    >>> edges = interaction_edges(model, basis, data.inputs)
    >>> edges_required(model, basis, edges, data.inputs, score)["act1", "output"].total
    80
    """
    base = _base(model, basis, inputs, metric, tolerance, batch_size)
    check_edges(edges)
    found = {}
    with Task("edges needed", total=len(basis.layers) - 1) as task:
        for start, end in pairwise(basis.layers):
            require((start, end) in edges, f"edges have no entry for {(start, end)}: give those of this basis")
            own = edges[start, end]
            wanted = basis.C[end].shape[1] - 1, basis.C[start].shape[1] - 1
            require(tuple(own.shape) == wanted, f"edges[{start!r}, {end!r}] must be {wanted}, got {tuple(own.shape)}")
            order = own.flatten().argsort(descending=True, stable=True)
            section = _Section(model, basis, start, end, inputs, batch_size)

            def kept(
                count: int, section: _Section = section, order: Tensor = order, shape: tuple[int, int] = wanted
            ) -> float:
                mask = torch.zeros(len(order), dtype=torch.bool)
                mask[order[:count]] = True
                values = section.masked(mask.view(shape))
                return _score(model, section.end, values, inputs, metric, batch_size)

            found[start, end] = _fewest(kept, len(order), base - tolerance, own.flatten()[order])
            task.advance()
    return found


class _Section:
    """Two layers in sequence, with the features of the first for all inputs."""

    def __init__(
        self, model: nn.Module, basis: InteractionBasis, start: str, end: str, inputs: Tensor, batch_size: int
    ) -> None:
        self.model, self.basis, self.start, self.end, self.inputs = model, basis, start, end, inputs
        self.values = _whole(model, inputs, start, batch_size)

    def masked(self, mask: Tensor) -> Tensor:
        """What the later layer is where its feature i sees only the features in row i of ``mask``."""
        basis, start, end = self.basis, self.start, self.end
        (into, shift), (back, mean) = basis.inward(start, self.values), basis.outward(start, self.values)
        (ahead, ahead_shift), (behind, ahead_mean) = basis.inward(end, self.values), basis.outward(end, self.values)
        shape, mask = self.values.shape[1:], mask.to(self.values)
        step = max(1, ROWS // len(mask))
        whole = []
        for values, some in zip(self.values.split(step), self.inputs.split(step), strict=True):
            features = to_rows(values) @ into + shift
            every = features[None] * mask[:, None, None, :]
            point = from_rows((every @ back + mean).flatten(0, 1), shape)
            carried = some.repeat(len(mask), *(1 for _ in some.shape[1:]))
            with torch.no_grad(), evaluating(self.model):
                reached = to_rows(run_section(self.model, start, end, point, carried))
            reached = reached.view(len(mask), len(some), *reached.shape[1:])
            outputs = torch.einsum("rbtd,dr->btr", reached, ahead) + ahead_shift
            whole.append(outputs @ behind + ahead_mean)
        return from_rows(torch.cat(whole), basis.shapes[end])


def _base(
    model: nn.Module, basis: InteractionBasis, inputs: Tensor, metric: Metric, tolerance: float | int, batch_size: int
) -> float:
    check_basis(model, basis, inputs, batch_size)
    require(callable(metric), f"metric must be a function of the outputs, got {type(metric).__name__}")
    require(tolerance >= 0, f"tolerance must not be negative, got {tolerance}")
    last = basis.layers[-1]
    return _score(model, last, _whole(model, inputs, last, batch_size), inputs, metric, batch_size)


def check_edges(edges: object) -> None:
    """Raise `InputError` unless they are matrices by pairs of layers."""
    fits = isinstance(edges, Mapping) and len(edges) > 0
    fits = fits and all(isinstance(each, Tensor) and each.ndim == 2 for each in edges.values())  # type: ignore[attr-defined]
    require(fits, f"edges must come from interaction_edges, got {type(edges).__name__}")


def _whole(model: nn.Module, inputs: Tensor, layer: str, batch_size: int) -> Tensor:
    return torch.cat([layer_activations(model, some, layer)[layer] for some in inputs.split(batch_size)])


def _score(model: nn.Module, layer: str, values: Tensor, inputs: Tensor, metric: Metric, batch_size: int) -> float:
    with torch.no_grad(), evaluating(model):
        parts = zip(values.split(batch_size), inputs.split(batch_size), strict=True)
        outputs = torch.cat([run_rest(model, layer, some, given) for some, given in parts])
    found = float(metric(outputs))
    require(found == found, "metric must be a number, got NaN")
    return found


def _fewest(kept: Callable[[int], float], total: int, wanted: float, strengths: Tensor) -> Required:
    """By bisection between nothing and all of them."""
    tried = {total: kept(total)}
    reached = tried[total] >= wanted
    low, high = -1, total
    while reached and high - low > 1:
        middle = (low + high) // 2
        tried[middle] = kept(middle)
        low, high = (low, middle) if tried[middle] >= wanted else (middle, high)
    least = float(strengths[high - 1]) if high > 0 and len(strengths) else 0.0
    return Required(high, total, reached, least, dict(sorted(tried.items())))
