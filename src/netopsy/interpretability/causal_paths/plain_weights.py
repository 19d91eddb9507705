"""Layers that compute their weight or share it, made to hold one of their own: what is written to it is then kept."""

from __future__ import annotations

from torch import nn
from torch.nn.utils import parametrize, prune, remove_spectral_norm, remove_weight_norm
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from netopsy.core.errors import require
from netopsy.core.modes import evaluating


def make_plain(name: str, module: nn.Module) -> None:
    """Make the weight of a layer a plain parameter of its own, of the value it has in evaluation mode.

    A weight that other layers have too (tied weights) stays theirs.

    Raises:
        InputError: the layer computes its weight in a way that cannot be taken off.

    >>> layer = nn.utils.parametrizations.weight_norm(nn.Linear(2, 3))
    >>> make_plain("layer", layer)
    >>> isinstance(layer.weight, nn.Parameter), sorted(name for name, _ in layer.named_parameters())
    (True, ['bias', 'weight'])
    """
    with evaluating(module):
        if parametrize.is_parametrized(module, "weight"):
            _own_class(module)
            parametrize.remove_parametrizations(module, "weight", leave_parametrized=True)
        for hook in list(module._forward_pre_hooks.values()):
            if isinstance(hook, WeightNorm) and hook.name == "weight":
                remove_weight_norm(module)
            elif isinstance(hook, SpectralNorm) and hook.name == "weight":
                remove_spectral_norm(module)
            elif isinstance(hook, prune.BasePruningMethod) and hook._tensor_name == "weight":
                prune.remove(module, "weight")
    weight = module._parameters.get("weight")
    require(
        isinstance(weight, nn.Parameter),
        f"layer {name!r} computes its weight whenever it runs, so no edge of it can be cut: make it a plain parameter",
    )
    assert weight is not None
    module.weight = nn.Parameter(weight.detach().clone(), requires_grad=weight.requires_grad)


def _own_class(module: nn.Module) -> None:
    """Give a parametrised module a class of its own: copies share one, which taking the parametrisation off changes."""
    shared = type(module)
    members = {name: value for name, value in vars(shared).items() if name not in ("__dict__", "__weakref__")}
    module.__class__ = type(shared.__name__, shared.__bases__, members)
