"""Two networks: their units brought into one order, against rebasin; the line between them as a stack of networks."""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Iterator
from statistics import mean

import torch
from torch import nn

from benchmarks.timing import Comparison, Growth
from netopsy.core.parameters import State, interpolate
from netopsy.data import digits
from netopsy.landscape.linear_mode_connectivity import align, permutation_spec, state_losses, weight_matching
from netopsy.models import mlp
from netopsy.training import Recipe, fit_many

WIDTH, SMALL, POINTS = 256, 32, 25
SEEDS = range(5)


def benchmarks() -> Iterator[Comparison | Growth]:
    """Matching as a whole, tracing included; the curve of a barrier; and how matching grows with the width."""
    data = digits()[:500]
    one, other = _pair(WIDTH)
    inputs = data.inputs[:2]
    if importlib.util.find_spec("rebasin") is None:
        print("rebasin 0.0.47 is not installed (with torchview and graphviz, on which it depends): not compared with")
    else:
        peers = mean(_objective(one.state_dict(), _with_rebasin(one, other, inputs)) for _ in SEEDS)
        ours = mean(_objective(one.state_dict(), align(one, other, inputs, seed=seed)) for seed in SEEDS)
        before = _objective(one.state_dict(), other.state_dict())
        print(f"product of the weights {before:.2f} before, {ours:.2f} here and {peers:.2f} by rebasin, of five orders")
        if ours < 0.995 * peers:
            print("linear_mode_connectivity_matching objective  MISSED")
        yield Comparison(
            "linear_mode_connectivity_matching",
            lambda: align(one, other, inputs),
            lambda: _with_rebasin(one, other, inputs),
            target=0.5,
            peer_name="rebasin",
            rounds=5,
        )
    small = [model.state_dict() for model in _pair(SMALL)]
    model = mlp(_sizes(SMALL))
    line = [interpolate(*small, number / (POINTS - 1)) for number in range(POINTS)]
    stacked, single = (state_losses(model, line, data, together=together).losses for together in (True, False))
    print(f"losses of a stack differ from those one by one by at most {float((stacked - single).abs().max()):.1e}")
    yield Comparison(
        "linear_mode_connectivity_curve",
        lambda: state_losses(model, line, data, together=True),
        lambda: state_losses(model, line, data, together=False),
        target=0.5,
        peer_name="one by one",
    )
    pairs = {width: [model.state_dict() for model in _pair(width, steps=20)] for width in (128, 256, 512)}
    specs = {width: permutation_spec(mlp(_sizes(width)), inputs) for width in pairs}
    yield Growth(
        "linear_mode_connectivity_width",
        {width: lambda width=width: weight_matching(specs[width], *pairs[width]) for width in pairs},  # type: ignore[misc]
        size_name="width",
        rounds=3,
    )


def _sizes(width: int) -> list[int]:
    return [64, width, width, width, 10]


def _pair(width: int, steps: int = 200) -> list[nn.Module]:
    models: list[nn.Module] = [mlp(_sizes(width), initialisation="he_normal", seed=seed) for seed in (0, 1)]
    fit_many(models, digits(), Recipe(steps=steps, lr=1e-3), seeds=[0, 1])
    return models


def _with_rebasin(one: nn.Module, other: nn.Module, inputs: torch.Tensor) -> State:
    from rebasin import PermutationCoordinateDescent

    turned = copy.deepcopy(other)
    PermutationCoordinateDescent(one, turned, inputs).rebasin()
    return turned.state_dict()


def _objective(a: State, b: State) -> float:
    return sum(float((a[name].double() * b[name].double()).sum()) for name in a)
