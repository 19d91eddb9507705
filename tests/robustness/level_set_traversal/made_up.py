"""Networks whose level sets are known, and the walk written as plainly as the published pseudo-code has it."""

import torch
from torch import nn


class Logistic(nn.Module):
    """Two classes with logits (w . x, 0)."""

    def __init__(self, weight=(3.0, 4.0), dtype=torch.float64):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight, dtype=dtype))

    def forward(self, images):
        odds = images.flatten(1) @ self.weight
        return torch.stack([odds, torch.zeros_like(odds)], 1)


class Constant(nn.Module):
    """The same logits whatever the image."""

    def forward(self, images):
        return torch.tensor([1.0, 0.0, -1.0], dtype=images.dtype).expand(len(images), 3)


def pair():
    """A source and a target of two pixels, and where on the source's level line the target is nearest."""
    source, target = (torch.tensor(each, dtype=torch.float64).view(1, 1, 1, 2) for each in ([0.2, 0.1], [0.9, 0.8]))
    nearest = torch.tensor([0.312, 0.016], dtype=torch.float64).view(1, 1, 1, 2)
    return source, target, nearest


def network(seed=0, dtype=torch.float64):
    """A small network with batch normalisation, trained on nothing."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 25, 4))
    net[1].running_mean += 0.1
    net[4].weight.data *= 6
    return net.to(dtype).eval()


def pairs(net, count=7, dtype=torch.float64):
    """Sources with the classes that the network gives them, and targets."""
    random = torch.Generator().manual_seed(1)
    source, target = torch.rand(2, count, 1, 5, 5, generator=random, dtype=dtype)
    with torch.no_grad():
        return source, net(source).argmax(1), target


def naive(net, source, label, target, *, steps, eta, eps, delta, mode="hold", project=True):
    """The published walk with two forward passes and a backward pass a step, one image at a time."""
    ends = []
    for x, y, goal in zip(source.split(1), label.split(1), target.split(1), strict=True):
        with torch.no_grad():
            p0 = net(x).softmax(1)[0, y]
        a = torch.zeros_like(x)
        for _ in range(steps):
            x = x.detach().requires_grad_()
            (g,) = torch.autograd.grad(nn.functional.cross_entropy(net(x), y, reduction="sum"), x)
            x = x.detach()
            v = goal - x
            if project:
                v = v - (g * v).sum() / (g * g).sum() * g
            a = (a + (0.5 if mode == "hold" else 1.0) * eps * g).clamp(-eps, eps)
            trial = (x + eta * v - a).clamp(0, 1)
            with torch.no_grad():
                if p0 - net(trial).softmax(1)[0, y] < delta:
                    x = trial
                elif mode == "stop":
                    break
        ends.append(x)
    return torch.cat(ends)
