"""A point of a layer's grid taken back to an image, layer by layer; what cannot be reached is left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import optimize
from torch import Tensor

from netopsy.core.errors import require
from netopsy.robustness.checks import Bounds
from netopsy.robustness.safety_verification.network import Operations
from netopsy.robustness.safety_verification.operations import Add, Affine, MaxPool, Operation, Relu
from netopsy.robustness.safety_verification.region import Region, extremal

ROUND = 1e-6
"""How far the tolerance of linear programming may carry a pixel beyond its bounds; it is brought back."""


@dataclass(frozen=True, eq=False)
class Track:
    """The dimensions that are kept at each layer up to the one searched, chosen from the input on."""

    network: Operations
    results: list[Tensor]
    """Activations of the image, ``[*shape]`` each."""
    dims: list[list[int]]
    """Kept units of each result; those of the input first."""
    reach: list[Tensor]
    """How far each unit of each result can go."""


def track(network: Operations, image: Tensor, region: Region, end: int, n_dims: int) -> Track:
    """Choose units layer by layer: those of extremal activation among the ones that the units before can move.

    Rectifiers and reshapes keep the units of the layer before, poolings the windows these are in.

    Raises:
        InputError: branches, which no point can be taken back through.
    """
    steps = network.steps[:end]
    require(
        not any(isinstance(step.operation, Add) for step in steps)
        and all(step.reads == (number,) for number, step in enumerate(steps)),
        "points are taken back through layers one after another, and this network branches: search at its input",
    )
    results = [one[0] for one in network.results(image.double()[None])[: end + 1]]
    dims, reach = [list(region.dims)], [region.radius(tuple(image.shape))]
    for number, step in enumerate(steps):
        operation, before = step.operation, reach[-1]
        kept = torch.zeros(before.numel(), dtype=torch.float64)
        kept[dims[-1]] = before.flatten()[dims[-1]]
        moved = kept.reshape(1, *before.shape)
        if isinstance(operation, Affine):
            after = operation.reach(moved)[0]
            dims.append(extremal(results[number + 1], min(n_dims, len(dims[-1])), among=after > 0))
        else:
            after = moved[0] if isinstance(operation, Relu | Add) else operation(moved)[0]
            dims.append(after.flatten().nonzero()[:, 0].tolist() if isinstance(operation, MaxPool) else list(dims[-1]))
        reach.append(after)
    return Track(network, results, dims, reach)


def pull_back(path: Track, targets: Tensor, bounds: Bounds | None, tolerance: float) -> Tensor:
    """Images ``[n, *shape]`` whose kept units at the last layer of the track have the values of ``targets``, frozen
    units apart; targets without one are left out.

    An affine layer asks for values of the units kept before it, a linear feasibility problem; a rectifier passes
    values on; a pooling sets the largest entry of its window. These are no activations of any image until the image
    that they end in is run through the network.
    """
    found = []
    kinds = [isinstance(step.operation, Affine) for step in path.network.steps]
    first = kinds.index(True) + 1  # what lies before it hands pixels on
    for target in targets:
        value: np.ndarray | None = target.numpy()  # type: ignore[type-arg]
        for number in range(len(path.dims) - 1, 0, -1):
            operation = path.network.steps[number - 1].operation
            value = _back(path, number, operation, value, bounds if number == first else None, tolerance)
            if value is None:
                break
        if value is not None:
            image = path.results[0].flatten().clone()
            image[path.dims[0]] = torch.from_numpy(value)
            if bounds is None or bounds[0] - ROUND <= float(image.min()) <= float(image.max()) <= bounds[1] + ROUND:
                found.append((image if bounds is None else image.clamp(*bounds)).reshape(path.results[0].shape))
    return torch.stack(found) if found else torch.zeros(0, *path.results[0].shape, dtype=torch.float64)


def _back(
    path: Track,
    number: int,
    operation: Operation,
    target: np.ndarray | None,  # type: ignore[type-arg]
    bounds: Bounds | None,
    tolerance: float,
) -> np.ndarray | None:  # type: ignore[type-arg]
    before, after = path.results[number - 1].flatten(), path.results[number].flatten()
    dims, kept = path.dims[number - 1], path.dims[number]
    assert target is not None
    if isinstance(operation, MaxPool):
        return _largest(path, number, operation, target)
    if not isinstance(operation, Affine):
        return target
    basis = torch.zeros(len(dims), before.numel(), dtype=torch.float64)
    basis[torch.arange(len(dims)), dims] = 1
    columns = operation.linear(basis.reshape(-1, *path.results[number - 1].shape)).flatten(1)[:, kept].numpy()
    wide = path.reach[number - 1].flatten()[dims].numpy() + tolerance
    start = before[dims].numpy()
    low, high = -wide, wide
    if bounds is not None:
        low, high = np.maximum(low, bounds[0] - start), np.minimum(high, bounds[1] - start)
    found = optimize.linprog(
        np.zeros(len(dims)),
        A_eq=columns.T,
        b_eq=target - after[kept].numpy(),
        bounds=np.stack([low, high], 1).tolist(),
        method="highs",
    )
    return start + found.x if found.status == 0 else None


def _largest(path: Track, number: int, operation: MaxPool, target: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    before = path.results[number - 1]
    found = before.flatten()[path.dims[number - 1]].numpy().copy()
    members = operation.members(tuple(before.shape))
    place = {unit: at for at, unit in enumerate(path.dims[number - 1])}
    for unit, value in zip(path.dims[number], target, strict=True):
        inside = [place[int(each)] for each in members[unit] if int(each) in place]
        found[max(inside, key=lambda at: found[at])] = value
    return found
