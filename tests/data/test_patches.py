import pytest
import torch

from netopsy import InputError
from netopsy.data import PHOTOGRAPHS, patches, photograph_patches


def test_patches_are_of_all_photographs_and_seeded():
    train, test = photograph_patches(64, 48, seed=3)
    assert train.inputs.shape == (64, 1, 32, 32)
    assert train.targets.bincount().tolist() == [4] * 16
    assert test.targets.bincount().tolist() == [3] * 16
    assert train.classes == PHOTOGRAPHS
    again, other = photograph_patches(64, 48, seed=3)[0], photograph_patches(64, 48, seed=4)[0]
    assert torch.equal(again.inputs, train.inputs)
    assert not torch.equal(other.inputs, train.inputs)


def test_training_patches_come_from_the_left_and_the_two_sets_share_no_pixel(monkeypatch):
    """On pictures whose brightness is their column, the two sets' values do not overlap."""
    columns = torch.linspace(0, 1, 200).expand(60, 200)
    monkeypatch.setattr(patches, "_reduced", lambda: (columns,) * 16)
    train, test = photograph_patches(160, 160)
    assert train.inputs.max() < test.inputs.min()
    assert train.inputs.min() < 0.1
    assert test.inputs.max() > 0.9


def test_crops_lie_within_the_image_that_is_named():
    images = torch.arange(2 * 5 * 7.0).reshape(2, 5, 7)
    which = torch.tensor([0, 1] * 50)
    found = patches.crops(images, which, 3, torch.Generator().manual_seed(0))
    assert torch.equal(found[:, 0, 0] // 35, which.float())
    assert torch.equal(found - found[:, :1, :1], (images[0, :3, :3] - images[0, 0, 0]).expand(100, 3, 3))
    assert len(found[::2, 0, 0].unique()) == 3 * 5


@pytest.mark.parametrize(("arguments", "name"), [((0, 5), "train"), ((5, 0), "test")])
def test_without_patches_it_is_refused(arguments, name):
    with pytest.raises(InputError, match=name):
        photograph_patches(*arguments)


@pytest.mark.parametrize("size", [0, 78])
def test_a_size_that_does_not_fit_is_refused(size):
    with pytest.raises(InputError, match="size must be from 1 to 77"):
        photograph_patches(16, 16, size=size)
