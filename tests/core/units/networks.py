"""Small networks in which units meet every way of being tied, and a few in which they cannot be followed."""

import torch
import torch.nn.functional as F
from torch import nn

IMAGE = (2, 8, 8)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6)
        self.inner = nn.Conv2d(6, 5, 3, padding=1, bias=False)
        self.inner_norm = nn.BatchNorm2d(5)
        self.back = nn.Conv2d(5, 6, 3, padding=1)
        self.shortcut = nn.Conv2d(6, 8, 1, stride=2)
        self.down = nn.Conv2d(6, 8, 3, stride=2, padding=1)
        self.output = nn.Linear(8, 3)

    def forward(self, x):
        x = F.relu(self.norm(self.stem(x)))
        x = x + self.back(F.relu(self.inner_norm(self.inner(x))))
        x = torch.relu(self.shortcut(x) + self.down(x))
        return self.output(x.mean((2, 3)))


class Squeezing(nn.Module):
    """Depthwise convolution and squeeze-and-excitation, as in MobileNetV3."""

    def __init__(self):
        super().__init__()
        self.expand = nn.Conv2d(2, 8, 1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.norm = nn.BatchNorm2d(8)
        self.reduce, self.excite = nn.Linear(8, 4), nn.Linear(4, 8)
        self.project = nn.Conv2d(8, 5, 1)
        self.output = nn.Linear(5, 3)

    def forward(self, x):
        x = F.hardswish(self.norm(self.depthwise(self.expand(x))))
        b, c, _, _ = x.size()
        scale = F.adaptive_avg_pool2d(x, 1).view(b, c)
        scale = torch.sigmoid(self.excite(F.relu(self.reduce(scale)))).view(b, c, 1, 1)
        x = F.relu(self.project(x * scale))
        return self.output(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))


class Joined(nn.Module):
    """Branches that are joined, read together, flattened, and joined again."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(2, 6, 1)
        self.norm = nn.BatchNorm2d(12)
        self.merge = nn.Conv2d(12, 5, 3, stride=2, padding=1)
        self.fc = nn.Linear(5 * 16 + 6 * 64, 7)
        self.output = nn.Linear(7, 3)

    def forward(self, x):
        one, two = torch.tanh(self.one(x)), self.two(x).sigmoid()
        together = self.norm(torch.cat([one, x, two], 1))
        merged = F.elu(self.merge(together))
        flat = torch.cat((merged.view(merged.size(0), -1), torch.flatten(two, 1)), dim=1)
        return self.output(F.gelu(self.fc(flat)))


def decoder():
    """Transposed convolutions, grouped and not, group norm, slopes of their own, and resizing."""
    return nn.Sequential(
        nn.Conv2d(2, 6, 3, stride=2, padding=1),
        nn.GroupNorm(3, 6),
        nn.PReLU(6),
        nn.ConvTranspose2d(6, 8, 2, stride=2),
        nn.InstanceNorm2d(8, affine=True),
        nn.LeakyReLU(0.1),
        nn.ConvTranspose2d(8, 12, 3, padding=1, groups=4),
        nn.Sigmoid(),
        nn.MaxPool2d(2),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(12, 8, 3, groups=4),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Dropout(),
        nn.Linear(32, 3),
    )


class Gated(nn.Module):
    """Halves that multiply each other, over a sequence."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(8, 6)
        self.both = nn.Conv1d(6, 10, 3, padding=1)
        self.glu = nn.Linear(5, 8)
        self.output = nn.Linear(4, 3)

    def forward(self, x):
        x = self.embed(x.flatten(1, 2)).transpose(1, 2)
        value, gate = self.both(x.relu()).chunk(2, dim=1)
        x = (value * gate.sigmoid()).permute(0, 2, 1)
        return self.output(F.glu(self.glu(x), dim=-1)[:, 1:].mean(dim=1))


class PaddedShortcut(nn.Module):
    """The shortcut without parameters of the first residual networks."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(2, 4, 3, padding=1)
        self.wide = nn.Conv2d(4, 8, 3, stride=2, padding=1)
        self.output = nn.Linear(8, 3)

    def forward(self, x):
        x = self.stem(x).relu()
        x = (self.wide(x) + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 2, 2))).relu()
        return self.output(F.avg_pool2d(x, 4).reshape(x.shape[0], -1))


def perceptron():
    return nn.Sequential(nn.Flatten(), nn.Linear(128, 9), nn.ReLU(), nn.Linear(9, 7), nn.Sigmoid(), nn.Linear(7, 3))


NETWORKS = {
    "perceptron": perceptron,
    "residual": Residual,
    "squeezing": Squeezing,
    "joined": Joined,
    "decoder": decoder,
    "gated": Gated,
    "padded shortcut": PaddedShortcut,
}


def made(name):
    """The network with weights, biases and statistics that are nowhere 0, 1 or alike."""
    torch.manual_seed(0)
    net = NETWORKS[name]()
    with torch.no_grad():
        for value in (*net.parameters(), *net.buffers()):
            if value.is_floating_point():
                value.uniform_(0.1, 0.9)
        for value in net.parameters():
            value.sub_(0.4)
    return net.eval()
