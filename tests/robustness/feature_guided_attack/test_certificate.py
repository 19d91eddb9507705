"""The guarantee against networks whose nearest image of another class is known."""

import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netopsy import InputError
from netopsy.robustness.feature_guided_attack import certify_grid

PIXELS = [(0, 0), (0, 1), (1, 1)]


def linear(weights, offset):
    """Two classes whose margin is ``weights @ pixels - offset``; under norm k its Lipschitz constant is the dual
    norm."""

    def scores(images):
        margin = images.flatten(1).double() @ weights - offset
        return torch.stack([margin, torch.zeros_like(margin)], 1)

    return scores


DUAL = {1: math.inf, 2: 2, math.inf: 1}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-1, 1), min_size=4, max_size=4),
    st.lists(st.floats(0, 1), min_size=4, max_size=4),
    st.floats(0.02, 1),
    st.sampled_from([1, 2, math.inf]),
    st.sampled_from([(0.1, 2), (0.3, 1), (0.25, 4)]),
)
def test_no_image_of_another_class_is_nearer_than_the_bound(weights, values, margin, norm, grid):
    tau, levels = grid
    weights, image = torch.tensor(weights).double(), torch.tensor(values).view(1, 2, 2)
    offset = float(image.flatten().double() @ weights) - margin
    lipschitz = max(float(torch.linalg.vector_norm(weights, DUAL[norm])), 1e-3)
    scores = linear(weights, offset)
    found = certify_grid(scores, image, 0, lipschitz, PIXELS, tau=tau, levels=levels, norm=norm)
    assert found.radius == pytest.approx(tau / 2 * (1 if norm == math.inf else 3 ** (1 / norm)))
    # Images of the region drawn at random, corners included.
    random = torch.Generator().manual_seed(0)
    shift = (torch.rand(3000, 4, generator=random) * 2 - 1) * tau * levels
    shift[:1000] = shift[:1000].sign() * tau * levels
    shift[:, 2] = 0
    images = (image.flatten() + shift).clamp(0, 1)
    other = scores(images.view(-1, 1, 2, 2))[:, 0] < 0
    distances = torch.linalg.vector_norm(images - image.flatten(), norm, dim=1)[other]
    assert not (found.safe and len(distances))
    assert all(distance >= found.distance - 1e-5 for distance in distances.tolist())
    assert found.distance <= found.nearest


def test_the_grid_is_every_image_of_the_region_at_multiples_of_the_step():
    seen = []

    def scores(images):
        seen.extend(tuple(round(float(value), 3) for value in image.flatten()) for image in images)
        return torch.stack([torch.ones(len(images)), torch.zeros(len(images))], 1)

    image = torch.tensor([[[0.5, 0.95], [0.3, 0.05]]])
    found = certify_grid(scores, image, 0, 1.0, PIXELS, tau=0.2, levels=2)
    wanted = itertools.product((0.1, 0.3, 0.5, 0.7, 0.9), (0.55, 0.75, 0.95, 1.0), (0.3,), (0.0, 0.05, 0.25, 0.45))
    assert set(seen[1:]) == set(wanted)
    assert found.grid_images == len(seen) - 1 == 80


def test_a_grid_without_the_test_of_the_constant_is_no_guarantee():
    """Every grid image has the class, and yet one between them has not: the constant tells."""

    def spike(images):
        near = (images[:, 0, 0, 0] - 0.75).abs() < 0.05
        return torch.stack([1 - 2 * near.float(), torch.zeros(len(images))], 1)

    image = torch.full((1, 1, 1), 0.5)
    found = certify_grid(spike, image, 0, 100.0, [(0, 0)], tau=0.5)
    assert found.nearest == math.inf
    assert not found.safe
    assert found.distance == 0


def test_probabilities_are_taken_as_they_are():
    """The logarithm of a probability of almost 0 would vouch for far too much."""

    def certain(images):
        share = 1 - 1e-6 * images.mean((1, 2, 3))
        return torch.stack([share, 1 - share], 1)

    found = certify_grid(certain, torch.zeros(1, 1, 1), 0, 2.0, [(0, 0)], tau=0.5)
    assert found.least_margin == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"lipschitz": 0.0}, "lipschitz must be positive"),
        ({"lipschitz": [1.0, 1.0, 1.0]}, "lipschitz must be one or 2, got 3"),
        ({"pixels": []}, "pixels must name at least one"),
        ({"pixels": [(2, 0)]}, "pixels must be rows below 2 and columns below 2"),
        ({"pixels": [(0, 0), (0, 0)]}, "pixels must each be named once"),
        ({"norm": 0}, "norm must be 1, 2 or infinity, got 0"),
        ({"tau": 1.5}, "tau must be above 0 and at most 1"),
        ({"levels": 0}, "levels must be an int of at least 1"),
        ({"label": 7}, "label must be a class number"),
        ({"tau": 0.0001, "levels": 2000}, "grid of [0-9]+ images, at most"),
        ({"image": torch.full((1, 2, 2), 1.5)}, "image must lie within 0 to 1"),
    ],
)
def test_what_cannot_be_used_is_named(options, says, unchecked):
    given = {"image": torch.full((1, 2, 2), 0.5), "label": 0, "lipschitz": 1.0, "pixels": PIXELS, **options}
    with pytest.raises(InputError, match=says):
        certify_grid(linear(torch.ones(4).double(), 0.0), **given)
