import pytest
import torch

from netopsy.core.errors import InputError
from netopsy.models.wide_resnet import wide_resnet


def test_it_has_the_published_number_of_parameters():
    assert sum(each.numel() for each in wide_resnet(28, 10).parameters()) == 36_479_194
    assert sum(each.numel() for each in wide_resnet(16, 4).parameters()) == pytest.approx(2.75e6, rel=0.01)


def test_it_takes_images_and_refuses_odd_depths():
    assert wide_resnet(10, 1, channels=1, classes=3)(torch.rand(2, 1, 16, 16)).shape == (2, 3)
    with pytest.raises(InputError, match="depth must be 4 more than a multiple of 6, got 12"):
        wide_resnet(12, 1)
