from functools import partial

import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients, Saliency
from torch import nn

from netopsy import InputError
from netopsy.interpretability.input_gradients import (
    attribution_map,
    gradient_shap,
    input_gradient,
    input_times_gradient,
    integrated_gradients,
)


@pytest.fixture
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(2, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 3)).double()


def images(count=4):
    return torch.randn(count, 2, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("target", [1, torch.tensor([0, 2, 1, 1])])
def test_equal_captum(net, target):
    x, start = images(), torch.full((1, 2, 6, 6), 0.2, dtype=torch.float64)
    torch.testing.assert_close(input_gradient(net, x, target), Saliency(net).attribute(x, target=target, abs=False))
    torch.testing.assert_close(input_times_gradient(net, x, target), InputXGradient(net).attribute(x, target=target))
    expected = IntegratedGradients(net).attribute(
        x, baselines=start.expand(4, -1, -1, -1), target=target, n_steps=300, method="riemann_middle"
    )
    torch.testing.assert_close(integrated_gradients(net, x, target, baseline=start, steps=300), expected)


def test_integrated_gradients_add_up_to_the_difference(net):
    x = images()
    found = integrated_gradients(net, x, 2, steps=2000).sum((1, 2, 3))
    torch.testing.assert_close(found, (net(x) - net(0 * x))[:, 2], atol=1e-3, rtol=1e-3)


def test_gradient_shap_is_the_loop_over_its_draws(net):
    x, starts = images(), images(3) * 0.1
    random = torch.Generator().manual_seed(5)
    noise = torch.randn(2, 4, 2, 6, 6, generator=random).double() * 0.3
    which = torch.randint(3, (2, 4), generator=random)
    places = torch.rand(2, 4, 1, 1, 1, generator=random).double()
    total = torch.zeros_like(x)
    for draw in range(2):
        noisy, chosen = x + noise[draw], starts[which[draw]]
        total += (noisy - chosen) * input_gradient(net, chosen + places[draw] * (noisy - chosen), 1) / 2
    found = gradient_shap(net, x, 1, baselines=starts, n=2, std=0.3, seed=5)
    torch.testing.assert_close(found, total)
    linear = nn.Sequential(nn.Flatten(), nn.Linear(72, 3)).double()
    exact = gradient_shap(linear, x, 0, baselines=torch.zeros_like(x[:1]), n=3)
    torch.testing.assert_close(exact, input_times_gradient(linear, x, 0))


def test_paired_draws_leave_nothing_but_the_images_to_differ(net):
    x, starts = images(), images(3) * 0.1
    way = partial(gradient_shap, net, target=1, baselines=starts, n=4, std=0.3, paired=True, seed=5)
    found = way(x)
    torch.testing.assert_close(way(x.flip(0)), found.flip(0))
    torch.testing.assert_close(way(x[:1]), found[:1])
    torch.testing.assert_close(way(x[:1]), gradient_shap(net, x[:1], 1, baselines=starts, n=4, std=0.3, seed=5))
    apart = way(x + 1e-4) - found
    assert float(apart.abs().max()) < 0.05 * float(found.abs().max())


def test_many_images_go_through_in_parts(net):
    x, target = images(1030), torch.arange(1030) % 3
    alone = input_gradient(net, x[600:602], target[600:602])
    torch.testing.assert_close(input_gradient(net, x, target)[600:602], alone)
    assert attribution_map(x).shape == (1030, 6, 6)


def test_bad_input_is_named(net, unchecked):
    with pytest.raises(InputError, match="at least one image"):
        input_gradient(net, images()[:0], 1)
    with pytest.raises(InputError, match="out of range"):
        integrated_gradients(net, images(), 7)
    with pytest.raises(InputError, match="steps"):
        integrated_gradients(net, images(), 1, steps=0)
    with pytest.raises(InputError, match="baselines"):
        gradient_shap(net, images(), 1, baselines=images()[:, :1])
