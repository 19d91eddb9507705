"""Every scheme against the formula of its paper."""

import math

import pytest
import torch
from scipy import stats
from torch import nn

from netopsy.core.errors import InputError, UnknownNameError
from netopsy.models import SCHEMES, initialise

FANS = {"linear": (400, 300), "conv": (20 * 9, 40 * 9)}


def layer(kind):
    return nn.Linear(400, 300) if kind == "linear" else nn.Conv2d(20, 40, 3)


@pytest.mark.parametrize("kind", FANS)
@pytest.mark.parametrize(
    ("scheme", "variance"),
    [
        ("glorot_normal", lambda i, o: 2 / (i + o)),
        ("glorot_uniform", lambda i, o: 2 / (i + o)),
        ("he_normal", lambda i, o: 2 / i),
        ("he_uniform", lambda i, o: 2 / i),
        ("lecun_normal", lambda i, o: 1 / i),
        ("lecun_uniform", lambda i, o: 1 / i),
        ("truncated_normal", lambda i, o: stats.truncnorm(-2, 2).var() / i),
        ("signed_constant", lambda i, o: 2 / i),
        ("normal", lambda i, o: 0.02**2),
        ("torch", lambda i, o: 1 / (3 * i)),
    ],
)
def test_variance_is_that_of_the_formula(kind, scheme, variance):
    weight = initialise(layer(kind), scheme, seed=3).weight
    wanted = variance(*FANS[kind])
    # The variance of n draws strays by at most sqrt(2/n) of itself for these distributions: four of those are allowed.
    assert abs(weight.var().item() / wanted - 1) < 4 * math.sqrt(2 / weight.numel())
    assert abs(weight.mean().item()) < 4 * math.sqrt(wanted / weight.numel())


@pytest.mark.parametrize(
    ("scheme", "shape"),
    [
        ("glorot_normal", lambda std: stats.norm(scale=std)),
        ("he_uniform", lambda std: stats.uniform(-math.sqrt(3) * std, 2 * math.sqrt(3) * std)),
        ("truncated_normal", lambda std: stats.truncnorm(-2, 2, scale=std / stats.truncnorm(-2, 2).std())),
    ],
)
def test_distribution_is_the_named_one(scheme, shape):
    weight = initialise(nn.Linear(300, 300), scheme, seed=1).weight.detach().flatten()
    assert stats.kstest(weight.numpy(), shape(weight.std().item()).cdf).pvalue > 1e-3


def test_orthogonal_rows_are_orthonormal():
    weight = initialise(nn.Linear(50, 30), "orthogonal", gain=2.0).weight
    torch.testing.assert_close(weight @ weight.T, 4 * torch.eye(30), atol=1e-4, rtol=1e-4)


def test_torch_scheme_has_the_spread_of_a_fresh_layer():
    ours, theirs = initialise(nn.Linear(500, 400), "torch").weight, nn.Linear(500, 400).weight
    assert abs(ours.abs().max() / theirs.abs().max() - 1) < 1e-3


@pytest.mark.parametrize("scheme", SCHEMES)
def test_seed_decides_and_the_global_state_is_left_alone(scheme):
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Linear(5, 4))
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first = [parameter.clone() for parameter in initialise(model, scheme, seed=7).parameters()]
    again = initialise(model, scheme, seed=7).parameters()
    assert all(torch.equal(one, two) for one, two in zip(first, again, strict=True))
    other = initialise(model, scheme, seed=8)
    assert not torch.equal(first[0], other[0].weight)
    assert torch.equal(torch.get_rng_state(), before)


def test_gain_replaces_the_factor_and_biases_are_drawn_on_request():
    model = initialise(nn.Linear(400, 300), "lecun_normal", gain=3.0, bias_std=0.5, seed=1)
    assert abs(model.weight.std().item() * 20 - 3) < 0.05
    assert abs(model.bias.std().item() - 0.5) < 0.1


def test_layers_are_independent_and_do_not_disturb_one_another():
    twins = initialise(nn.Sequential(nn.Linear(9, 9), nn.Linear(9, 9)))
    assert not torch.equal(twins[0].weight, twins[1].weight)
    longer = initialise(nn.Sequential(nn.Linear(9, 9), nn.Linear(9, 9), nn.Linear(9, 2)))
    assert torch.equal(twins[1].weight, longer[1].weight)


def test_shared_weights_are_drawn_once():
    alone, tied = nn.Linear(7, 7), nn.Sequential(nn.Linear(7, 7), nn.Linear(7, 7))
    tied[1].weight = tied[0].weight
    initialise(tied)
    wanted = initialise(nn.Sequential(alone))
    assert torch.equal(tied[1].weight, wanted[0].weight)


def test_normalisation_layers_forget():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.BatchNorm2d(2))
    model(torch.rand(4, 1, 3, 3) + 5)
    nn.init.constant_(model[1].weight, 3)
    initialise(model)
    assert model[1].weight.tolist() == [1, 1]
    assert model[1].running_mean.tolist() == [0, 0]
    assert int(model[1].num_batches_tracked) == 0


def test_double_precision_is_kept():
    assert initialise(nn.Linear(3, 2).double(), "he_normal").weight.dtype == torch.float64


@pytest.mark.usefixtures("unchecked")
def test_bad_input_is_named():
    with pytest.raises(UnknownNameError, match="did you mean .*'glorot_normal'"):
        initialise(nn.Linear(2, 2), "glorot-normal")
    with pytest.raises(InputError, match="gain must be positive and finite, got 0"):
        initialise(nn.Linear(2, 2), gain=0)
    with pytest.raises(InputError, match="bias_std must be finite and not negative"):
        initialise(nn.Linear(2, 2), bias_std=-1.0)
