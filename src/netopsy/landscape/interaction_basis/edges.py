"""How strongly each feature of a layer acts on each feature of the next."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.batches import check_batch, finite
from netopsy.core.capture import layer_activations
from netopsy.core.errors import lookup, require
from netopsy.core.progress import Task
from netopsy.landscape.interaction_basis.basis import InteractionBasis
from netopsy.landscape.interaction_basis.sections import (
    check_count,
    differentiating,
    from_rows,
    gradients,
    run_section,
    to_rows,
)

Rule = Literal["gradient", "gauss_legendre", "trapezoid"]
Edges = dict[tuple[str, str], Tensor]


@checked
def interaction_edges(
    model: nn.Module,
    basis: InteractionBasis,
    inputs: Tensor,
    *,
    rule: Rule = "gradient",
    n_points: int = 1,
    batch_size: int = 512,
) -> dict[tuple[str, str], Float[Tensor, "_ _"]]:
    """The mean squared attribution of each feature of a layer to each feature of the one before, section by section.

    The attribution is the derivative's integral as the features grow from 0, where the activations are at their mean,
    to their values, times the value; it is squared for every sample, and for every pair of positions, before the mean
    over samples of the sum over positions (the treatment of positions is unconfirmed). The constant, which cannot be
    scaled in an arbitrary network, stays and has no edges: row and column i belong to feature i + 1 of the basis.

    Source: the paper's section on interaction strength; ``"gradient"`` is what its authors' runs use.

    Args:
        basis: from `interaction_basis`, `pca_basis` or `neuron_basis` of this network.
        inputs: a batch.
        rule: ``"gradient"`` takes the derivative at the value itself, the others integrate at ``n_points`` points.

    Raises:
        InputError: a basis or inputs that do not fit the network, or an option out of range.

    >>> from netopsy.data import digits
    >>> from netopsy.landscape.interaction_basis import interaction_basis
    >>> from netopsy.models import mlp
    >>> model, inputs = mlp([64, 8, 10], seed=0), digits()[:200].inputs
    >>> interaction_edges(model, interaction_basis(model, ["act1", "output"], inputs), inputs)["act1", "output"].shape
    torch.Size([10, 8])
    """
    points = _points(rule, n_points)
    check_basis(model, basis, inputs, batch_size)
    found: Edges = {}
    with Task("edges", total=len(basis.layers) - 1) as task:
        for start, end in pairwise(basis.layers):
            total: Tensor = torch.zeros(basis.C[end].shape[1] - 1, basis.C[start].shape[1] - 1, dtype=torch.float64)
            for some in inputs.split(batch_size):
                for part, squares in _squares(model, basis, start, end, some, points):
                    total[part] += squares.cpu()
            require(finite(total), f"edges from {start!r} to {end!r} are not finite; check weights and inputs")
            found[start, end] = total / len(inputs)
            task.advance()
    return found


def check_basis(model: nn.Module, basis: object, inputs: Tensor, batch_size: int) -> None:
    """Raise `InputError` unless it is a basis of layers that the network has."""
    got = type(basis).__name__
    require(isinstance(basis, InteractionBasis), f"basis must come from interaction_basis or its like, got {got}")
    assert isinstance(basis, InteractionBasis)
    check_batch(inputs)
    check_count("batch_size", batch_size)
    for layer, values in layer_activations(model, inputs[:1], list(basis.layers)).items():
        fits = tuple(values.shape[1:]) == basis.shapes[layer]
        require(
            fits,
            f"basis is of another network or another size of inputs: {layer!r} gives {list(values.shape[1:])} here, "
            f"and gave {list(basis.shapes[layer])}",
        )


def _points(rule: str, count: int) -> list[tuple[float, float]]:
    """Places between 0 and 1, and their weights."""
    check_count("n_points", count)
    lookup("rule", rule, dict.fromkeys(("gradient", "gauss_legendre", "trapezoid")))
    if rule == "gradient":
        return [(1.0, 1.0)]
    if rule == "trapezoid":
        require(count > 1, f"n_points must be at least 2 for the trapezoid rule, got {count}")
        step = 1 / (count - 1)
        return [(i * step, step * (0.5 if i in (0, count - 1) else 1.0)) for i in range(count)]
    places, weights = np.polynomial.legendre.leggauss(count)
    return [((float(place) + 1) / 2, float(weight) / 2) for place, weight in zip(places, weights, strict=True)]


def _squares(
    model: nn.Module,
    basis: InteractionBasis,
    start: str,
    end: str,
    inputs: Tensor,
    points: list[tuple[float, float]],
) -> Iterator[tuple[slice, Tensor]]:
    """Squared attributions ``[some outputs, inputs]``, summed over samples and positions."""
    values = layer_activations(model, inputs, start)[start]
    (into, shift), (back, mean) = basis.inward(start, values), basis.outward(start, values)
    ahead, ahead_shift = basis.inward(end, values)
    features = to_rows(values) @ into + shift
    integral: dict[tuple[int, int], Tensor] = {}
    for place, weight in points:
        rows = place * features @ back + mean
        with differentiating(model):
            point = from_rows(rows, values.shape[1:]).detach().requires_grad_()
            reached = to_rows(run_section(model, start, end, point, inputs))
            positions = reached.shape[1]
            outputs = (reached @ ahead + ahead_shift).transpose(1, 2).flatten(1)  # a feature's positions together
            for part, slopes in gradients(outputs, point):
                own = to_rows(slopes.flatten(0, 1)) @ back.T
                own = weight * own.reshape(part.stop - part.start, len(inputs), *own.shape[1:])
                if len(points) == 1:
                    yield from _by_feature(part, (own * features).double().square().sum((1, 2)), positions)
                else:
                    key = (part.start, part.stop)
                    integral[key] = integral[key] + own if key in integral else own
    for (first, stop), own in integral.items():
        yield from _by_feature(slice(first, stop), (own * features).double().square().sum((1, 2)), positions)


def _by_feature(part: slice, squares: Tensor, positions: int) -> Iterator[tuple[slice, Tensor]]:
    """Sums over the positions of each feature that the columns of ``part`` belong to."""
    owners = torch.arange(part.start, part.stop, device=squares.device) // positions
    first, last = int(owners[0]), int(owners[-1])
    total = squares.new_zeros(last - first + 1, squares.shape[1]).index_add(0, owners - first, squares)
    yield slice(first, last + 1), total
