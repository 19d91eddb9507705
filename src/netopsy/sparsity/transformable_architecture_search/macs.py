"""What a network costs: multiply-accumulate operations of its convolutions and linear layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.modes import check_model, evaluating, running_on
from netopsy.models.blocks import require_counts


@checked
def flops(model: nn.Module, input_shape: Sequence[int]) -> float:
    """The multiply-accumulate operations of one sample's forward pass, in convolutions and linear layers.

    Papers call this number FLOPs; `torch.utils.flop_counter` counts multiplication and addition apart, twice as many.

    Args:
        model: any network; it is run once, as a copy.
        input_shape: of one sample, without the batch.

    Raises:
        InputError: a shape that is none, or that does not go through the network.

    >>> flops(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.Flatten(), nn.Linear(8 * 16, 10)), (3, 4, 4))
    4736.0
    """
    check_model(model)
    require_counts("input_shape", input_shape)
    counted = copied(model)
    total = 0

    def count(module: nn.Module, given: Any, output: Tensor) -> None:
        nonlocal total
        total += _of_layer(module, given[0], output)

    for module in counted.modules():
        if isinstance(module, _ConvNd | nn.Linear):
            module.register_forward_hook(count)
    first = next((value for value in counted.parameters() if value.is_floating_point()), torch.zeros(0))
    inputs = torch.zeros(1, *input_shape, dtype=first.dtype, device=first.device)
    with torch.no_grad(), evaluating(counted), running_on(inputs, counted):
        counted(inputs)
    return float(total)


def _of_layer(module: nn.Module, given: Tensor, output: Tensor) -> int:
    if isinstance(module, nn.Linear):
        return output.numel() * module.in_features
    assert isinstance(module, _ConvNd)
    kernel, moved = math.prod(module.kernel_size), given if isinstance(module, _ConvTransposeNd) else output
    other = module.out_channels if isinstance(module, _ConvTransposeNd) else module.in_channels
    return moved.numel() * kernel * other // module.groups
