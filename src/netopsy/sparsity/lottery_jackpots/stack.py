"""The searches of R networks of one architecture, run as one stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from netopsy.core.computed import copied
from netopsy.data import Dataset
from netopsy.sparsity.lottery_jackpots.relaxed import RelaxedMasks
from netopsy.training import Recipe
from netopsy.training.stack import Stack


class StackedSearch:
    """What `MaskSearch` does for one network, vectorised over R copies."""

    def __init__(
        self, models: Sequence[nn.Module], masks: Sequence[Mapping[str, Tensor]], recipe: Recipe, gap: float | int
    ) -> None:
        copies = [copied(model).train().requires_grad_(False) for model in models]
        for each in copies:
            for name in masks[0]:
                each.get_parameter(name).requires_grad_(True)
        self._stack = Stack(copies, None, recipe)
        kept = {name: torch.stack([own[name] for own in masks]) for name in masks[0]}
        self.relaxed = RelaxedMasks({name: self._stack.trained[name].clone() for name in kept}, kept, recipe, gap)
        self._stack.mode(training=True)
        self._apply()

    def descend(self, inputs: Tensor, targets: Tensor, lr: float) -> Tensor:
        """A step of all scores on a batch a network, ``[networks, batch, ...]``; the losses ``[networks]``."""
        losses = self._stack.set_gradients(inputs, targets)
        gradients = {name: value.grad for name, value in self._stack.trained.items() if value.grad is not None}
        self.relaxed.descend(gradients, lr)
        return losses

    def swap(self, share: Tensor) -> tuple[Tensor, Tensor]:
        """Exchange entries, and put the new masks on the weights."""
        found = self.relaxed.swap(share)
        self._apply()
        return found

    def finite(self) -> bool:
        """Whether every score is still a number."""
        return self.relaxed.finite()

    def evaluate(self, data: Dataset) -> tuple[Tensor, Tensor]:
        """Loss and accuracy of every masked network, ``[networks]`` each."""
        return self._stack.evaluate(data)

    def statistics(self) -> list[dict[str, Tensor]]:
        """The buffers of every masked network."""
        return [
            {name: value[place].clone() for name, value in self._stack.buffers.items()}
            for place in range(len(self._stack.models))
        ]

    @torch.no_grad()
    def _apply(self) -> None:
        for name, weight in self._stack.trained.items():
            weight.copy_(self.relaxed.masked(name))
