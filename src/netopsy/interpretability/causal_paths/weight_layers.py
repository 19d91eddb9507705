"""The layers whose weights are the edges of the causal graph, and which of a layer's inputs are one node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from netopsy.core.errors import InputError, require
from netopsy.core.layers import Layer, layer_names
from netopsy.core.modes import evaluating, running_on
from netopsy.interpretability.causal_paths.correspondence import check_correspondence


@dataclass(frozen=True, eq=False)
class WeightLayer:
    """A convolution or a dense layer, whose input nodes are the channels or units of the layer before."""

    name: str
    module: nn.Conv2d | nn.Linear
    nodes: int
    """Input nodes: channels, or units; across a flattening, channels of the convolution before."""
    block: int
    """Inputs of a dense layer that are one node: the positions of a flattened channel, otherwise 1."""

    @property
    def outputs(self) -> int:
        """Output channels or units."""
        return _sides(self.module)[1]

    def edges(self) -> Tensor:
        """The weights by edge: ``[outputs, nodes, height, width]``, or ``[outputs, nodes, block]`` for a dense layer.

        A copy; kernels that a grouped convolution does not have are zero.
        """
        with evaluating(self.module):  # a spectral norm moves on whenever it is read in training mode
            weight = self.module.weight.detach()
        if isinstance(self.module, nn.Linear):
            return weight.reshape(self.outputs, self.nodes, self.block).clone()
        own = self.nodes // self.module.groups
        full = weight.new_zeros(self.outputs, self.nodes, *weight.shape[2:])
        outputs, nodes = self._groups(own)
        full[outputs, nodes] = weight.flatten(0, 1)
        return full

    def connected(self) -> Tensor:
        """Which output has an edge from which node: bool ``[outputs, nodes]``; all but in a grouped convolution."""
        device = self.module.weight.device
        if isinstance(self.module, nn.Linear):
            return torch.ones(self.outputs, self.nodes, dtype=torch.bool, device=device)
        there = torch.zeros(self.outputs, self.nodes, dtype=torch.bool, device=device)
        there[self._groups(self.nodes // self.module.groups)] = True
        return there

    def write(self, edges: Tensor) -> None:
        """Make ``edges``, of the shape that `edges` gives, the module's weights, which must be a plain parameter."""
        weight = self.module.weight
        if isinstance(self.module, nn.Linear):
            values = edges.reshape(weight.shape)
        else:
            values = edges[self._groups(self.nodes // self.module.groups)].reshape(weight.shape)
        with torch.no_grad():
            weight.copy_(values)

    def contributions(
        self, inputs: Tensor, edges: Tensor, nodes: Tensor
    ) -> Float[Tensor, "batch nodes outputs *positions"]:
        """What each of ``nodes`` alone adds to the layer's output through ``edges`` (some outputs' rows of them).

        ``inputs`` is what the layer was given, ``[batch, channels, height, width]`` or ``[batch, units]``.
        """
        if isinstance(self.module, nn.Linear):
            values = inputs.reshape(len(inputs), self.nodes, self.block)[:, nodes]
            return torch.einsum("bnk,onk->bno", values, edges[:, nodes])
        kernels = edges[:, nodes].transpose(0, 1).flatten(0, 1)[:, None]
        seen = functional.conv2d(
            self.padded(inputs[:, nodes]),
            kernels,
            stride=self.module.stride,
            padding=self.module.padding if self.module.padding_mode == "zeros" else 0,
            dilation=self.module.dilation,
            groups=len(nodes),
        )
        return seen.reshape(len(inputs), len(nodes), len(edges), *seen.shape[2:])

    def padded(self, inputs: Tensor) -> Tensor:
        """The input as the convolution pads it where it does not pad with zeros, which it can do itself."""
        if not isinstance(self.module, nn.Conv2d) or self.module.padding_mode == "zeros":
            return inputs
        return functional.pad(inputs, self.module._reversed_padding_repeated_twice, mode=self.module.padding_mode)

    def _groups(self, own: int) -> tuple[Tensor, Tensor]:
        """For every kernel there is, output by output, the output and the node it connects."""
        assert isinstance(self.module, nn.Conv2d)
        device = self.module.weight.device
        outputs = torch.arange(self.outputs, device=device).repeat_interleave(own)
        group = outputs // (self.outputs // self.module.groups)
        return outputs, group * own + torch.arange(own, device=device).repeat(self.outputs)


def weight_layers(model: nn.Module, images: Tensor, layers: Sequence[Layer] | None = None) -> list[WeightLayer]:
    """The layers of the graph, first layer first, each with its input nodes.

    Args:
        images: a batch on which the order of the layers is seen.
        layers: which to use, in their order: each one's input nodes are the outputs of the one before. By default all
            convolutions and dense layers, in the order in which they run.

    Raises:
        InputError: a layer is of another kind, runs more than once, or its inputs are not the outputs of the one
            before, channel by channel: they are fewer or more, or moving one output moves another's input.
    """
    modules = dict(model.named_modules())
    if layers is None:
        names = [name for name, module in modules.items() if isinstance(module, nn.Conv2d | nn.Linear)]
        require(names, "the network has no convolution and no dense layer")
        names = _running_order(model, names, images)
    else:
        names = layer_names(model, list(layers), runs=False)
        for name in names:
            require(
                isinstance(modules[name], nn.Conv2d | nn.Linear),
                f"layers must be convolutions (Conv2d) and dense layers (Linear), but {name!r} is a "
                f"{type(modules[name]).__name__}",
            )
        ran = _running_order(model, names, images)
        require(ran == names, f"layers must be in the order in which they run, {ran}, got {names}")
    found: list[WeightLayer] = []
    for name in names:
        module: Any = modules[name]
        inputs = _sides(module)[0]
        nodes = inputs
        if found:
            nodes = found[-1].outputs
            fits = inputs % nodes == 0 if isinstance(module, nn.Linear) else inputs == nodes
            if not fits or (isinstance(found[-1].module, nn.Linear) and inputs != nodes):
                raise InputError(
                    f"layer {name!r} has {inputs} inputs and the layer before it in the list, {found[-1].name!r}, "
                    f"{nodes} outputs, which are not the same nodes: give layers= that follow one another"
                )
        found.append(WeightLayer(name, module, nodes, inputs // nodes))
    check_correspondence(model, names, [layer.nodes for layer in found], images)
    return found


def _sides(module: nn.Conv2d | nn.Linear) -> tuple[int, int]:
    """Input and output channels or units."""
    if isinstance(module, nn.Conv2d):
        return module.in_channels, module.out_channels
    return module.in_features, module.out_features


def _running_order(model: nn.Module, names: Sequence[str], images: Tensor) -> list[str]:
    modules = dict(model.named_modules())
    order: list[str] = []

    def hook(name: str) -> Any:
        return lambda *_: order.append(name)

    handles = [modules[name].register_forward_pre_hook(hook(name)) for name in names]
    try:
        with torch.no_grad(), evaluating(model), running_on(images, model):
            model(images[:1])
    finally:
        for handle in handles:
            handle.remove()
    for name in names:
        require(name in order, f"layer {name!r} is never run by the forward pass; choose others with layers=")
        require(order.count(name) == 1, f"layer {name!r} runs more than once, so its edges are not one path each")
    return order
