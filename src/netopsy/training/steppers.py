"""Optimiser steps without the ceremony around them.

`torch.optim` prepares its arguments anew at every step, which for small networks takes longer than the step. Here they
are prepared once; what updates the parameters is the same fused kernel, so the numbers are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from netopsy.training.recipe import Recipe


@runtime_checkable
class Stepper(Protocol):
    """Updates its parameters from their gradients, which must lie in memory as the parameters do."""

    def step(self, lr: float) -> None:
        """One step with learning rate ``lr``."""


class Adam:
    """As `torch.optim.Adam`, or `torch.optim.AdamW` where the weight decay is ``decoupled``."""

    def __init__(self, parameters: Sequence[Tensor], recipe: Recipe, *, decoupled: bool = False) -> None:
        self.parameters = list(parameters)
        self.weight_decay = recipe.weight_decay
        self.update = torch._fused_adamw_ if decoupled else torch._fused_adam_
        self.means = [torch.zeros_like(parameter) for parameter in parameters]
        self.squares = [torch.zeros_like(parameter) for parameter in parameters]
        self.counts = [torch.zeros((), device=parameter.device) for parameter in parameters]

    @torch.no_grad()
    def step(self, lr: float) -> None:
        torch._foreach_add_(self.counts, 1)
        self.update(
            self.parameters,
            _gradients(self.parameters),
            self.means,
            self.squares,
            [],
            self.counts,
            lr=lr,
            beta1=0.9,
            beta2=0.999,
            weight_decay=self.weight_decay,
            eps=1e-8,
            amsgrad=False,
            maximize=False,
        )


class SGD:
    """As `torch.optim.SGD`, with or without momentum."""

    def __init__(self, parameters: Sequence[Tensor], recipe: Recipe) -> None:
        self.parameters = list(parameters)
        self.weight_decay, self.momentum = recipe.weight_decay, recipe.momentum
        self.buffers = [torch.zeros_like(parameter) for parameter in parameters] if recipe.momentum else []
        self.first = True

    @torch.no_grad()
    def step(self, lr: float) -> None:
        torch._fused_sgd_(
            self.parameters,
            _gradients(self.parameters),
            self.buffers,
            weight_decay=self.weight_decay,
            momentum=self.momentum,
            lr=lr,
            dampening=0.0,
            nesterov=False,
            maximize=False,
            is_first_step=self.first,
        )
        self.first = False


def stepper(parameters: Sequence[Tensor], recipe: Recipe) -> Stepper:
    """The stepper for a recipe's optimiser."""
    if recipe.optimizer == "sgd":
        return SGD(parameters, recipe)
    return Adam(parameters, recipe, decoupled=recipe.optimizer == "adamw")


def _gradients(parameters: Sequence[Tensor]) -> list[Tensor]:
    return [parameter.grad for parameter in parameters if parameter.grad is not None]
