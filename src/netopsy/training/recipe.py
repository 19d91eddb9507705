"""How a network is trained, as plain numbers: everything but the network, the data and the seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from netopsy.core.arguments import checked_class
from netopsy.core.errors import lookup, require
from netopsy.training.losses import LOSSES
from netopsy.training.schedules import cosine, multistep, onecycle


@checked_class
@dataclass(frozen=True)
class Recipe:
    """The hyper-parameters of a training run.

    Raises `InputError` when a number is out of range or a name is unknown.

    >>> Recipe(steps=100, schedule="onecycle", lr=0.01).lr_at(29)
    0.01
    """

    steps: int = 1000
    """Optimiser steps in all."""
    batch_size: int = 60
    optimizer: str = "adam"
    """``adam``, ``adamw`` or ``sgd``."""
    lr: float = 1.2e-3
    """Learning rate: the largest one, where a schedule varies it."""
    momentum: float = 0.0
    """For ``sgd``."""
    weight_decay: float = 0.0
    schedule: str = "constant"
    """``constant``, ``cosine``, ``onecycle``, or ``step`` (with `milestones` and `decay`)."""
    warmup: int = 0
    """Steps over which the learning rate first rises linearly from 0 to what the schedule says."""
    milestones: tuple[int, ...] = ()
    """Steps at which the ``step`` schedule multiplies the rate by `decay`."""
    decay: float = 0.1
    loss: str = "cross_entropy"
    """``cross_entropy``, ``bce`` (several labels a sample, on logits) or ``mse``."""

    def __post_init__(self) -> None:
        lookup("optimizer", self.optimizer, _OPTIMIZERS)
        lookup("schedule", self.schedule, _SCHEDULES)
        lookup("loss", self.loss, LOSSES)
        for name, least in (("steps", 1), ("batch_size", 1), ("warmup", 0)):
            value = getattr(self, name)
            require(
                isinstance(value, int) and value >= least, f"{name} must be an int of at least {least}, got {value!r}"
            )
        for name in ("lr", "weight_decay", "decay", "momentum"):
            value = getattr(self, name)
            finite = isinstance(value, int | float) and 0 <= value < math.inf
            require(finite, f"{name} must be a finite number and not negative, got {value!r}")
        require(self.momentum < 1, f"momentum must be in [0, 1), got {self.momentum}")
        require(
            bool(self.milestones) == (self.schedule == "step"), "milestones go with schedule='step', and only there"
        )
        for step in self.milestones:
            require(isinstance(step, int) and step > 0, f"milestones must be ints of at least 1, got {step!r}")

    def lr_at(self, step: int) -> float:
        """The learning rate used in ``step``, counted from 0."""
        rising = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        return self.lr * rising * _SCHEDULES[self.schedule](self, step)

    def loss_of(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The loss of every sample, shape ``[batch]``."""
        return LOSSES[self.loss](outputs, targets)

    def make_optimizer(self, parameters: Iterable[Tensor]) -> torch.optim.Optimizer:
        """The optimiser, on the given parameters."""
        return _OPTIMIZERS[self.optimizer](list(parameters), self)


# The fused kernels update all parameters in one call, which is what small networks spend their time on.
_OPTIMIZERS = {
    "adam": lambda p, r: torch.optim.Adam(p, lr=r.lr, weight_decay=r.weight_decay, fused=True),
    "adamw": lambda p, r: torch.optim.AdamW(p, lr=r.lr, weight_decay=r.weight_decay, fused=True),
    "sgd": lambda p, r: torch.optim.SGD(p, lr=r.lr, momentum=r.momentum, weight_decay=r.weight_decay, fused=True),
}

_SCHEDULES: dict[str, Callable[[Recipe, int], float]] = {
    "constant": lambda r, step: 1.0,
    "cosine": lambda r, step: cosine(step, r.steps),
    "onecycle": lambda r, step: onecycle(step, r.steps),
    "step": lambda r, step: multistep(step, r.milestones, r.decay),
}
