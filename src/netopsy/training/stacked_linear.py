"""A linear layer whose vectorised form is three plain batched products.

What `torch.func.vmap` derives for a linear layer gives the weight's gradient transposed in memory, so that every step
copies it back, and adds the bias in a pass of its own.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class _BatchedLinear(torch.autograd.Function):
    """``inputs [R, batch, in]``, ``weight [R, out, in]``, ``bias [R, out]``."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(inputs, weight)
        return torch.baddbmm(bias.unsqueeze(1), inputs, weight.mT)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        inputs, weight = ctx.saved_tensors
        (g,) = gradients
        wanted = ctx.needs_input_grad[0]
        return torch.bmm(g, weight) if wanted else None, torch.bmm(g.mT, inputs), g.sum(1)


class _Linear(torch.autograd.Function):
    generate_vmap_rule = False

    @staticmethod
    def forward(inputs: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        return F.linear(inputs, weight, bias)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
        ctx.save_for_backward(inputs[0], inputs[1])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        inputs, weight = ctx.saved_tensors
        (g,) = gradients
        return g @ weight, g.mT @ inputs, g.sum(0)

    @staticmethod
    def vmap(info: Any, in_dims: tuple[int | None, ...], *tensors: Tensor) -> tuple[Tensor, int]:
        stacked = [
            tensor.movedim(axis, 0) if axis is not None else tensor.expand(info.batch_size, *tensor.shape)
            for tensor, axis in zip(tensors, in_dims, strict=True)
        ]
        return _BatchedLinear.apply(*stacked), 0


class StackedLinear(nn.Linear):
    """`nn.Linear` for running under `torch.func.vmap`; the same numbers."""

    def forward(self, inputs: Tensor) -> Tensor:
        """As `nn.Linear`; only matrices of inputs take the short way."""
        if inputs.ndim != 2 or self.bias is None:
            return F.linear(inputs, self.weight, self.bias)
        return _Linear.apply(inputs, self.weight, self.bias)


def with_stacked_linear(model: nn.Module) -> nn.Module:
    """``model`` with its plain linear layers turned, in place, into `StackedLinear`."""
    for module in model.modules():
        if type(module) is nn.Linear:
            module.__class__ = StackedLinear
    return model
