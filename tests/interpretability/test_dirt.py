"""The receptive field that blank convolutions and bisected strips find, against whole images in double precision."""

import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from netopsy.core.errors import InputError
from netopsy.core.split import run_to
from netopsy.interpretability.receptive_field import ReceptiveField, receptive_field
from netopsy.models import small_conv_net


def oracle(model, layer, image):
    """Every line of pixels for itself, made no number in the whole image, in the network as it is."""
    probe, found = copy.deepcopy(model).double(), None
    for times in (1, 2, 4, 8):
        tiled = image[:1].double().repeat(1, 1, times, times)
        try:
            grid = run_to(probe, layer, tiled)
        except (InputError, AssertionError):
            break
        sizes, strides, offsets, inside = [], [], [], True
        for axis in (2, 3):
            side, cells = tiled.shape[axis], grid.shape[axis]
            seen = torch.zeros(side, cells, dtype=torch.bool)
            for line in range(side):
                dirty = tiled.clone()
                dirty.select(axis, line).fill_(torch.nan)
                seen[line] = run_to(probe, layer, dirty).isnan().movedim(axis, 0).flatten(1).any(1)
            cell = max(0, cells // 2 - 1)
            lines = [seen[:, one].nonzero()[[0, -1], 0].tolist() for one in (cell, min(cell + 1, cells - 1))]
            (first, last), (second, end) = lines
            clear = first > 0 and end < side - 1 and cells > 1
            stride = second - first if clear else max(1, round(side / cells))
            sizes.append(last - first + 1 if clear else side + stride * cells)
            strides.append(stride)
            offsets.append(first - cell * stride if clear else -stride * cells)
            inside = inside and clear
        found = ReceptiveField(tuple(sizes), tuple(strides), tuple(offsets), tuple(image.shape[2:]))
        if inside:
            break
    return found


class Residual(nn.Module):
    def __init__(self, given, made, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(given, made, 3, stride, 1, bias=False),
            nn.BatchNorm2d(made),
            nn.ReLU(),
            nn.Conv2d(made, made, 3, 1, 1, bias=False),
            nn.BatchNorm2d(made),
        )
        self.short = nn.Conv2d(given, made, 1, stride) if stride > 1 or given != made else nn.Identity()

    def forward(self, x):
        return functional.relu(self.body(x) + self.short(x))


def residual_net(*widths, blocks=2):
    """A stem and stages of residual blocks, halving from the second stage on: with (64, 128, 256, 512) ResNet-18."""
    layers, before = (
        [nn.Conv2d(3, widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU()],
        widths[0],
    )
    for stage, width in enumerate(widths):
        for block in range(blocks):
            layers.append(Residual(before, width, 2 if stage and not block else 1))
            before = width
    return nn.Sequential(*layers)


class SquareOnly(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 2, 5, padding=2, stride=2)

    def forward(self, x):
        assert x.shape[2] == x.shape[3]
        return self.layer(x)


class OneSizeOnly(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 2, 9, padding=4)
        self.places = nn.Parameter(torch.rand(2, 12, 12))

    def forward(self, x):
        return self.layer(x) + self.places


class Divided(nn.Module):
    """Cannot go on with zeros, and sees everything through what it divides by."""

    def __init__(self, whole):
        super().__init__()
        self.layer, self.whole = nn.Conv2d(3, 2, 3, bias=False), whole

    def forward(self, x):
        seen = self.layer(x)
        return seen / (seen.abs().amax((1, 2, 3), keepdim=True) if self.whole else seen.abs().amax(1, keepdim=True))


class Excited(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer, self.gate = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 1)

    def forward(self, x):
        seen = self.layer(x)
        return seen * self.gate(seen.mean((2, 3), keepdim=True)).sigmoid()


NETWORKS = {
    "shortcuts": residual_net(4, 6, blocks=1),
    "groups, dilation": nn.Sequential(
        nn.Conv2d(3, 6, 3, groups=3), nn.Conv2d(6, 4, 3, dilation=2, groups=2, padding=2)
    ),
    "same, reflected": nn.Sequential(
        nn.Conv2d(3, 2, 5, padding="same"), nn.Conv2d(2, 2, 3, padding=1, padding_mode="reflect")
    ),
    "up again": nn.Sequential(
        nn.Conv2d(3, 4, 3, 2, 1), nn.ConvTranspose2d(4, 6, 4, 2, 1, groups=2), nn.Upsample(scale_factor=2)
    ),
    "transposed, dilated": nn.Sequential(nn.ConvTranspose2d(3, 2, 4, dilation=3, output_padding=1, stride=2)),
    "pools": nn.Sequential(
        nn.Conv2d(3, 4, (5, 1)), nn.MaxPool2d(3, 2, 1), nn.AvgPool2d(2), nn.GELU(), nn.Conv2d(4, 2, 2)
    ),
    "squeeze and excitation": Excited(),
    "squares alone": SquareOnly(),
    "one size alone": OneSizeOnly(),
    "divided by a neighbourhood": Divided(False),
    "divided by everything": Divided(True),
    "normalised": nn.Sequential(nn.Conv2d(3, 4, 3), nn.InstanceNorm2d(4), nn.LayerNorm([4, 10, 10])),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_field_is_that_of_every_line_for_itself(name):
    model = NETWORKS[name].eval()
    image = torch.rand(1, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    whole = nn.Sequential(model, nn.Identity())
    assert receptive_field(whole, "1", image) == oracle(whole, "1", image)


def test_sides_that_differ():
    image = torch.rand(1, 1, 14, 9, generator=torch.Generator().manual_seed(0))
    model = small_conv_net(seed=0).eval()
    assert receptive_field(model, "features.act2", image) == oracle(model, "features.act2", image)


def test_a_deep_network_needs_few_narrow_strips():
    model, pixels = residual_net(4, 8, 8, 8), []
    model.register_forward_pre_hook(lambda _, given: pixels.append(given[0].shape[2:].numel()))
    field = receptive_field(model, "10", torch.rand(1, 3, 32, 32))
    assert (field.size, field.stride, field.offset) == ((109, 109), (8, 8), (-54, -54))
    assert len(pixels) <= 60
    assert max(pixels) == 128 * 32
