"""Small perceptrons of one shape, trained together on the icosahedral task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from netopsy.core.modes import best_device
from netopsy.core.seeds import derive, generator
from netopsy.representations.information_plane import icosahedral_dataset


@dataclass(frozen=True)
class Training:
    """How the networks are trained."""

    widths: tuple[int, ...] = (10, 7, 5, 4, 3)
    epochs: int = 1500
    """Of mini-batches; the full batch takes as many steps."""
    batch_size: int = 512
    """What is left over at the end of an epoch is left out, so that all batches weigh the same."""
    lr: float = 1e-3
    train_share: float = 0.8
    checkpoints: int = 60
    gamma: float = 8.0922
    """Steepness of p(y|x) for the bound; the networks are trained on the likelier label."""


class Stack:
    """R perceptrons ``12-...-2`` with their own training inputs, their Adam, and a generator for their order."""

    def __init__(self, training: Training, activation: str, depth: int, seeds: Sequence[int]) -> None:
        sizes = [12, *training.widths[:depth], 2]
        self.act = torch.tanh if activation == "tanh" else torch.relu
        self.inputs, self.labels = (each.to(best_device()) for each in icosahedral_dataset())
        device = self.inputs.device
        self.weights = [
            torch.stack([_truncated(a, b, derive(seed, "weights", place)) for seed in seeds]).to(device)
            for place, (a, b) in enumerate(pairwise(sizes))
        ]
        self.biases = [torch.zeros(len(seeds), 1, width, device=device) for width in sizes[1:]]
        self.parameters = [*self.weights, *self.biases]
        for each in self.parameters:
            each.requires_grad_()
        self.optimizer = torch.optim.Adam(self.parameters, lr=training.lr, fused=True)
        count = int(training.train_share * len(self.inputs))
        self.train = torch.stack([_order(len(self.inputs), derive(seed, "split"))[:count] for seed in seeds])
        self.orders = [generator(derive(seed, "order")) for seed in seeds]
        self.batch_size = min(training.batch_size, count)

    def batches(self) -> Iterator[Tensor]:
        """One epoch of batches ``[runs, batch]`` of indices, each run in an order of its own."""
        orders = [torch.randperm(self.train.shape[1], generator=each) for each in self.orders]
        shuffled = self.train.gather(1, torch.stack(orders))
        for start in range(0, shuffled.shape[1] - self.batch_size + 1, self.batch_size):
            yield shuffled[:, start : start + self.batch_size]

    def hidden(self, inputs: Tensor) -> list[Tensor]:
        """Every hidden layer ``[runs, samples, units]``, and the scores."""
        layers, values = [], inputs
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            values = torch.baddbmm(bias, values, weight)
            if place < len(self.weights) - 1:
                values = self.act(values)
            layers.append(values)
        return layers

    def set_gradients(self, indices: Tensor) -> Tensor:
        """Gradients of each run's mean loss; returns how many samples of the batch each run got right, as shares."""
        indices = indices.to(self.inputs.device)
        scores, labels = self.hidden(self.inputs[indices])[-1], self.labels[indices]
        loss = cross_entropy(scores.flatten(0, 1), labels.flatten(), reduction="sum") / indices.shape[1]
        self.optimizer.zero_grad()
        loss.backward()
        return (scores.detach().argmax(-1) == labels).float().mean(1).cpu()

    @torch.no_grad()
    def everything(self) -> list[Tensor]:
        """Hidden layers over all 4096 inputs, on the CPU."""
        every = self.inputs.expand(len(self.orders), -1, -1)
        return [each.cpu() for each in self.hidden(every)[:-1]]


def _truncated(fan_in: int, fan_out: int, seed: int) -> Tensor:
    """Normal of standard deviation ``1/sqrt(fan_in)``, cut off at two of them."""
    std = fan_in**-0.5
    weight = torch.empty(fan_in, fan_out)
    return torch.nn.init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std, generator=generator(seed))


def _order(count: int, seed: int) -> Tensor:
    return torch.randperm(count, generator=generator(seed))
