"""Small networks with the habits that break saliency methods: in-place operations, groups, odd sizes, batch norm."""

import pytest
import torch
from torch import nn


class Block(nn.Module):
    """A residual block whose ReLU works in place and whose sum does, too."""

    def __init__(self, width):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1, groups=2)
        self.norm = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        y = self.norm(self.conv(x))
        y += x
        return self.relu(y)


def make_net(channels=3, width=4, classes=5):
    torch.manual_seed(0)
    net = nn.Sequential()
    net.stem = nn.Conv2d(channels, width, 3, stride=2)
    net.act = nn.ReLU(inplace=True)
    net.block = Block(width)
    net.pool = nn.AdaptiveAvgPool2d(2)
    net.flat = nn.Flatten()
    net.out = nn.Linear(4 * width, classes)
    net.block.norm.running_mean += 0.2
    return net.double()


def make_images(batch=3, channels=3, size=(11, 9), seed=1):
    return torch.randn(batch, channels, *size, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def net():
    """Stem, in-place ReLU, residual block with a grouped convolution; float64; colour images in, five classes out."""
    return make_net()


@pytest.fixture
def images():
    """Three colour images of odd size, 11 by 9."""
    return make_images()
