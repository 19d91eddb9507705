"""Layers that take no part in what a network answers, such as auxiliary heads that only training asks."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netopsy.core.computed import call_with
from netopsy.core.errors import InputError
from netopsy.core.masks import prunable_parameters
from netopsy.core.modes import device_of, evaluating
from netopsy.core.outputs import single_output


def idle_layers(model: nn.Module, inputs: Tensor) -> tuple[str, ...]:
    """Names of the linear and convolutional layers whose weights the output for ``inputs`` does not depend on.

    A layer may run without being called, as the projections of attention do, so this follows the gradient. Where there
    is none to follow, no layer is named.
    """
    try:
        weights = {name: value.detach().requires_grad_() for name, value in prunable_parameters(model).items()}
    except InputError:
        return ()
    with torch.inference_mode(False), torch.enable_grad(), evaluating(model):
        output = single_output(call_with(model, weights, inputs.to(device_of(model))))
        if not output.requires_grad:
            return ()
        gradients = torch.autograd.grad(output.sum(), list(weights.values()), allow_unused=True)
    pairs = zip(weights, gradients, strict=True)
    return tuple(name.rpartition(".")[0] for name, gradient in pairs if gradient is None)
