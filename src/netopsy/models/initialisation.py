"""Weight initialisation by name, from a seed, leaving the global random state alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import init
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from netopsy.core.errors import lookup, require
from netopsy.core.modes import check_model
from netopsy.core.seeds import check_seed, derive

Model = TypeVar("Model", bound=nn.Module)
Draw = Callable[[Tensor, float, torch.Generator], object]


def _fan_in(weight: Tensor) -> int:
    return init._calculate_fan_in_and_fan_out(weight)[0]


def _scaled_normal(weight: Tensor, gain: float, random: torch.Generator) -> Tensor:
    return init.normal_(weight, std=gain / math.sqrt(_fan_in(weight)), generator=random)


def _scaled_uniform(weight: Tensor, gain: float, random: torch.Generator) -> Tensor:
    bound = gain * math.sqrt(3 / _fan_in(weight))
    return init.uniform_(weight, -bound, bound, generator=random)


def _truncated_normal(weight: Tensor, gain: float, random: torch.Generator) -> Tensor:
    std = gain / math.sqrt(_fan_in(weight))
    return init.trunc_normal_(weight, std=std, a=-2 * std, b=2 * std, generator=random)


def _signed_constant(weight: Tensor, gain: float, random: torch.Generator) -> Tensor:
    return weight.copy_(
        (torch.randint(0, 2, weight.shape, generator=random) * 2 - 1) * (gain / math.sqrt(_fan_in(weight)))
    )


_SCHEMES: dict[str, tuple[Draw, float]] = {
    "glorot_normal": (lambda weight, gain, random: init.xavier_normal_(weight, gain, generator=random), 1.0),
    "glorot_uniform": (lambda weight, gain, random: init.xavier_uniform_(weight, gain, generator=random), 1.0),
    "he_normal": (_scaled_normal, math.sqrt(2)),
    "he_uniform": (_scaled_uniform, math.sqrt(2)),
    "lecun_normal": (_scaled_normal, 1.0),
    "lecun_uniform": (_scaled_uniform, 1.0),
    "truncated_normal": (_truncated_normal, 1.0),
    "normal": (lambda weight, gain, random: init.normal_(weight, std=gain, generator=random), 0.02),
    "signed_constant": (_signed_constant, math.sqrt(2)),
    "orthogonal": (lambda weight, gain, random: init.orthogonal_(weight, gain, generator=random), 1.0),
    "torch": (_scaled_uniform, 1 / math.sqrt(3)),
}

SCHEMES = tuple(_SCHEMES)
"""The names `initialise` knows."""


@torch.no_grad()
def initialise(
    model: Model,
    scheme: str = "glorot_normal",
    *,
    seed: int = 0,
    gain: float | None = None,
    bias_std: float = 0.0,
) -> Model:
    """Draw the weights of every linear and convolutional layer anew, in place, and hand the model back.

    Biases become zero, or normal with standard deviation ``bias_std``; normalisation layers start as the identity with
    fresh statistics. Every layer draws from a seed of its own, derived from ``seed`` and its name, on the CPU: the
    weights are the same on every device, and changing one layer changes no other.

    Args:
        scheme: with i and o the fans: ``glorot_*`` has variance 2/(i+o) (Glorot and Bengio 2010, eq. 12 and 16),
            ``he_*`` 2/i (He et al. 2015, eq. 10), ``lecun_*`` 1/i, ``truncated_normal`` 1/i cut at two standard
            deviations, ``normal`` a standard deviation of 0.02 whatever the fans, ``signed_constant`` one magnitude
            sqrt(2/i) with random signs, ``orthogonal`` orthonormal rows or columns, ``torch`` uniform within 1/sqrt(i),
            as torch's own constructors draw weights.
        gain: replaces the scheme's own factor on the standard deviation.

    Raises:
        UnknownNameError: there is no such scheme.

    >>> layer = initialise(nn.Linear(200, 100), "lecun_normal", seed=1)
    >>> round(layer.weight.std().item() * 200**0.5, 1), layer.bias.abs().sum().item()
    (1.0, 0.0)
    """
    draw, own_gain = lookup("initialisation scheme", scheme, _SCHEMES)
    check_model(model)
    check_seed(seed)
    require(gain is None or 0 < gain < math.inf, f"gain must be positive and finite, got {gain}")
    require(0 <= bias_std < math.inf, f"bias_std must be finite and not negative, got {bias_std}")
    drawn: set[Tensor] = set()
    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, _ConvNd)):
            random = torch.Generator().manual_seed(derive(seed, "weights", name))
            if module.weight not in drawn:
                drawn.add(module.weight)
                values = torch.empty(module.weight.shape, dtype=module.weight.dtype)
                draw(values, own_gain if gain is None else gain, random)
                module.weight.copy_(values)
            if module.bias is not None:
                values = torch.empty(module.bias.shape, dtype=module.bias.dtype)
                module.bias.copy_(values.normal_(std=bias_std, generator=random) if bias_std else values.zero_())
        elif isinstance(module, (_NormBase, nn.LayerNorm, nn.GroupNorm)):
            module.reset_parameters()
    return model
