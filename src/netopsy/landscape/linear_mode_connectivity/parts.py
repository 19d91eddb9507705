"""Barriers of parts of a network: only some parameters are averaged, in the midst of either network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import lookup, require
from netopsy.core.modes import check_model
from netopsy.core.parameters import State
from netopsy.data import Dataset
from netopsy.landscape.curvature.loss import LossFunction
from netopsy.landscape.linear_mode_connectivity.states import check_ends, check_losses, state_losses

Part = Mapping[str, Tensor]
"""Name of a parameter or buffer to a bool tensor of its shape, True where it is averaged; others stay."""


@checked
def layers_with_parameters(model: nn.Module) -> list[str]:
    """Modules that hold parameters of their own, in the order in which they are defined.

    Raises:
        InputError: ``model`` is no network.

    >>> layers_with_parameters(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)))
    ['0', '2']
    """
    check_model(model)
    return [name for name, module in model.named_modules() if list(module.parameters(recurse=False))]


def entries_of(model: nn.Module, layers: Sequence[str]) -> list[str]:
    """Names of all parameters and buffers of ``layers``, those of the modules below them included.

    Raises:
        InputError: no layer, or one that is not there.
    """
    require(not isinstance(layers, str) and len(layers) > 0, f"layers must be names of modules, got {layers!r}")
    modules = dict(model.named_modules())
    found: dict[str, None] = {}
    for layer in layers:
        module = lookup("layer", layer, modules)
        own = (*module.named_parameters(), *module.named_buffers())
        found |= dict.fromkeys(f"{layer}.{name}" if layer else name for name, _ in own)
    return list(found)


@checked
def partial_barriers(
    model: nn.Module,
    a: State,
    b: State,
    data: Dataset,
    parts: Mapping[str, Part],
    *,
    loss: LossFunction = "cross_entropy",
    reset_norms: bool | Tensor = True,
    together: bool | None = None,
    batch_size: int = 1024,
) -> dict[str, float]:
    """For every part: the loss with the part averaged inside ``a`` and inside ``b``, the mean of the two, less the
    mean loss of ``a`` and ``b``.

    The losses compared with are always those of the whole networks, so that it may be below 0 only where averaging the
    part helps.

    Args:
        parts: name to `Part`.

    The other arguments are those of `state_losses`.

    Raises:
        InputError: states or masks of other names or shapes, what `state_losses` refuses.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> a, b = (mlp([64, 8, 10], seed=seed).state_dict() for seed in (0, 1))
    >>> first_bias = {"fc1.bias": torch.arange(8) < 1}
    >>> list(partial_barriers(mlp([64, 8, 10]), a, b, digits()[:50], {"one unit's bias": first_bias}))
    ["one unit's bias"]
    """
    check_ends(a, b)
    require(len(parts) > 0, "parts is empty; give at least one")
    states = [a, b]
    for part in parts.values():
        for name, mask in part.items():
            shape = tuple(lookup("parameter in parts", name, a).shape)
            fits = mask.dtype == torch.bool and tuple(mask.shape) == shape
            require(fits, f"parts must hold bool tensors, for {name!r} of shape {shape}, got {tuple(mask.shape)}")
        states += [_averaged(host, other, part) for host, other in ((a, b), (b, a))]
    options = {"loss": loss, "reset_norms": reset_norms, "together": together, "batch_size": batch_size}
    found = state_losses(model, states, data, **options)  # type: ignore[arg-type]
    check_losses(found, found.losses[:2])
    rises = found.losses[2:].view(-1, 2).mean(1) - found.losses[:2].mean()
    return dict(zip(parts, rises.tolist(), strict=True))


def _averaged(host: State, other: State, part: Part) -> dict[str, Tensor]:
    moved = dict(host)
    for name, mask in part.items():
        if moved[name].is_floating_point():
            moved[name] = torch.where(mask.to(host[name].device), torch.lerp(host[name], other[name], 0.5), host[name])
    return moved


@checked
def layerwise_barrier(
    model: nn.Module,
    a: State,
    b: State,
    data: Dataset,
    *,
    layers: Sequence[str] | None = None,
    cumulative: Literal["from input", "from output"] | None = None,
    loss: LossFunction = "cross_entropy",
    reset_norms: bool | Tensor = True,
    together: bool | None = None,
    batch_size: int = 1024,
) -> dict[str, float]:
    """The barrier half way where one layer alone is averaged, layer by layer: see `partial_barriers`.

    Source: the paper's extension to layers; Adilova et al. 2024 (arXiv 2307.06966).

    Args:
        layers: names of modules; by default all that hold parameters (`layers_with_parameters`), in the order of their
            definition.
        cumulative: instead of one layer, all from the input up to it, or all from the output down to it.

    The other arguments are those of `state_losses`.

    Raises:
        InputError: an unknown layer, an unknown kind of accumulation, what `partial_barriers` refuses.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> a, b = (mlp([64, 8, 10], seed=seed).state_dict() for seed in (0, 1))
    >>> list(layerwise_barrier(mlp([64, 8, 10]), a, b, digits()[:50]))
    ['fc1', 'output']
    """
    known = (None, "from input", "from output")
    require(cumulative in known, f"cumulative must be None, 'from input' or 'from output', got {cumulative!r}")
    names = layers_with_parameters(model) if layers is None else list(layers)
    groups = {name: [name] for name in names}
    if cumulative is not None:
        order = names if cumulative == "from input" else names[::-1]
        groups = {name: order[: order.index(name) + 1] for name in names}
    parts = {
        name: {entry: torch.ones_like(a[entry], dtype=torch.bool) for entry in entries_of(model, group) if entry in a}
        for name, group in groups.items()
    }
    options = {"loss": loss, "reset_norms": reset_norms, "together": together, "batch_size": batch_size}
    return partial_barriers(model, a, b, data, parts, **options)  # type: ignore[arg-type]
