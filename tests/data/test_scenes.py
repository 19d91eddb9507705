"""Scenes are drawn as their docstring says."""

import pytest
import torch

from netopsy import InputError
from netopsy.data import SCENE_CLASSES, scenes

SKY, GROUND, SUN, HOUSE, TREE = range(5)


@pytest.fixture(scope="module")
def drawn():
    return scenes(2000, seed=3)


def test_every_pixel_has_one_class_and_things_are_as_often_there(drawn):
    assert SCENE_CLASSES == ("sky", "ground", "sun", "house", "tree")
    assert (drawn.masks.sum(1) == 1).all()
    assert torch.equal(drawn.masks.long().argmax(1), drawn.labels)
    there = drawn.masks.any(3).any(2).float().mean(0)
    assert there[[SKY, GROUND]].tolist() == [1, 1]
    assert there[[HOUSE, TREE]].tolist() == pytest.approx([0.6, 0.6], abs=0.04)
    assert 0.42 < there[SUN] < 0.53  # now and then it hides behind something


def test_sizes_and_places(drawn):
    labels = drawn.labels
    house = (labels == HOUSE).sum((1, 2))
    assert set(house.tolist()) == {0, 25}
    assert set((labels == TREE).sum((1, 2)).tolist()) == {0, 15}
    assert (labels == SUN).sum((1, 2)).max() == 21
    horizon = (labels == GROUND).any(2).long().argmax(1)
    assert set(horizon.tolist()) <= {8, 9, 10}
    rows = torch.arange(16)[:, None].expand(16, 16)
    for number in (HOUSE, TREE):
        some = labels[(labels == number).any(2).any(1)]
        foot = torch.where(some == number, rows, -1).amax((1, 2))
        ground = torch.where(some == GROUND, rows, 99).amin((1, 2))
        assert (foot == ground).all()  # stands one row below the horizon
    assert not (labels[:, 10:] == SUN).any()


def test_house_and_tree_are_on_opposite_halves(drawn):
    left, right = drawn.labels[:, :, :8], drawn.labels[:, :, 8:]
    for half in (left, right):
        assert not ((half == HOUSE).any(2).any(1) & (half == TREE).any(2).any(1)).any()
    assert not ((left == HOUSE).any(2).any(1) & (right == HOUSE).any(2).any(1)).any()


def test_colours_tell_the_classes_apart(drawn):
    assert drawn.images.min() >= 0
    assert drawn.images.max() <= 1
    pixels = drawn.images.permute(0, 2, 3, 1)
    means = torch.stack([pixels[drawn.labels == number].mean(0) for number in range(5)])
    assert (torch.cdist(pixels.flatten(0, 2), means).argmin(1) == drawn.labels.flatten()).float().mean() > 0.99


@pytest.mark.parametrize("side", [17, 32, 64, 100])
def test_other_sides_show_the_same_things(side):
    large = scenes(200, side=side, seed=1)
    assert large.images.shape == (200, 3, side, side)
    usual = scenes(200, seed=1)
    area = large.masks.float().mean((0, 2, 3)) / usual.masks.float().mean((0, 2, 3))
    assert (area - 1).abs().max() < 0.25
    assert torch.equal(large.masks[:, HOUSE].any(2).any(1), usual.masks[:, HOUSE].any(2).any(1))


def test_the_seed_decides_and_chances_can_be_certain():
    assert torch.equal(scenes(5, seed=1).images, scenes(5, seed=1).images)
    assert not torch.equal(scenes(5, seed=1).images, scenes(5, seed=2).images)
    bare = scenes(50, sun=0.0, house=0.0, tree=0.0)
    assert set(bare.labels.unique().tolist()) == {SKY, GROUND}
    full = scenes(50, house=1.0, tree=1.0)
    assert full.masks[:, [HOUSE, TREE]].any(3).any(2).all()
    assert len(full) == 50


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n": 0}, "n must be an int of at least 1"),
        ({"n": 3, "side": 8}, "side must be an int of at least 16"),
        ({"n": 3, "sun": 1.5}, "sun must be a probability"),
        ({"n": 3, "seed": -1}, "seed must be"),
    ],
)
def test_bad_numbers_are_named(options, message):
    with pytest.raises(InputError, match=message):
        scenes(**options)
