"""The theory's model against closed forms, finite differences and its known answers."""

import math

import pytest
import torch

from netopsy import InputError
from netopsy.landscape.opposing_signals import TwoLayerLinear, TwoLayerOpposing

BETA = torch.tensor([0.6, 0.8])


def model(norm=4.0, alpha=20, d2=4):
    return TwoLayerOpposing(alpha, (norm * BETA).tolist(), d2=d2)


def start(strong=0.02, d2=4):
    """A small first layer whose strong weight is ``strong``."""
    return [0.001, 0.0] + [strong / math.sqrt(d2)] * d2


@pytest.mark.parametrize("norm", [2.0, 4.0, 8.0])
def test_sharpness_ends_at_strength_times_norm(norm):
    found = model(norm).flow(start(), 0.05, time=40 / norm)
    assert found.sharpness[-1].item() == pytest.approx(20 * norm, rel=1e-3)
    assert (found.conserved - found.conserved[0]).abs().max() < 1e-5
    assert (found.losses.diff() <= 1e-8).all()


def test_sharpness_falls_first_where_the_strong_weight_is_large():
    found = model().flow(start(strong=0.5), 0.5, time=10)
    lowest = int(found.sharpness.argmin())
    assert 0 < lowest < len(found.times) - 1
    assert found.sharpness[lowest] < 0.9 * found.sharpness[0] < found.sharpness[-1]


def test_descent_below_the_threshold_is_monotone_and_above_it_bursts():
    threshold = 2 / 80
    calm = model().gd(start(), 0.05, lr=0.9 * threshold, steps=3000)
    assert (calm.losses.diff() <= 1e-12).all()
    assert calm.sharpness[-1].item() / 80 == pytest.approx(1, rel=1e-3)
    wild = model().gd(start(), 0.05, lr=1.3 * threshold, steps=3000)
    assert model().strong(wild).abs().max() > 0.3
    assert 1.3 * threshold * wild.sharpness[-1] / 2 < 1


def test_descent_at_a_small_rate_follows_the_flow():
    flow = model().flow(start(), 0.05, time=2, points=3)
    steps = model().gd(start(), 0.05, lr=1e-3, steps=2000)
    torch.testing.assert_close(steps.first[-1], flow.first[-1], atol=1e-2, rtol=1e-2)


def test_the_hessian_is_that_of_the_loss_and_splits_where_the_strong_weight_is_zero():
    own = model()
    point = torch.tensor([0.3, -0.2, 0.1, 0.4, 0.0, 0.2, 0.7], dtype=torch.float64)

    def loss(weights):
        made = weights[-1] * weights[:-1]
        signal = (made[:2] - 4 * BETA.double()).square().sum()
        return signal / 2 + 20 * made[2:].sum().square() / 4 / 2

    wanted = torch.func.jacrev(torch.func.jacrev(loss))(point)
    torch.testing.assert_close(own.hessian(point[:-1], point[-1].item()), wanted, atol=1e-6, rtol=1e-6)
    second = 1.5
    at_zero = own.hessian([0.3, 0.4, 0, 0, 0, 0], second)
    along = torch.tensor([0, 0, 0.5, 0.5, 0.5, 0.5, 0], dtype=torch.float64)
    torch.testing.assert_close(at_zero @ along, 20 * second**2 * along)


def test_samples_have_the_moments_of_the_model():
    own = TwoLayerOpposing(20, [1.0, -1.0], p=0.2, d2=3)
    inputs, targets = own.sample(100_000)
    covariance, cross = inputs.T @ inputs / len(inputs), inputs.T @ targets / len(inputs)
    torch.testing.assert_close(covariance, torch.from_numpy(own.covariance), atol=0.2, rtol=0.03)
    torch.testing.assert_close(cross, torch.from_numpy(own.cross), atol=0.3, rtol=0)
    torch.testing.assert_close(torch.from_numpy(own.sampled(100_000).covariance), covariance)
    assert set((inputs[:, 2].abs() > 0).double().unique().tolist()) == {0.0, 1.0}
    assert (inputs[:, 2:] == inputs[:, 2:3]).all()


BAD = {
    "alpha": (lambda: TwoLayerOpposing(0, [1.0]), "alpha must be positive and finite, got 0"),
    "p": (lambda: TwoLayerOpposing(1, [1.0], p=2), r"p must be in \(0, 1\], got 2"),
    "beta": (lambda: TwoLayerOpposing(1, []), "beta must be a list of at least one number"),
    "d2": (lambda: TwoLayerOpposing(1, [1.0], d2=0), "d2 must be an int of at least 1, got 0"),
    "start": (lambda: model().flow([1.0], 1.0, time=1), "first must have 6 entries, and second be one"),
    "time": (lambda: model().flow(start(), 0.05, time=0), "time must be positive and finite, got 0"),
    "diverges": (lambda: model().gd(start(), 5.0, lr=1.0, steps=50), "gradient descent has diverged after"),
    "n": (lambda: model().sample(0), "n must be an int of at least 1, got 0"),
    "moments": (lambda: TwoLayerLinear(torch.eye(2), torch.ones(3)), r"covariance must be \[inputs, inputs\]"),
}


@pytest.mark.parametrize("what", BAD)
def test_it_says_in_one_sentence_what_is_wrong(what, unchecked):
    call, says = BAD[what]
    with pytest.raises(InputError, match=says):
        call()
