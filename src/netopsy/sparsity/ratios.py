"""Layer-wise ratios: how a budget of weights is shared among the layers, and random masks that keep to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import UnknownNameError, lookup, require
from netopsy.core.seeds import derive, generator
from netopsy.sparsity.largest import largest

Shapes = Mapping[str, Sequence[int]]
"""Parameter name to the shape of its weight, ``(out, in, *kernel)``."""

LEAST_LAST = 0.2
"""Density of the last linear layer under ``uniform+``, at least."""


@checked
def layer_densities(
    shapes: Shapes,
    density: float | int,
    method: str = "erk",
    *,
    power: float | int = 1.0,
    fc_density: float | int = 1.0,
    dense: Sequence[str] = (),
) -> dict[str, float]:
    """The share of weights to keep in every layer, so that all layers together keep exactly ``density`` of them.

    Those that Liu et al. 2022 (arXiv 2202.02643) compare, section 3.

    - ``uniform``: the same share everywhere.
    - ``uniform+``: the first convolution stays dense, the last linear layer keeps at least 20 %, the others share the
      rest.
    - ``er``: in proportion to ``(in + out) / (in * out)`` (Erdos-Renyi; Mocanu et al. 2018).
    - ``erk``: in proportion to the sum over the product of all sides of the weight, kernel included (Evci et al. 2020).
    - ``erk+``: ``erk`` on all but the last linear layer, which keeps ``fc_density``.

    Where a share would exceed 1 the layer stays dense, and the rest of the budget goes to the others.

    Args:
        shapes: parameter name to shape, in the order of the network; weights of two sides or more.
        density: in (0, 1].
        power: exponent of the proportions of ``er``, ``erk`` and ``erk+``; 0 makes them uniform.
        fc_density: of the last linear layer, for ``erk+``.
        dense: names of layers that stay dense, within the budget.

    Raises:
        InputError: a density out of range, an unknown method or layer, an empty weight, or a budget that layers with a
            share of their own exhaust.

    >>> found = layer_densities({"fc1": (300, 784), "fc2": (100, 300), "output": (10, 100)}, 0.1)
    >>> {name: round(share, 6) for name, share in found.items()}
    {'fc1': 0.079568, 'fc2': 0.230189, 'output': 1.0}
    """
    sizes = _sizes(shapes)
    check_density(density)
    require(0 <= power < math.inf, f"power must be finite and not negative, got {power}")
    require(0 < fc_density <= 1, f"fc_density must be in (0, 1], got {fc_density}")
    fixed, raw = lookup("method", method, _METHODS)(shapes, float(density), float(fc_density))
    for name in dense:
        if name not in sizes:
            raise UnknownNameError("layer in dense", name, sizes)
        fixed[name] = 1.0
    weights = {name: value**power for name, value in raw.items() if name not in fixed}
    found = fixed | _shared(sizes, fixed, weights, float(density))
    return {name: found[name] for name in sizes}


@checked
def random_masks(
    shapes: Shapes,
    densities: Mapping[str, float | int],
    *,
    seed: int | torch.Generator,
    exact: bool = True,
    min_per_layer: int = 1,
) -> dict[str, Tensor]:
    """Random masks with the given share of weights kept in every layer, on the CPU.

    Args:
        shapes: parameter name to shape.
        densities: a share in [0, 1] for each name, as `layer_densities` gives them.
        seed: an int, from which every layer derives a seed of its own by its name, or a generator on the CPU.
        exact: a uniformly random subset of ``round(share * size)`` weights; otherwise each weight is kept with that
            probability by itself, as the authors' code does, and the number varies.
        min_per_layer: weights that a layer keeps however small its share.

    Raises:
        InputError: names that differ, shares out of range, or a layer with fewer weights than ``min_per_layer``.

    >>> mask = random_masks({"fc": (4, 5)}, {"fc": 0.3}, seed=0)["fc"]
    >>> tuple(mask.shape), int(mask.sum())
    ((4, 5), 6)
    """
    sizes = _sizes(shapes)
    check_shares(densities, sizes)
    require(min_per_layer >= 0, f"min_per_layer must not be negative, got {min_per_layer}")
    for name, size in sizes.items():
        require(size >= min_per_layer, f"layer {name!r} has {size} weights, fewer than min_per_layer={min_per_layer}")
    masks = {}
    for name, shape in shapes.items():
        own = seed if isinstance(seed, torch.Generator) else generator(derive(seed, "mask", name))
        draws = torch.rand(sizes[name], generator=own)
        count = round(densities[name] * sizes[name]) if exact else int((draws < densities[name]).sum())
        # Of independent draws the largest are a uniform subset, and so are those of a number that has a binomial law.
        masks[name] = largest(draws, max(count, min_per_layer), own).view(tuple(shape))
    return masks


def check_density(density: float | int, name: str = "density") -> None:
    """Raise `InputError` unless a share of weights to keep is in (0, 1]."""
    require(0 < density <= 1, f"{name} must be in (0, 1], got {density}")


def check_shares(densities: Mapping[str, float | int], known: Mapping[str, object]) -> None:
    """Raise `InputError` unless there is a share in [0, 1] for each of the ``known`` names and no other."""
    for name in densities:
        if name not in known:
            raise UnknownNameError("layer in densities", name, known)
    for name in known:
        require(name in densities, f"densities has no entry for {name!r}")
        require(0 <= densities[name] <= 1, f"densities[{name!r}] must be in [0, 1], got {densities[name]}")


Plan = tuple[dict[str, float], dict[str, float]]
"""Shares that are given, and the proportions of the others."""


def _uniform(shapes: Shapes, density: float, fc_density: float) -> Plan:
    return {}, dict.fromkeys(shapes, 1.0)


def _uniform_plus(shapes: Shapes, density: float, fc_density: float) -> Plan:
    fixed = {name: max(density, LEAST_LAST) for name in _linear(shapes)[-1:]}
    first = [name for name, shape in shapes.items() if len(shape) > 2][:1]
    return fixed | dict.fromkeys(first, 1.0), dict.fromkeys(shapes, 1.0)


def _er(shapes: Shapes, density: float, fc_density: float) -> Plan:
    return {}, {name: sum(shape[:2]) / math.prod(shape[:2]) for name, shape in shapes.items()}


def _erk(shapes: Shapes, density: float, fc_density: float) -> Plan:
    return {}, {name: sum(shape) / math.prod(shape) for name, shape in shapes.items()}


def _erk_plus(shapes: Shapes, density: float, fc_density: float) -> Plan:
    return dict.fromkeys(_linear(shapes)[-1:], fc_density), _erk(shapes, density, fc_density)[1]


_METHODS: dict[str, Callable[[Shapes, float, float], Plan]] = {
    "uniform": _uniform,
    "uniform+": _uniform_plus,
    "er": _er,
    "erk": _erk,
    "erk+": _erk_plus,
}
METHODS = tuple(_METHODS)
"""The names `layer_densities` knows."""


def _linear(shapes: Shapes) -> list[str]:
    return [name for name, shape in shapes.items() if len(shape) == 2]


def _shared(
    sizes: Mapping[str, int], fixed: Mapping[str, float], raw: Mapping[str, float], density: float
) -> dict[str, float]:
    """The budget that ``fixed`` leaves, shared in proportion to ``raw``, none above 1."""
    total, spent = sum(sizes.values()), sum(share * sizes[name] for name, share in fixed.items())
    budget, room = density * total - spent, sum(sizes[name] for name in raw)
    require(
        budget > 0 or (not raw and math.isclose(budget, 0, abs_tol=1e-9 * total)),
        f"density {density:g} of {total:,} weights is {density * total:,.1f}, and {', '.join(fixed)} alone keep "
        f"{spent:,.1f} of them: give a larger density, or fewer layers a share of their own",
    )
    require(
        budget <= room + 1e-9 * total,
        f"density {density:g} cannot be reached: {', '.join(fixed)} keep only {spent:,.1f} of {total:,} weights, and "
        f"the other layers have {room:,}",
    )
    found: dict[str, float] = {}
    free = dict(raw)
    while free:
        factor = (budget - sum(sizes[name] for name in found)) / sum(free[name] * sizes[name] for name in free)
        most = max(free.values())
        if factor * most <= 1:
            break
        full = [name for name, value in free.items() if value == most]
        found |= dict.fromkeys(full, 1.0)
        free = {name: value for name, value in free.items() if name not in found}
    return found | {name: factor * value for name, value in free.items()}


def _sizes(shapes: Shapes) -> dict[str, int]:
    require(shapes, "shapes is empty; give at least one parameter name and its shape")
    for name, shape in shapes.items():
        sides = all(isinstance(side, int) and side > 0 for side in shape)
        require(
            len(shape) >= 2 and sides,
            f"shapes[{name!r}] must be the shape of a weight of two sides or more, none of them empty, got "
            f"{tuple(shape)}",
        )
    return {name: math.prod(shape) for name, shape in shapes.items()}
