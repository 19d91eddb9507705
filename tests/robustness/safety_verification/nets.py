"""Small networks for the tests, of every layer that is read."""

import torch
from torch import nn

KINDS = ("dense", "conv", "pools", "residual")


class Residual(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.first = nn.Conv2d(1, 3, 3, padding=1)
        self.second = nn.Conv2d(3, 3, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.output = nn.Linear(3, classes)

    def forward(self, images):
        features = torch.relu(self.first((images - 0.5) / 0.25))
        features = (features + self.second(features)).relu()
        return self.output(torch.flatten(self.pool(features), 1))


def small(kind, *, seed=0, size=4, classes=3, double=False):
    torch.manual_seed(seed)
    if kind == "dense":
        net = nn.Sequential(
            nn.Flatten(), nn.Linear(size * size, 6), nn.ReLU(), nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, classes)
        )
    elif kind == "conv":
        net = nn.Sequential(
            nn.Conv2d(1, 4, 3, stride=2, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 4, 3, padding=2, dilation=2, groups=2),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Dropout(),
            nn.Linear(4 * (size // 4) ** 2, classes),
        )
        net[1].running_mean.normal_()
        net[1].running_var.uniform_(0.5, 2)
        net[1].weight.data.normal_()
    elif kind == "pools":
        net = nn.Sequential(
            nn.Conv2d(1, 3, 3, padding=1),
            nn.MaxPool2d(3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(3, 3, 2),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(3, classes),
        )
    else:
        net = Residual(classes)
    net = net.eval()
    return net.double() if double else net


def image_for(seed=0, size=4, dtype=torch.float32):
    return torch.rand(1, size, size, generator=torch.Generator().manual_seed(seed)).to(dtype)


def toy():
    """The network of two inputs whose radius is known: 1/8 around (1/2, 1/2)."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)).double()
    net[1].weight.data = torch.tensor([[1.0, 1.0], [1.0, -1.0]]).double()
    net[1].bias.data = torch.tensor([-1.0, 0.0]).double()
    net[3].weight.data = torch.tensor([[1.0, -1.0], [0.0, 0.0]]).double()
    net[3].bias.data = torch.tensor([0.25, 0.0]).double()
    return net, torch.full((1, 1, 2), 0.5).double()
