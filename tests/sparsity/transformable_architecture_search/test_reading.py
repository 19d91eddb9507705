"""Shape spaces of networks of one's own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from netopsy import InputError
from netopsy.data import digits
from netopsy.models import mlp, resnet, small_conv_net, vgg
from netopsy.models.resnet import ResNet
from netopsy.sparsity.transformable_architecture_search import SearchSettings, ShapeSpace, flops, tas_search

IMAGES = torch.zeros(2, 1, 8, 8)


def test_a_residual_network_is_read_as_the_family_has_it() -> None:
    space = ShapeSpace.from_module(ResNet(1, 10, (8, 12, 20), [3, 3, 3]), IMAGES)
    family = ShapeSpace.resnet((8, 12, 20), 3, channels=1, size=8)
    assert list(space.candidates.values()) == list(family.candidates.values())
    assert list(space.depths.values()) == list(family.depths.values())
    for fraction in (1.0, 0.7, 0.3):
        assert space.flops(space.uniform(fraction)) == family.flops(family.uniform(fraction))
    assert space.flops(space.smallest) == family.flops(family.smallest)


@pytest.mark.parametrize("model", [mlp([64, 30, 20, 10]), vgg(11, channels=1, width=4), small_conv_net((4, 8), (1, 2))])
def test_chains_are_read_searched_and_built(model: nn.Module) -> None:
    before = {name: value.clone() for name, value in model.state_dict().items()}
    size = 32 if any(isinstance(each, nn.MaxPool2d) for each in model.modules()) else 8
    images = torch.zeros(1, 1, size, size)
    space = ShapeSpace.from_module(model, images)
    assert space.flops() == flops(model, (1, size, size))
    small = space.build(space.smallest)
    assert flops(small, (1, size, size)) == space.flops(space.smallest)
    assert small(images.expand(2, -1, -1, -1)).shape == (2, 10)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_network_of_ones_own_is_searched() -> None:
    space = ShapeSpace.from_module(ResNet(1, 10, (4, 6), [2, 2]), IMAGES)
    settings = SearchSettings(epochs=1, batch_size=20)
    found = tas_search(space, digits()[:80], flops_ratio=0.5, settings=settings)
    assert found.build()(IMAGES).shape == (2, 10)


class _Odd(nn.Module):
    def __init__(self, first: nn.Module, how: str) -> None:
        super().__init__()
        self.first, self.how, self.end = first, how, nn.LazyLinear(3)

    def forward(self, images: Tensor) -> Tensor:
        features = self.first(images)
        if self.how == "joined":
            features = torch.cat([features, features], 1)
        elif self.how == "multiplied":
            features = features * features.sigmoid()
        elif self.how == "twice":
            features = self.first(features)
        logits: Tensor = self.end(features.flatten(1))
        return logits


@pytest.mark.parametrize(
    ("first", "how", "named"),
    [
        (nn.Conv2d(1, 4, 3, padding=1), "joined", "cat"),
        (nn.Conv2d(1, 4, 3, padding=1), "multiplied", "mul"),
        (nn.Conv2d(1, 1, 3, padding=1), "twice", "first"),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.Conv2d(4, 4, 3, groups=2)), "", "first.1"),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.BatchNorm2d(4)), "", "first.2"),
        (nn.Sequential(nn.Conv2d(1, 4, 3), nn.GroupNorm(2, 4)), "", "first.1"),
    ],
)
def test_what_cannot_be_read_is_named(first: nn.Module, how: str, named: str) -> None:
    model = _Odd(first, how)
    model(IMAGES)
    with pytest.raises(InputError, match=f"node '{named}"):
        ShapeSpace.from_module(model, IMAGES)


def test_padded_shortcuts_are_refused() -> None:
    with pytest.raises(InputError, match="node 'stage2.block1.shortcut' .PadShortcut. is not known"):
        ShapeSpace.from_module(resnet(8, channels=1), IMAGES)
