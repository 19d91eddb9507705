"""A region at a later layer: it covers what the network makes of the region before, its steps refine those steps."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.robustness.safety_verification.network import Operations
from netopsy.robustness.safety_verification.operations import Add, Affine, MaxPool, Relu, Reshape
from netopsy.robustness.safety_verification.reading import read_network
from netopsy.robustness.safety_verification.region import Region, extremal, region_of

MOST_SIGNS = 12
"""Dimensions whose sign patterns are gone through for the smallest change of a layer."""
ROUND = 1e-9
"""What is taken off before a count is rounded up: 0.6 / 0.1 is more than 6 in floating point."""


@checked
def propagate_region(
    model: nn.Module,
    image: Tensor,
    region: Region,
    layer: str,
    *,
    n_dims: int | None = None,
    span: float | int | None = None,
) -> Region:
    """The region at ``layer`` that covers what the network makes of ``region``, and whose steps refine its steps.

    Through an affine layer ``z = W y + b`` a unit's half-width is ``sum |W| s m`` over what it reads, its span the
    smallest change that a step of every dimension up or down makes, ``min |sum ±W s|``. Rectifiers, poolings and
    reshapes keep both. The count is the half-width over the span, rounded up.

    Args:
        image: around which it lies, ``[channels, height, width]``.
        layer: as in ``named_modules()``, behind ``region.layer``.
        n_dims: keep the units of most extremal activation only, among those that the region moves. It then covers no
            more than what these units do, which is enough to search but proves nothing; by default all that move.
        span: a fixed one in place of the smallest change, as in the paper's experiments on images.

    Raises:
        InputError: a layer that is not there or lies before the region; no unit that moves; more than 12 dimensions
            without ``span``.

    Source: section 4.1 of the paper. Its code adds the constant part to the half-width, which covering does not need.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False))
    >>> _ = net[1].weight.data.copy_(torch.tensor([[1.0, -2.0], [0.5, 1.0]]))
    >>> found = propagate_region(net, torch.zeros(1, 1, 2), Region((0, 1), (0.1, 0.1), (2, 2)), "1")
    >>> [round(each, 6) for each in found.span], found.count
    ([0.1, 0.05], (6, 6))
    """
    require(span is None or span > 0, f"span must be above 0, got {span}")
    require(n_dims is None or n_dims >= 1, f"n_dims must be 1 or more, got {n_dims}")
    network = read_network(model, image)
    start, end = network.number(region.layer), network.number(layer)
    require(end > start, f"layer {layer!r} must lie behind {region.layer or 'the input'!r}")
    values = network.results(image.detach().cpu().double()[None])[end][0]
    radius, step = _through(network, region, start, end, span)
    moving = radius.flatten() > 0
    require(bool(moving.any()), f"nothing at layer {layer!r} depends on the dimensions of the region")
    dims = moving.nonzero()[:, 0].tolist() if n_dims is None else extremal(values, n_dims, among=moving)
    step = torch.where(step.isfinite(), step, radius)
    spans = [float(step.flatten()[each]) for each in dims]
    counts = [count_of(float(radius.flatten()[each]), one) for each, one in zip(dims, spans, strict=True)]
    return region_of(dims, spans, counts, layer)


def count_of(radius: float, span: float) -> int:
    """Steps of ``span`` that it takes to cover ``radius``.

    >>> count_of(0.6, 0.1)
    6
    """
    return max(1, math.ceil(radius / span - ROUND))


def _through(
    network: Operations, region: Region, start: int, end: int, span: float | int | None
) -> tuple[Tensor, Tensor]:
    """Half-width and span of every unit of result ``end``; a span is infinite where nothing moves."""
    shape = network.shapes[start]
    step = torch.full((torch.Size(shape).numel(),), torch.inf, dtype=torch.float64)
    step[list(region.dims)] = torch.tensor(region.span, dtype=torch.float64)
    results = {start: (region.radius(shape)[None], step.reshape(1, *shape))}
    for number in range(start + 1, end + 1):
        operation, reads = network.steps[number - 1].operation, network.steps[number - 1].reads
        radius, step = results[reads[0]]
        if isinstance(operation, Affine):
            fixed = None if span is None else torch.full(network.shapes[number], float(span), dtype=torch.float64)[None]
            results[number] = (operation.reach(radius), _smallest(operation, step) if fixed is None else fixed)
        elif isinstance(operation, Add):
            radius_2, step_2 = results[reads[1]]
            results[number] = (radius + radius_2, torch.minimum(step, step_2))
        elif isinstance(operation, MaxPool):
            results[number] = (operation(radius), -operation(-step))
        else:
            assert isinstance(operation, Relu | Reshape)
            results[number] = (radius, step) if isinstance(operation, Relu) else (operation(radius), operation(step))
    radius, step = results[end]
    return radius[0], step[0]


def _smallest(operation: Affine, step: Tensor) -> Tensor:
    """The smallest change that is none of zero, over all patterns of signs of the steps."""
    dims = step.flatten().isfinite().nonzero()[:, 0].tolist()
    if len(dims) > MOST_SIGNS:
        raise InputError(
            f"the smallest change is one over the signs of at most {MOST_SIGNS} dimensions, got {len(dims)}: give span"
        )
    signs = torch.tensor(list(itertools.product((1.0, -1.0), repeat=len(dims))), dtype=torch.float64)
    moved = torch.zeros(len(signs), step.numel(), dtype=torch.float64)
    moved[:, dims] = signs * step.flatten()[dims]
    change = operation.linear(moved.reshape(-1, *step.shape[1:])).abs()
    return torch.where(change > 1e-12, change, torch.inf).amin(0, keepdim=True)
