"""Networks of one shape, each with a task of its own, trained as one stack."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from netopsy.core.modes import best_device
from netopsy.core.seeds import generator
from netopsy.representations.representational_geometry import Task
from netopsy.studies.representations.representational_geometry.plan import (
    CAPPED,
    HARD_TANH,
    LINEAR,
    RELU,
    TANH,
    Setting,
)
from netopsy.training import Recipe
from netopsy.training.steppers import stepper

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    TANH: torch.tanh,
    RELU: torch.relu,
    HARD_TANH: nn.functional.hardtanh,
    CAPPED: lambda fields: fields.clamp(0, 1),
    LINEAR: lambda fields: fields,
}


class Stack:
    """``[networks]`` perceptrons; weights and readouts uniform, biases normal, scaled by the square root of the fan-in.

    The same ``seed`` gives the same first weights and the same samples, whatever the activation.
    """

    def __init__(self, tasks: Sequence[Task], activation: str, setting: Setting, *, depth: int = 1, seed: int) -> None:
        device = best_device()
        self.activation, self.setting = ACTIVATIONS[activation], setting
        self.means = torch.stack([task.means for task in tasks]).to(device)
        self.labels = torch.stack([task.labels for task in tasks]).to(device)
        self.random = generator(seed)
        count, bits = len(tasks), self.labels.shape[2]
        sizes = [setting.features, *[setting.width] * depth, bits]
        self.weights, self.biases = [], []
        for before, after in pairwise(sizes):
            weight = 2 * torch.rand(count, before, after, generator=self.random) - 1
            bias = torch.randn(count, 1, after, generator=self.random)
            self.weights.append((weight / math.sqrt(before)).to(device))
            self.biases.append((bias / math.sqrt(before)).to(device))
        self.biases[-1].zero_()

    def hidden(self, inputs: Tensor) -> Tensor:
        """The last hidden layer ``[networks, samples, width]``."""
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            inputs = self.activation(torch.baddbmm(bias, inputs, weight))
        return inputs

    def logits(self, inputs: Tensor) -> Tensor:
        """Before the logistic function, ``[networks, samples, bits]``."""
        return torch.baddbmm(self.biases[-1], self.hidden(inputs), self.weights[-1])

    def sample(self, count: int) -> tuple[Tensor, Tensor]:
        """Noisy inputs of each network's own task, and their conditions."""
        networks, conditions, features = self.means.shape
        number = torch.randint(conditions, (networks, count), generator=self.random).to(self.means.device)
        noise = torch.randn(networks, count, features, generator=self.random).to(self.means.device)
        means = self.means.gather(1, number[..., None].expand(-1, -1, features))
        return noise.mul_(self.setting.noise).add_(means), number

    def train(self, looks: Collection[int]) -> Iterator[int]:
        """Train, and stop at the steps where someone looks, 0 and the last among them."""
        kept = -1 if self.setting.fixed_readout else None
        free = [*self.weights[:kept], *self.biases[:kept]]
        for each in free:
            each.requires_grad_()
        optimizer = stepper(free, Recipe(optimizer="adam" if self.setting.adam else "sgd", lr=self.setting.lr))
        bits = self.labels.shape[2]
        for step in range(self.setting.steps + 1):
            if step in looks:
                yield step
            if step == self.setting.steps:
                return
            inputs, number = self.sample(self.setting.batch)
            wanted = (self.labels.gather(1, number[..., None].expand(-1, -1, bits)) + 1) / 2
            loss = nn.functional.binary_cross_entropy_with_logits(self.logits(inputs), wanted, reduction="none")
            for each in free:
                each.grad = None
            loss.mean((1, 2)).sum().backward()  # a sum: no network's gradient knows of another's
            optimizer.step(self.setting.lr)

    @torch.no_grad()
    def accuracy(self) -> Tensor:
        """Of each network, on new samples."""
        inputs, number = self.sample(1000)
        wanted = self.labels.gather(1, number[..., None].expand(-1, -1, self.labels.shape[2]))
        return ((self.logits(inputs) > 0) == (wanted > 0)).double().mean((1, 2)).cpu()
