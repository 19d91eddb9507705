"""REPAIR: units of an interpolated network get back the spread that averaging weights took from them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from netopsy.core.arguments import checked
from netopsy.core.batches import check_batch
from netopsy.core.computed import copied
from netopsy.core.errors import require
from netopsy.core.modes import device_of, evaluating, running_on
from netopsy.core.moments import unit_rows
from netopsy.core.parameters import State, interpolate
from netopsy.core.units import unit_groups
from netopsy.landscape.linear_mode_connectivity.states import check_ends
from netopsy.training.recalibration import recalibrated

Spread = dict[str, tuple[Tensor, Tensor]]
"""Name of a layer to mean and standard deviation of its units."""


@torch.no_grad()
@checked
def repair(model: nn.Module, a: State, b: State, inputs: Tensor, *, at: float | int = 0.5) -> dict[str, Tensor]:
    """The state a share ``at`` of the way from ``a`` to ``b``, with the activations of its units put right.

    Averaged units vary less than those they are averaged from. Layer by layer from the input on, every unit of a hidden
    layer is rescaled and shifted, in its weights and bias, so that the mean and the standard deviation of its output
    are those of the two ends, interpolated. A layer without a bias is rescaled only. Units in front of batch norms need
    no more than running statistics taken anew, which they get.

    Source: Jordan et al. 2023 (arXiv 2211.08403), section 3.

    Args:
        model: the architecture; its own weights do not matter, and stay.
        a, b: states, with units in the same order (`weight_matching`).
        inputs: a few hundred samples to measure activations on; they go through together.

    Returns:
        a state for the same architecture.

    Raises:
        InputError: states of other networks, a share outside of 0 to 1, inputs that do not go through, a network that
            cannot be traced.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
    >>> inputs = torch.tensor([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]])
    >>> kept = repair(net, net.state_dict(), net.state_dict(), inputs)
    >>> torch.allclose(kept["0.weight"], net[0].weight, atol=1e-6)
    True
    """
    check_ends(a, b)
    check_batch(inputs)
    require(0 <= at <= 1, f"at must lie between 0 and 1, got {at}")
    there = inputs.to(device_of(model))
    layers = _hidden_layers(model, there)
    networks = []
    for state in (a, b, interpolate(a, b, float(at))):
        network = copied(model)
        network.load_state_dict(dict(state))
        networks.append(network)
    first, second, middle = networks
    if any(isinstance(each, _BatchNorm) and each.track_running_stats for each in middle.modules()):
        middle = recalibrated(middle, there)
    with _Spreads(first, layers) as one, _Spreads(second, layers) as other:
        for network in (first, second):
            with evaluating(network), running_on(there, network):
                network(there)
    wanted = {
        layer: tuple(torch.lerp(u, v, float(at)) for u, v in zip(one.found[layer], other.found[layer], strict=True))
        for layer in layers
    }
    with _correcting(middle, wanted) as changes, evaluating(middle), running_on(there, middle):
        middle(there)
    for layer, (scale, shift) in changes.items():
        _fold(middle.get_submodule(layer), scale, shift)
    return {name: value.detach().clone() for name, value in middle.state_dict().items()}


def _hidden_layers(model: nn.Module, inputs: Tensor) -> list[str]:
    """Linear layers and convolutions that make hidden units and have no batch norm behind them."""
    found = []
    for group in unit_groups(model, inputs[:2]).groups.values():
        if not any(isinstance(model.get_submodule(place.layer), _BatchNorm) for place in group.norms):
            found += [name for name in group.layers if isinstance(model.get_submodule(name), nn.Linear | _ConvNd)]
    return list(dict.fromkeys(found))


def _mean_and_std(module: nn.Module, output: Tensor) -> tuple[Tensor, Tensor]:
    rows = unit_rows(output, -1 if isinstance(module, nn.Linear) else 1).double()
    return rows.mean(0), rows.std(0, correction=0)


class _Spreads:
    """Notes mean and standard deviation of every unit while it is open."""

    def __init__(self, model: nn.Module, layers: list[str]) -> None:
        self.found: Spread = {}
        self._handles = [model.get_submodule(name).register_forward_hook(self._note(name)) for name in layers]

    def _note(self, name: str) -> Any:
        def hook(module: nn.Module, given: Any, output: Tensor) -> None:
            self.found[name] = _mean_and_std(module, output)

        return hook

    def __enter__(self) -> _Spreads:
        return self

    def __exit__(self, *exception: object) -> None:
        for handle in self._handles:
            handle.remove()


@contextmanager
def _correcting(model: nn.Module, wanted: dict[str, Any]) -> Iterator[dict[str, tuple[Tensor, Tensor]]]:
    """While it is open every layer puts out what is wanted, so that the next one is measured on that; yields scale and
    shift by layer.
    """
    changes: dict[str, tuple[Tensor, Tensor]] = {}

    def hook_of(name: str) -> Any:
        def hook(module: nn.Module, given: Any, output: Tensor) -> Tensor:
            mean, std = _mean_and_std(module, output)
            goal_mean, goal_std = wanted[name]
            scale = torch.where(std > 1e-12 * (1 + mean.abs()), goal_std / std.clamp(min=1e-300), 1.0)
            shift = goal_mean - scale * mean
            if getattr(module, "bias", None) is None:
                shift = torch.zeros_like(shift)
            changes[name] = scale, shift
            linear = isinstance(module, nn.Linear)
            shape = [1] * (output.ndim - 1) + [-1] if linear else [1, -1] + [1] * (output.ndim - 2)
            return (output * scale.view(shape) + shift.view(shape)).to(output.dtype)

        return hook

    handles = [model.get_submodule(name).register_forward_hook(hook_of(name)) for name in wanted]
    try:
        yield changes
    finally:
        for handle in handles:
            handle.remove()


def _fold(module: Any, scale: Tensor, shift: Tensor) -> None:
    """Weights and bias that put out ``scale`` times what they did, plus ``shift``."""
    weight = module.weight
    if isinstance(module, _ConvTransposeNd):  # [inputs, outputs of a block, ...], block by block
        blocks = scale.view(module.groups, -1).repeat_interleave(weight.shape[0] // module.groups, 0)
        factor = blocks.view(*weight.shape[:2], *[1] * (weight.ndim - 2))
    else:
        factor = scale.view(-1, *[1] * (weight.ndim - 1))
    weight.mul_(factor.to(weight.dtype))
    if module.bias is not None:
        module.bias.mul_(scale.to(module.bias.dtype)).add_(shift.to(module.bias.dtype))
