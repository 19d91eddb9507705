"""Mining as learning: thresholds, patterns and a classifier, trained on top of the filters' peaks."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from netopsy.core.arguments import checked, checked_class
from netopsy.core.errors import require
from netopsy.core.progress import track
from netopsy.core.seeds import generator, seeded


@checked_class
class PatternLayers(nn.Module):
    """Soft thresholds of the filters' peaks, patterns as convex combinations of filters, one linear layer.

    ``x_c = sigmoid((F_c - T_c) / tau_c)``, ``P_k = sum_c S_kc x_c`` with S the softmax of free weights by row, and the
    classes from P. T, the free weights and the linear layer are learned.

    Args:
        thresholds, widths: T to start from, and tau.
        patterns: how many.

    >>> layers = PatternLayers(torch.zeros(4), torch.ones(4), patterns=2, classes=3)
    >>> layers(torch.rand(5, 4)).shape
    torch.Size([5, 3])
    """

    def __init__(
        self,
        thresholds: Float[Tensor, "filters"],
        widths: Float[Tensor, "filters"],
        *,
        patterns: int,
        classes: int,
        seed: int | torch.Generator = 0,
    ) -> None:
        super().__init__()
        for name, count in (("patterns", patterns), ("classes", classes)):
            require(count >= 1, f"{name} must be at least 1, got {count}")
        random = generator(seed)
        filters = len(thresholds)
        self.widths: Tensor
        self.register_buffer("widths", widths.clone().float())
        self.thresholds = nn.Parameter(thresholds.clone().float())
        self.free = nn.Parameter(torch.randn(patterns, filters, generator=random))
        with seeded(0):  # the first weights, which are drawn from the global state, are replaced below
            self.output = nn.Linear(patterns, classes)
        with torch.no_grad():
            self.output.weight.copy_(torch.randn(classes, patterns, generator=random) / patterns**0.5)
            self.output.bias.zero_()

    @property
    def shares(self) -> Float[Tensor, "patterns filters"]:
        """S: how much of each pattern each filter is; rows are not negative and add up to 1."""
        return self.free.softmax(1)

    def patterns(self, peaks: Float[Tensor, "batch filters"]) -> Float[Tensor, "batch patterns"]:
        """P: how far each pattern is there."""
        return torch.sigmoid((peaks - self.thresholds) / self.widths) @ self.shares.T

    def forward(self, peaks: Float[Tensor, "batch filters"]) -> Float[Tensor, "batch classes"]:
        """Class scores."""
        return self.output(self.patterns(peaks))


@checked
def train_pattern_layers(
    layers: PatternLayers,
    peaks: Float[Tensor, "images filters"],
    labels: Int[Tensor, "images"],
    *,
    epochs: int = 200,
    lr: float = 1e-2,
    few_filters: float = 1e-3,
    representative: float = 1e-2,
) -> list[float]:
    """Train the layers on cached peaks, all images at once; returns the loss before each step.

    The loss is the cross-entropy (patterns must tell classes apart), plus ``few_filters`` times the mean entropy of
    the rows of S (a pattern is few filters), less ``representative`` times the mean over patterns of the largest class
    mean of P (a pattern must be frequent somewhere).

    Raises:
        InputError: labels out of range, or an option that is none.

    >>> layers = PatternLayers(torch.zeros(4), torch.ones(4), patterns=2, classes=2)
    >>> losses = train_pattern_layers(layers, torch.rand(6, 4), torch.arange(6) % 2, epochs=5)
    >>> len(losses)
    5
    """
    require(epochs > 0 and lr > 0, f"epochs and lr must be positive, got {epochs} and {lr}")
    classes = layers.output.out_features
    require(
        len(labels) == len(peaks) and int(labels.min()) >= 0 and int(labels.max()) < classes,
        f"labels must be [{len(peaks)}] of classes 0 to {classes - 1}",
    )
    of_class = functional.one_hot(labels, classes).to(peaks)
    of_class = of_class / of_class.sum(0).clamp(min=1)
    optimiser = torch.optim.Adam(layers.parameters(), lr=lr)
    losses = []
    for _ in track(range(epochs), "learning patterns"):
        patterns = layers.patterns(peaks)
        entropy = -(layers.shares * layers.free.log_softmax(1)).sum(1).mean()
        often = (of_class.T @ patterns).amax(0).mean()
        loss = (
            functional.cross_entropy(layers.output(patterns), labels) + few_filters * entropy - representative * often
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


def filters_of(layers: PatternLayers, most: int, least: float = 0.1) -> list[tuple[int, tuple[int, ...]]]:
    """The class and the filters of each pattern: the largest ``most`` shares of its row that are at least ``least``.

    The class is the one whose score the pattern raises most.
    """
    shares, owners = layers.shares.detach(), layers.output.weight.detach().argmax(0)
    values, filters = shares.topk(min(most, shares.shape[1]), dim=1)
    found = []
    for owner, row, value in zip(owners.tolist(), filters, values, strict=True):
        found.append((owner, tuple(sorted(row[value >= least].tolist()))))
    return found
