"""Barriers and their estimates against closed forms, and parts of networks."""

import math

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.parameters import interpolate
from netopsy.data import Dataset, digits
from netopsy.landscape.curvature import sample_losses
from netopsy.landscape.linear_mode_connectivity import (
    barrier_estimate,
    layers_with_parameters,
    layerwise_barrier,
    loss_barrier,
    partial_barriers,
    state_losses,
)
from netopsy.models import mlp, resnet
from netopsy.training import evaluate
from netopsy.training.recalibration import recalibrated

DATA = digits()[:60]


class Product(nn.Module):
    """``u v``: the loss ``(u v - 1)^2 / 2`` has minima along two branches."""

    def __init__(self):
        super().__init__()
        self.u, self.v = (nn.Parameter(torch.ones(1, dtype=torch.float64)) for _ in "uv")

    def forward(self, inputs):
        return self.u * self.v * inputs


TOY = Dataset(torch.ones(1, 1, dtype=torch.float64), torch.ones(1, dtype=torch.float64))


def half_square(outputs, targets):
    return (outputs[:, 0] - targets).square() / 2


def at(u, v):
    return {"u": torch.tensor([u], dtype=torch.float64), "v": torch.tensor([v], dtype=torch.float64)}


def net(seed=0):
    return mlp([64, 8, 8, 10], seed=seed)


def ends():
    return tuple(net(seed).state_dict() for seed in (0, 1))


def test_minima_of_one_branch():
    p, q = 1.0, 3.0
    found = loss_barrier(Product(), at(p, 1 / p), at(q, 1 / q), TOY, loss=half_square)
    height = ((p - q) ** 2 / (4 * p * q)) ** 2 / 2
    assert found.height == pytest.approx(height, abs=1e-12) == pytest.approx(1 / 18)
    assert found.at == pytest.approx(0.5)
    guess = barrier_estimate(Product(), at(p, 1 / p), at(q, 1 / q), TOY, loss=half_square)
    assert guess.hermite == pytest.approx(1 / 18)
    assert guess.taylor == pytest.approx(2 / 9)
    assert guess.squared_distance == pytest.approx(4 + 4 / 9)


def test_minima_of_opposite_branches():
    found = loss_barrier(Product(), at(2.0, 0.5), at(-2.0, -0.5), TOY, loss=half_square, points=4)
    assert found.height == pytest.approx(0.5, abs=1e-6)  # not on the grid, and found all the same
    assert found.midpoint == pytest.approx(0.5)


def test_a_quadratic_loss_has_no_barrier_and_both_estimates_are_exact():
    torch.manual_seed(0)
    inputs, targets = torch.randn(20, 3, dtype=torch.float64), torch.randn(20, 1, dtype=torch.float64)
    model = nn.Linear(3, 1, bias=False).double()
    a, b = ({"weight": torch.randn(1, 3, dtype=torch.float64)} for _ in range(2))
    data = Dataset(inputs, targets)

    def loss(outputs, wanted):
        return (outputs - wanted)[:, 0].square() / 2

    found = loss_barrier(model, a, b, data, loss=loss)
    drop = -float((inputs @ (b["weight"] - a["weight"]).T).square().sum()) / (8 * 20)
    assert found.height == 0
    assert found.error_height is None
    guess = barrier_estimate(model, a, b, data, loss=loss)
    assert [found.midpoint, guess.taylor, guess.hermite] == pytest.approx([drop] * 3)


def test_the_curve_is_the_loss_of_the_networks_between(left_as_found):
    model, (a, b) = net(5), ends()
    before = left_as_found(model)
    found = loss_barrier(model, a, b, DATA, points=3)
    assert left_as_found(model) == before
    middle = net()
    middle.load_state_dict(interpolate(a, b, 0.5))
    there = evaluate(middle, DATA)
    assert float(found.losses[1]) == pytest.approx(there.loss, rel=1e-5)
    assert float(found.errors[1]) == pytest.approx(1 - there.accuracy)
    assert found.midpoint == pytest.approx(float(found.losses[1] - (found.losses[0] + found.losses[2]) / 2))
    assert found.plot() is not None


def test_barriers_are_symmetric_and_those_to_itself_nothing():
    a, b = ends()
    there, back = (loss_barrier(net(), *pair, DATA).height for pair in ((a, b), (b, a)))
    assert there == pytest.approx(back, rel=1e-4)
    assert there > 0
    assert loss_barrier(net(), a, a, DATA).height == pytest.approx(0, abs=1e-6)


def test_a_stack_is_its_states_one_by_one():
    states = [net(seed).state_dict() for seed in range(4)]
    stacked, single = (
        state_losses(net(), states, DATA, together=together, batch_size=25) for together in (True, False)
    )
    torch.testing.assert_close(stacked.losses, single.losses, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(stacked.errors, single.errors)


def test_batch_norms_get_statistics_of_their_own():
    model, other = (resnet(8, channels=1, width=2, seed=seed).train() for seed in (0, 1))
    for each in (model, other):
        each(DATA.inputs)
    a, b = model.state_dict(), other.state_dict()
    between = resnet(8, channels=1, width=2)
    between.load_state_dict(interpolate(a, b, 0.5))
    fresh, stale = (
        float(loss_barrier(model, a, b, DATA, points=3, refine=False, reset_norms=reset).losses[1])
        for reset in (True, False)
    )
    assert fresh == pytest.approx(evaluate(recalibrated(between, DATA.inputs), DATA).loss, rel=1e-4)
    assert stale == pytest.approx(evaluate(between, DATA).loss, rel=1e-4)
    assert not math.isclose(fresh, stale, rel_tol=1e-3)


def test_a_layer_is_averaged_in_both_networks():
    a, b = ends()
    found = layerwise_barrier(net(), a, b, DATA)
    assert list(found) == layers_with_parameters(net())
    hosts = []
    for host, guest in ((a, b), (b, a)):
        moved = {name: (host[name] + guest[name]) / 2 if name.startswith("fc2") else host[name] for name in host}
        hosts.append(float(sample_losses(net(), DATA, at=moved).mean()))
    ground = sum(float(sample_losses(net(), DATA, at=end).mean()) for end in (a, b)) / 2
    assert found["fc2"] == pytest.approx(sum(hosts) / 2 - ground, abs=1e-5)


def test_all_layers_together_are_the_whole_network():
    a, b = ends()
    middle = loss_barrier(net(), a, b, DATA).midpoint
    single = layerwise_barrier(net(), a, b, DATA)
    up, down = (layerwise_barrier(net(), a, b, DATA, cumulative=way) for way in ("from input", "from output"))
    assert [up["output"], down["fc1"]] == pytest.approx([middle, middle], abs=1e-5)
    assert [up["fc1"], down["output"]] == pytest.approx([single["fc1"], single["output"]], abs=1e-6)
    whole, parts = (barrier_estimate(net(), a, b, DATA, layers=some) for some in (None, ["fc1", "fc2", "output"]))
    assert whole.taylor == pytest.approx(parts.taylor, rel=1e-5)


def test_a_part_may_be_any_parameters():
    a, b = ends()
    masks = {name: torch.zeros_like(value, dtype=torch.bool) for name, value in a.items()}
    found = partial_barriers(net(), a, b, DATA, {"none": masks, "all": {name: ~mask for name, mask in masks.items()}})
    assert found["none"] == pytest.approx(0, abs=1e-6)
    assert found["all"] == pytest.approx(loss_barrier(net(), a, b, DATA).midpoint, abs=1e-5)


def test_a_layer_estimate_is_the_second_order_expansion_in_both_hosts():
    a, b = ({name: value.double() for name, value in end.items()} for end in ends())
    model, data = mlp([64, 8, 8, 10], activation="tanh").double(), Dataset(DATA.inputs.double(), DATA.targets)
    guess = barrier_estimate(model, a, b, data, layers=["fc2"])

    def loss(share, host):
        moved = {name: host[name] + share * (b[name] - a[name]) * name.startswith("fc2") for name in a}
        return float(sample_losses(model, data, at=moved).mean())

    step = 1e-4
    for host, slope, curvature in zip((a, b), guess.slopes, guess.curvatures, strict=True):
        up, here, down = loss(step, host), loss(0.0, host), loss(-step, host)
        assert slope == pytest.approx((up - down) / (2 * step), abs=1e-6)
        assert curvature == pytest.approx((up - 2 * here + down) / step**2, abs=1e-4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda a, b: loss_barrier(net(), a, {"x": b["fc1.bias"]}, DATA), "same names"),
        (lambda a, b: loss_barrier(net(), a, {**b, "fc1.bias": torch.zeros(3)}, DATA), "fc1.bias"),
        (lambda a, b: loss_barrier(net(), a, {**b, "fc1.bias": torch.zeros(8).long()}, DATA), "fc1.bias"),
        (lambda a, b: loss_barrier(net(), a, {**b, "fc1.bias": b["fc1.bias"] / 0}, DATA), "finite"),
        (lambda a, b: loss_barrier(net(), a, b, DATA, points=2), "points"),
        (lambda a, b: loss_barrier(mlp([64, 10]), a, b, DATA), "fc1"),
        (lambda a, b: barrier_estimate(net(), a, b, DATA, layers=["fc9"]), "fc9"),
        (lambda a, b: barrier_estimate(net(), a, b, DATA, layers=["act1"]), "no parameters"),
        (lambda a, b: layerwise_barrier(net(), a, b, DATA, cumulative="up"), "cumulative"),
        (lambda a, b: partial_barriers(net(), a, b, DATA, {"p": {"fc1.bias": torch.ones(8)}}), "bool"),
        (lambda a, b: state_losses(net(), [], DATA), "states is empty"),
    ],
)
def test_what_cannot_be_used_is_said(call, words):
    with pytest.raises(InputError, match=words):
        call(*ends())
