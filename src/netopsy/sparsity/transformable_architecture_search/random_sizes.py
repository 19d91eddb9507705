"""Sizes of a given cost that take no search, drawn at random or by one fraction: the controls of a search."""

from __future__ import annotations

import torch

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.core.seeds import generator
from netopsy.models.blocks import require_count
from netopsy.sparsity.transformable_architecture_search.space import Shape, ShapeSpace

_MOVES, _RESTARTS, _FRACTIONS = 1000, 20, 200


@checked
def random_shapes(
    space: ShapeSpace, flops_target: float | int, *, tol: float = 0.02, n: int = 1, seed: int | torch.Generator = 0
) -> list[Shape]:
    """Sizes drawn at random whose cost is the target's, up to a tolerance.

    Each starts from sizes drawn uniformly among all candidates; then a size picked at random moves one candidate
    towards the target, again and again, until the cost is near enough.

    Args:
        flops_target: multiply-accumulate operations.
        tol: the share of the target by which the cost may differ.
        n: how many.

    Raises:
        InputError: a target that no sizes meet.

    >>> space = ShapeSpace.mlp((64, 100, 100, 10))
    >>> shapes = random_shapes(space, 0.5 * space.flops(), n=3)
    >>> all(abs(space.flops(shape) / space.flops() - 0.5) <= 0.01 for shape in shapes)
    True
    """
    require_count("n", n)
    require(tol >= 0, f"tol must not be negative, got {tol}")
    low, high = space.flops(space.smallest), space.flops()
    inside = low * (1 - tol) <= flops_target <= high * (1 + tol)
    require(inside, f"flops_target must lie between {low:g} and {high:g}, what the space spans, got {flops_target:g}")
    random = generator(seed)
    return [_one(space, float(flops_target), tol, random) for _ in range(n)]


@checked
def uniform_shape(space: ShapeSpace, flops_target: float | int) -> Shape:
    """Full depth, and all widths cut to the fraction with which the cost comes nearest to the target's: the control
    that takes no search. Widths need not be among the candidates.

    Args:
        flops_target: multiply-accumulate operations.

    Raises:
        InputError: a target that is not positive.

    >>> space = ShapeSpace.mlp((64, 100, 100, 10))
    >>> dict(uniform_shape(space, 0.5 * space.flops()).widths)
    {'hidden1': 63, 'hidden2': 63}
    """
    require(flops_target > 0, f"flops_target must be positive, got {flops_target}")

    def of(fraction: float) -> Shape:
        widths = {name: max(1, round(fraction * layer.width)) for name, layer in space.layers.items()}
        return Shape(widths, space.full.depths)

    fractions = (step / _FRACTIONS for step in range(1, _FRACTIONS + 1))
    return min(map(of, fractions), key=lambda shape: abs(space.flops(shape) - flops_target))


def _one(space: ShapeSpace, target: float, tol: float, random: torch.Generator) -> Shape:
    sizes = [*space.candidates.values(), *space.depths.values()]
    for _ in range(_RESTARTS):
        places = [int(torch.randint(len(own), (), generator=random)) for own in sizes]
        for _ in range(_MOVES):
            shape = _shape(space, [own[at] for own, at in zip(sizes, places, strict=True)])
            cost = space.macs(shape)
            if abs(cost - target) <= tol * target:
                return shape
            step = 1 if cost < target else -1
            movable = [i for i, own in enumerate(sizes) if 0 <= places[i] + step < len(own)]
            if not movable:
                break
            places[movable[int(torch.randint(len(movable), (), generator=random))]] += step
    raise InputError(f"flops_target {target:g} is met by no sizes that were drawn: tol={tol:g} may be too strict")


def _shape(space: ShapeSpace, sizes: list[int]) -> Shape:
    """From the widths of all layers and the depths of the stages that have a choice."""
    widths = dict(zip(space.candidates, sizes, strict=False))
    depths = dict(zip(space.depths, sizes[len(widths) :], strict=True))
    return Shape(widths, {stage.name: depths.get(stage.name, stage.depths[-1]) for stage in space.stages})
