"""Backward rules for the ReLU that older gradient maps differ by."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from netopsy.core.errors import UnknownNameError, require
from netopsy.core.per_sample import PerSampleModel

ReluRule = Literal["gradient", "guided", "deconv"]
"""What goes back through a ReLU: the gradient, its positive part, or that whatever the sign of the input."""

RELU_RULES: tuple[ReluRule, ...] = ("gradient", "guided", "deconv")


class _PositiveGradient(torch.autograd.Function):
    """The identity; backward only what is positive."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor) -> Tensor:
        return values.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None: ...

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0].relu()


@contextmanager
def relu_rule(model: nn.Module, rule: ReluRule) -> Iterator[None]:
    """The network's ``nn.ReLU`` modules with another backward rule, while the block runs.

    Raises:
        InputError: an unknown rule, or no ``nn.ReLU`` module to apply it to.
    """
    if rule not in RELU_RULES:
        raise UnknownNameError("relu rule", rule, RELU_RULES)
    if rule == "gradient":
        yield
        return
    base = model.base if isinstance(model, PerSampleModel) else model
    relus = [module for module in base.modules() if isinstance(module, nn.ReLU)]
    require(relus, f"relu={rule!r} changes the backward pass of nn.ReLU modules, and this network has none")

    def hook(module: nn.Module, arguments: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if rule == "deconv":
            output = output.detach() + (arguments[0] - arguments[0].detach())
        return cast(Tensor, _PositiveGradient.apply(output))  # type: ignore[no-untyped-call]

    in_place = [module.inplace for module in relus]
    handles = [module.register_forward_hook(hook) for module in relus]
    try:
        for module in relus:
            module.inplace = False
        yield
    finally:
        for module, was, handle in zip(relus, in_place, handles, strict=True):
            module.inplace = was
            handle.remove()
