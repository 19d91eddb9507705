"""Two networks against each other: one step by hand, a known law learnt, repeatability, bad input."""

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.models import spectral_discriminator, upsampling_generator
from netopsy.training import fit_adversarial


class Plain(nn.Module):
    """Images of 2 by 2 from two numbers; and their judge."""

    def __init__(self, inputs, outputs, shape):
        super().__init__()
        torch.manual_seed(inputs)
        self.linear = nn.Linear(inputs, outputs)
        self.shape = shape

    def forward(self, x):
        return self.linear(x.flatten(1)).reshape(len(x), *self.shape)


@pytest.fixture
def pair():
    return Plain(2, 4, (1, 2, 2)), Plain(4, 1, ())


IMAGES = torch.rand(30, 1, 2, 2, generator=torch.Generator().manual_seed(0))


def test_the_first_losses_are_the_hinge_losses(pair):
    generator, judge = pair
    seen = []
    watched = judge.register_forward_hook(lambda module, given, scores: seen.append(scores.detach()))
    found = fit_adversarial(generator, judge, IMAGES, latent=2, steps=1, batch_size=8)
    watched.remove()
    both, fooled = seen
    assert len(both) == 16
    expected = (1 - both[:8]).clamp(min=0).mean() + (1 + both[8:]).clamp(min=0).mean()
    torch.testing.assert_close(found.discriminator_loss[0], expected)
    torch.testing.assert_close(found.generator_loss[0], -fooled.mean())


def test_a_step_moves_each_network_by_its_own_loss_alone(pair):
    generator, judge = pair
    before = [parameter.clone() for parameter in (*generator.parameters(), *judge.parameters())]
    fit_adversarial(generator, judge, IMAGES, latent=2, steps=1, batch_size=8, lr=0.01)
    after = [*generator.parameters(), *judge.parameters()]
    moved = [float((old - new).detach().abs().max()) for old, new in zip(before, after, strict=True)]
    # Adam's first step is the learning rate wherever there is a gradient; the judge's bias has none in the hinge loss
    # while every score is within 1 of 0.
    assert moved[0] == pytest.approx(0.01, rel=1e-3)
    assert moved[2] == pytest.approx(0.01, rel=1e-3)
    assert all(parameter.requires_grad for parameter in judge.parameters())


def test_the_mean_of_the_images_is_learnt():
    torch.manual_seed(0)
    images = 0.5 + 0.1 * torch.randn(400, 3, 8, 8)
    generator = upsampling_generator(4, widths=(8, 8), seed=0)
    judge = spectral_discriminator(size=8, widths=(8, 16))
    z = torch.randn(200, 4)
    with torch.no_grad():
        before = (generator.eval()(z).mean() - 0.5).abs()
    fit_adversarial(generator, judge, images, latent=4, steps=60, batch_size=16)
    with torch.no_grad():
        after = (generator.eval()(z).mean() - 0.5).abs()
    assert after < 0.15 < before


def test_the_same_seed_gives_the_same_networks_and_the_global_state_is_left_alone():
    made = []
    for _ in range(2):
        generator, judge = upsampling_generator(3, widths=(4, 4), seed=1), spectral_discriminator(size=8, seed=1)
        generator.eval()
        state = torch.random.get_rng_state()
        fit_adversarial(
            generator,
            judge,
            torch.rand(9, 3, 8, 8, generator=torch.Generator().manual_seed(0)),
            latent=3,
            steps=3,
            batch_size=4,
            seed=5,
        )
        assert torch.equal(torch.random.get_rng_state(), state)
        assert not generator.training
        made.append(generator)
    first, second = (list(one.state_dict().values()) for one in made)
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": 0}, "steps must be an int of at least 1"),
        ({"batch_size": 1}, "batch_size must be an int of at least 2"),
        ({"latent": 0}, "latent must be an int of at least 1"),
        ({"lr": 0.0}, "lr must be positive"),
        ({"lr": 1e30, "steps": 5}, "no longer finite"),
    ],
)
def test_bad_numbers_are_named(pair, options, message):
    with pytest.raises(InputError, match=message):
        fit_adversarial(*pair, IMAGES, **{"latent": 2, "steps": 2, "batch_size": 4, **options})


def test_bad_images_and_networks_are_named(pair, unchecked):
    with pytest.raises(InputError, match="images must be a float tensor"):
        fit_adversarial(*pair, IMAGES[0], latent=2)
    with pytest.raises(InputError, match="model must be a torch nn.Module"):
        fit_adversarial(None, pair[1], IMAGES, latent=2)
