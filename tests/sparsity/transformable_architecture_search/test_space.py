"""Costs of networks of given sizes, against published ones, torch's counter and each other."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from netopsy import InputError
from netopsy.sparsity.transformable_architecture_search import (
    Shape,
    ShapeSpace,
    cost_loss,
    expected_flops,
    flops,
    random_shapes,
    uniform_shape,
)

SMALL = ShapeSpace.resnet((8, 12, 20), 3, channels=2, classes=4, size=(8, 12))
SPACES = [
    SMALL,
    ShapeSpace.resnet((6, 10), 5, channels=1, size=6, fractions=(0.5, 1.0)),
    ShapeSpace.vgg([(8, 8), (16,)], channels=1, size=8),
    ShapeSpace.mlp((20, 30, 30, 5)),
]


@pytest.mark.parametrize(("blocks", "macs"), [(3, 40_813_184), (5, 69_124_736), (9, 125_747_840)])
def test_full_residual_networks(blocks: int, macs: int) -> None:
    assert ShapeSpace.resnet((16, 32, 64), blocks).flops() == macs


def test_released_sizes_of_resnet_32() -> None:
    stage1, stage2 = [6, 4, 12, 4, 4, 16, 9, 9, 6, 14], [32, 32, 9, 19, 28, 9, 32, 19, 32, 9]
    widths = [16, *stage1, *stage2, *[64] * 7, 32, 38, 32]
    space = ShapeSpace.resnet((16, 32, 64), 5)
    shape = Shape(dict(zip(space.layers, widths, strict=True)), dict.fromkeys(space.depths, 5))
    assert space.flops(shape) == 34_945_344


@pytest.mark.parametrize("space", SPACES)
def test_costs_are_those_of_what_is_built(space: ShapeSpace) -> None:
    inputs = torch.zeros(1, *space.input_shape)
    for shape in (space.full, space.smallest, *random_shapes(space, 0.5 * space.flops(), n=2, tol=0.05)):
        model = space.build(shape).eval()
        assert flops(model, space.input_shape) == space.flops(shape)
        with FlopCounterMode(display=False) as counted, torch.no_grad():
            assert model(inputs).shape == (1, space.head.width)
        assert counted.get_total_flops() == 2 * space.flops(shape)


@pytest.mark.parametrize("space", SPACES)
def test_expected_cost_of_certain_sizes(space: ShapeSpace) -> None:
    for shape in (space.full, space.smallest, *random_shapes(space, 0.5 * space.flops(), n=4, tol=0.05, seed=1)):
        widths = {name: _certain(own, shape.widths[name]) for name, own in space.candidates.items()}
        depths = {name: _certain(own, shape.depths[name]) for name, own in space.depths.items()}
        assert float(expected_flops(space, widths, depths)) == pytest.approx(space.flops(shape), rel=1e-12)


def test_expected_cost_is_the_mean_over_depths() -> None:
    widths = {name: _certain(own, own[i % len(own)]) for i, (name, own) in enumerate(SMALL.candidates.items())}
    chosen = {name: SMALL.candidates[name][int(p.argmax())] for name, p in widths.items()}
    p = torch.tensor([0.5, 0.2, 0.3], dtype=torch.float64)
    certain = {name: _certain(own, own[-1]) for name, own in SMALL.depths.items()}
    found = float(expected_flops(SMALL, widths, {**certain, "stage2": p}))
    each = [SMALL.flops(Shape(chosen, {"stage1": 3, "stage2": d, "stage3": 3})) for d in (1, 2, 3)]
    assert found == pytest.approx(float(p @ torch.tensor(each, dtype=torch.float64)), rel=1e-12)


@pytest.mark.parametrize(("actual", "wanted"), [(60, 4.60517), (50, 0.0), (52.4, 0.0), (40, -4.60517)])
def test_cost_loss_looks_at_the_actual_cost_and_pulls_the_expected(actual: float, wanted: float) -> None:
    assert float(cost_loss(torch.tensor(100.0), actual, 50)) == pytest.approx(wanted)


def test_random_sizes_meet_their_budget_and_differ() -> None:
    shapes = random_shapes(SMALL, 0.3 * SMALL.flops(), n=5, tol=0.02)
    assert all(abs(SMALL.flops(shape) / SMALL.flops() / 0.3 - 1) <= 0.02 for shape in shapes)
    assert len({tuple(shape.widths.values()) for shape in shapes}) == 5
    assert random_shapes(SMALL, 0.3 * SMALL.flops(), n=5, tol=0.02) == shapes


@pytest.mark.parametrize("ratio", [0.3, 0.6])
def test_one_fraction_meets_the_cost_and_keeps_all_blocks(ratio: float) -> None:
    space = ShapeSpace.resnet((16, 32, 64), 3)
    shape = uniform_shape(space, ratio * space.flops())
    assert space.flops(shape) / space.flops() == pytest.approx(ratio, rel=0.05)
    assert set(shape.depths.values()) == {1, 3}


def test_bad_spaces_and_sizes() -> None:
    full = SMALL.full
    for make in (
        lambda: ShapeSpace.resnet((0, 8), 2),
        lambda: ShapeSpace.resnet((8, 8), 2, fractions=(0.5, 2.0)),
        lambda: ShapeSpace.mlp((4, 2)),
        lambda: ShapeSpace.vgg([(4,), (4,), (4,)], size=4),
        lambda: SMALL.flops(Shape({**full.widths, "nobody": 3}, full.depths)),
        lambda: SMALL.flops(Shape({**full.widths, "stem": 0}, full.depths)),
        lambda: SMALL.flops(Shape({}, full.depths)),
        lambda: SMALL.flops(Shape(full.widths, {**full.depths, "stage1": 4})),
        lambda: random_shapes(SMALL, 2 * SMALL.flops()),
        lambda: uniform_shape(SMALL, 0),
        lambda: expected_flops(SMALL, {}, {}),
        lambda: cost_loss(torch.tensor(1.0), 1, -1),
    ):
        with pytest.raises(InputError):
            make()


def _certain(candidates: tuple[int, ...], chosen: int) -> torch.Tensor:
    return (torch.tensor(candidates) == chosen).double()
