"""Ranks and free directions against what can be counted, and learning coefficients against their known values."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from netopsy import InputError
from netopsy.data import Dataset
from netopsy.landscape.curvature import dense, gauss_newton
from netopsy.landscape.interaction_basis import (
    behaviour,
    behavioural_spectrum,
    distance,
    effective_parameters,
    effective_rank,
    free_directions,
    layer_degeneracy,
    local_learning_coefficient,
)
from netopsy.landscape.interaction_basis.degeneracy import _patches
from netopsy.models import mlp

INPUTS = torch.randn(400, 6, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def net(*, duplicate=False, dead=False):
    """6-8-7-5 with ReLUs, two equal hidden units or one that the output does not see."""
    torch.manual_seed(0)
    model = nn.Sequential()
    for number, (before, after) in enumerate(pairwise((6, 8, 7, 5)), start=1):
        model.add_module(f"fc{number}", nn.Linear(before, after))
        if number < 3:
            model.add_module(f"act{number}", nn.ReLU())
    model.double()
    with torch.no_grad():
        if duplicate:
            model.fc1.weight[1] = model.fc1.weight[0]
        if dead:
            model.fc3.weight[:, 3] = 0
        values = INPUTS
        for layer in (model.fc1, model.fc2):  # every unit fires on half of the inputs
            layer.bias -= layer(values).median(0).values + 1e-3
            values = layer(values).relu()
    return model


@pytest.mark.parametrize(
    ("duplicate", "dead", "ranks"),
    [(False, False, (8, 7)), (True, False, (7, 7)), (False, True, (8, 6)), (True, True, (7, 6))],
)
def test_the_rank_of_a_weights_behavioural_hessian_is_the_product_of_two_ranks(duplicate, dead, ranks, left_as_found):
    model = net(duplicate=duplicate, dead=dead).train()
    before = left_as_found(model)
    found = layer_degeneracy(model, "fc2", INPUTS, batch_size=150)
    assert (found.rank_activations, found.rank_gradients) == ranks
    exact = free_directions(model, INPUTS, ["fc2.weight"], batch_size=150)
    assert (exact.parameters, exact.rank) == (56, ranks[0] * ranks[1])
    assert found.free_directions_bound == exact.free
    assert left_as_found(model) == before
    assert found.ranks_at(0.999) == (1, 1)


def test_few_inputs_show_few_directions_of_the_whole_width():
    found = layer_degeneracy(net(), "fc2", INPUTS[:3])
    assert (found.shape, found.rank_activations) == ((7, 8), 3)
    assert found.free_directions_bound == 56 - 3 * found.rank_gradients
    assert len(found.activation_values) == 8


def relu_net(width, seed=0):
    return mlp([4, width, 6], seed=seed).double()


WEIGHTS = ["fc1.weight", "output.weight"]


def test_free_directions_of_a_whole_relu_network():
    assert (found := free_directions(relu_net(5), INPUTS[:, :4], WEIGHTS)).free == 5
    assert found.parameters == 50
    linear = relu_net(4)
    with torch.no_grad():
        linear.fc1.weight.abs_()
        linear.fc1.bias.zero_()
    positive = INPUTS[:, :4].abs()
    assert free_directions(linear, positive, WEIGHTS).free == 16
    assert layer_degeneracy(linear, "fc1", positive).synchronised_blocks == ((0, 1, 2, 3),)


def in_step():
    """Three units that fire on the first half of the inputs, where one coordinate is large, and two as they like."""
    model, inputs = relu_net(5), INPUTS[:, :4].clone()
    inputs[:, 3] = torch.where(torch.arange(len(inputs)) % 2 == 0, 20.0, -20.0)
    with torch.no_grad():
        model.fc1.bias.zero_()
        model.fc1.weight[:3, 3] = 3.0
        model.fc1.weight[3:, 3] = 0.01
    return model, inputs


def test_units_that_fire_in_step_form_a_linear_block():
    model, inputs = in_step()
    found = layer_degeneracy(model, "fc1", inputs, batch_size=64)
    assert found.synchronised_blocks == ((0, 1, 2),)
    assert free_directions(model, inputs, WEIGHTS).free == 11


def test_units_that_never_fire_are_in_no_block_and_other_activations_have_none():
    model, inputs = in_step()
    with torch.no_grad():
        model.fc1.bias[:3] = -1e3
    assert layer_degeneracy(model, "fc1", inputs).synchronised_blocks == ()
    assert layer_degeneracy(mlp([4, 5, 6], activation="tanh").double(), "fc1", inputs).synchronised_blocks == ()


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(2, 3, 3, padding=1, stride=2),
        nn.Conv2d(2, 3, (3, 2), padding="same", dilation=2, padding_mode="circular"),
        nn.Conv1d(2, 3, 3, padding=2, dilation=2),
    ],
)
def test_the_patches_of_a_convolution_are_what_its_weights_multiply(layer):
    images = torch.randn(5, 2, *[7] * len(layer.kernel_size))
    rows = _patches(layer, images) @ layer.weight.flatten(1).T + layer.bias
    torch.testing.assert_close(rows, layer(images).movedim(1, -1).flatten(0, -2))


def test_a_convolution_with_a_batch_norm_and_probes():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)).double()
    with torch.no_grad():
        model[0].weight[1] = model[0].weight[0]
        model[0].bias[1] = model[0].bias[0]
        model[4].weight[:, 32:48] = 0
    images = torch.randn(50, 1, 6, 6, dtype=torch.float64)
    found = layer_degeneracy(model.eval(), "0", images)
    assert (found.shape, found.rank_activations, found.rank_gradients) == ((4, 9), 9, 3)
    assert (0, 1) in found.synchronised_blocks
    assert layer_degeneracy(model, "0", images, n_sources=2).rank_gradients == 3
    exact = free_directions(model, images, ["0.weight"], rtol=1e-9)
    assert exact.rank <= 27


@settings(max_examples=15)
@given(st.integers(1, 6), st.integers(1, 6), st.integers(0, 4), st.integers(0, 10**6))
def test_the_rank_of_a_product_is_that_of_its_factors(rows, columns, rank, seed):
    random = np.random.default_rng(seed)
    rank = min(rank, rows, columns)
    matrix = random.normal(size=(rows, max(rank, 1))) @ random.normal(size=(max(rank, 1), columns))
    matrix = matrix * 1e6 if rank else matrix * 0
    assert effective_rank(torch.from_numpy(matrix)) == rank


def test_the_behavioural_spectrum_is_that_of_the_jacobian():
    model = net()
    spectrum = behavioural_spectrum(model, INPUTS[:100], ["fc2.weight"])
    values = free_directions(model, INPUTS[:100], ["fc2.weight"]).values
    torch.testing.assert_close(spectrum, 2 * 5 * values**2, rtol=1e-6, atol=1e-9)
    whole = dense(gauss_newton(model, behaviour(model, INPUTS[:100]), loss=distance, names=["fc2.weight"]))
    assert effective_parameters(spectrum, 1e-3) == int((torch.linalg.eigvalsh(whole) >= 2e-3).sum())


class Potential(nn.Module):
    """Answers whose squared error is a function of the parameters alone."""

    def __init__(self, answer, size, start=0.0):
        super().__init__()
        self.w, self.answer = nn.Parameter(torch.full((size,), start, dtype=torch.float64)), answer

    def forward(self, inputs):
        return self.answer(self.w).expand(len(inputs), 1)


def coefficient(answer, size, n_beta, **options):
    data = Dataset(torch.zeros(1, 1, dtype=torch.float64), torch.zeros(1, 1, dtype=torch.float64))
    found = local_learning_coefficient(Potential(answer, size), data, loss="mse", n_beta=n_beta, chains=1000, **options)
    return found.mean


@pytest.mark.usefixtures("unchecked")
def test_learning_coefficients_of_regular_and_of_quartic_minima():
    x = torch.eye(6, dtype=torch.float64) * 6**0.5
    model = nn.Linear(6, 1, bias=False).double()
    nn.init.zeros_(model.weight)
    data = Dataset(x, torch.zeros(6, 1, dtype=torch.float64))
    regular = local_learning_coefficient(
        model, data, loss="mse", n_beta=100.0, gamma=0.0, step=1e-3, chains=100, draws=300
    )
    assert regular.mean == pytest.approx(6 / 2, rel=0.1)
    assert regular.chains.shape == (100,)
    assert coefficient(lambda w: w**2, 1, 100.0, gamma=0.0, step=1e-3, draws=500) == pytest.approx(1 / 4, rel=0.05)


@pytest.mark.usefixtures("unchecked")
def test_the_learning_coefficient_where_free_directions_cross():
    """Of w1^2 w2^2 it is 1/2; at a finite temperature less by 1 over a logarithm, which quadrature gives exactly."""
    n_beta, gamma = 20.0, 1.0
    grid = np.sinh(np.linspace(-math.asinh(5e3), math.asinh(5e3), 801)) * 1e-3
    w1, w2 = np.meshgrid(grid, grid)
    volume = np.outer(np.gradient(grid), np.gradient(grid))

    def expected(beta):
        weight = np.exp(-beta * (w1 * w2) ** 2 - gamma / 2 * (w1**2 + w2**2)) * volume
        return float((beta * (w1 * w2) ** 2 * weight).sum() / weight.sum())

    sampled = coefficient(lambda w: w.prod(), 2, n_beta, gamma=gamma, step=4e-3, draws=800, burn_in=400)
    assert sampled == pytest.approx(expected(n_beta), abs=0.03)
    far, farther = 1e6, 1e8  # 1/2 - 1 / (log beta + c), by elimination of c
    inverse = [1 / (0.5 - expected(beta)) for beta in (far, farther)]
    assert inverse[1] - inverse[0] == pytest.approx(math.log(farther / far), rel=0.05)


@pytest.mark.usefixtures("unchecked")
def test_bad_input():
    model = net()
    for call, words in (
        (lambda: layer_degeneracy(model, "act1", INPUTS), "layer must be a linear layer or a convolution"),
        (
            lambda: layer_degeneracy(nn.Sequential(nn.Conv2d(2, 2, 1, groups=2)), "0", torch.zeros(3, 2, 2, 2)),
            "grouped",
        ),
        (lambda: layer_degeneracy(model, "fc2", INPUTS, rtol=2.0), "rtol must lie in"),
        (lambda: layer_degeneracy(model, "fc2", INPUTS * torch.nan), "NaN"),
        (lambda: layer_degeneracy(model, "fc2", INPUTS.float()), "inputs are torch.float32"),
        (lambda: free_directions(model, INPUTS, ["fc9.weight"]), "unknown parameter 'fc9.weight'"),
        (lambda: free_directions(mlp([64, 100, 10]), torch.zeros(3, 64)), "at most 4,096 parameters"),
        (lambda: effective_rank(torch.zeros(3)), "matrix must have two axes"),
        (lambda: effective_parameters(torch.ones(2), 0.0), "eps must be positive"),
        (lambda: coefficient(lambda w: w, 1, 1e9, step=1.0, draws=300), "the chains diverge"),
        (lambda: coefficient(lambda w: w, 1, -1.0, step=1.0), "n_beta must be positive"),
    ):
        with pytest.raises(InputError, match=words):
            call()
