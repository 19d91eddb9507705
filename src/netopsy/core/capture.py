"""Activations and gradients of layers by name, from any `nn.Module`, leaving no trace on it.

What is captured is handed on as a copy, so an in-place operation behind the layer (an in-place ReLU, the ``+=`` of a
residual block) changes the copy and not what was captured. The copy is also the point at which the gradient is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.batches import check_batch, finite
from netopsy.core.errors import InputError, require
from netopsy.core.layers import INPUT, Layers, layer_names
from netopsy.core.modes import evaluating, frozen, running_on
from netopsy.core.outputs import first_of, with_first
from netopsy.core.per_sample import PerSampleModel
from netopsy.core.runs import RunHook
from netopsy.core.targets import Target, scores


@dataclass(frozen=True)
class LayerGradients:
    """What one forward and one backward pass saw at each layer."""

    outputs: Tensor
    """The network's output, detached."""
    activations: dict[str, Tensor]
    """Layer name to its output."""
    gradients: dict[str, Tensor]
    """Layer name to the derivative of the target with respect to the layer's output, same shape as the activation."""
    inputs: dict[str, Tensor]
    """Layer name to the layer's own input; filled only when asked for."""


@contextmanager
def capturing(
    model: nn.Module, layers: Layers, *, start_graph: bool = False, inputs: dict[str, Tensor] | None = None
) -> Iterator[dict[str, Tensor]]:
    """Collect the outputs of ``layers`` while the block runs the model.

    Yields a dict that maps each name to the layer's output once the model has run. Where a layer runs more than once
    it is the first run, of which a warning tells, or the one that the name says, as ``"relu#2"`` does. The hooks are
    gone when the block ends, whatever happened in it.

    Args:
        start_graph: make outputs that do not ask for a gradient ask for one from here on, so that nothing before the
            first captured layer is recorded for the backward pass.
        inputs: filled with the first input of each layer, when given.
    """
    parted = isinstance(model, nn.DataParallel) and len(model.device_ids) > 1
    require(not parted, "model is a DataParallel, whose layers see a part of the batch each: give its .module")
    seen: dict[str, Tensor] = {}
    hooks: list[RunHook] = []

    def watch(name: str) -> None:
        def hook(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> Any:
            first = first_of(output)
            if not isinstance(first, Tensor):
                raise InputError(f"layer {name!r} returns {type(output).__name__}, not a tensor or a tuple of tensors")
            if start_graph and not first.requires_grad and first.is_floating_point():
                first = first.detach().requires_grad_()
            seen[name] = first
            if inputs is not None and arguments and isinstance(arguments[0], Tensor):
                inputs[name] = arguments[0].detach().clone()
            return with_first(output, first.clone())

        hooks.append(RunHook(model, name, hook))

    try:
        for name in layer_names(model, layers):
            if name != INPUT:
                watch(name)
        yield seen
        for hook in hooks:
            hook.tell()
    finally:
        for hook in hooks:
            hook.remove()


def layer_activations(model: nn.Module, inputs: Tensor, layers: Layers) -> dict[str, Tensor]:
    """Outputs of ``layers`` for a batch, in evaluation mode and without gradients.

    Raises:
        InputError: an unknown layer, one that the forward pass does not reach, or non-finite activations.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(inplace=True))
    >>> layer_activations(net, torch.zeros(4, 2), "0")["0"].shape
    torch.Size([4, 3])
    """
    names = layer_names(model, layers)
    check_batch(inputs)
    with evaluating(model), torch.no_grad(), capturing(model, names) as seen, running_on(inputs, model):
        model(inputs)
    return _complete(seen, names, inputs)


def layer_gradients(
    model: nn.Module, inputs: Tensor, target: Target, layers: Layers, *, with_inputs: bool = False
) -> LayerGradients:
    """Activations of ``layers`` and the gradient of ``target`` with respect to them, in one forward and backward pass.

    The model runs in evaluation mode, and only the part behind the earliest layer is differentiated. A
    `PerSampleModel` works too: each sample then sees its own parameters.

    Args:
        inputs: a batch, first axis the samples.
        target: a class index, one index a sample, or a function from the output to one number a sample.
        layers: a name, a submodule, or a sequence of them; ``""`` is the input.
        with_inputs: also keep what each layer was given.

    Raises:
        InputError: an unknown or unreached layer, a bad target, an empty batch, non-finite activations.
    """
    base = model.base if isinstance(model, PerSampleModel) else model
    names = layer_names(base, layers)
    check_batch(inputs)
    given: dict[str, Tensor] = {}
    with torch.inference_mode(False), torch.enable_grad(), evaluating(base), frozen(base):
        start = inputs.detach().clone().requires_grad_() if INPUT in names else inputs.detach()
        if isinstance(model, PerSampleModel):
            inner = [name for name in names if name != INPUT]
            with running_on(start, base):
                outputs, seen, taps = model.tapped(start, inner, given=given if with_inputs else None)
        else:
            kept = given if with_inputs else None
            with capturing(model, names, start_graph=True, inputs=kept) as seen, running_on(start, base):
                outputs = model(start)
            taps = seen
        activations = _complete(seen, names, start)
        picked = scores(outputs, target).sum()
        require(
            picked.requires_grad,
            f"target does not depend on layer {names[0]!r} in a differentiable way; choose a layer before the output",
        )
        points = [start if name == INPUT else taps[name] for name in names]
        gradients = torch.autograd.grad(picked, points, allow_unused=True, materialize_grads=True)
    return LayerGradients(
        outputs=outputs.detach(),
        activations={name: activation.detach() for name, activation in activations.items()},
        gradients={name: g.reshape_as(activations[name]) for name, g in zip(names, gradients, strict=True)},
        inputs=given,
    )


def _complete(seen: dict[str, Tensor], names: list[str], inputs: Tensor) -> dict[str, Tensor]:
    activations = {INPUT: inputs, **seen}
    for name in names:
        require(name in activations, f"layer {name!r} is never run by the forward pass; choose another layer")
        require(
            finite(activations[name]), f"layer {name!r} gives NaN or infinite activations; check weights and inputs"
        )
    return {name: activations[name] for name in names}
