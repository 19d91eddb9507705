"""What the networks of the zoo have in common: activations by name and checks of their sizes.

Activations never work in place: a hook that keeps the output of the layer before would otherwise see it overwritten.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence

from torch import nn

from netopsy.core.errors import lookup, require

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.2),
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "identity": nn.Identity,
}


def activation_layer(name: str) -> nn.Module:
    """A fresh activation layer by name.

    >>> activation_layer("tanh")
    Tanh()
    """
    return lookup("activation", name, ACTIVATIONS)()


def named(layers: Iterable[tuple[str, nn.Module]]) -> nn.Sequential:
    """An ``nn.Sequential`` of named layers."""
    return nn.Sequential(OrderedDict(layers))


def require_count(name: str, value: int, least: int = 1) -> None:
    """Raise `InputError` unless ``value`` is an int of at least ``least``."""
    require(
        isinstance(value, int) and not isinstance(value, bool) and value >= least,
        f"{name} must be an int of at least {least}, got {value!r}",
    )


def require_counts(name: str, values: Iterable[int], least: int = 1) -> None:
    """Raise `InputError` unless every one of ``values`` is an int of at least ``least``, and there is one."""
    require(
        isinstance(values, Iterable) and not isinstance(values, str), f"{name} must be several ints, got {values!r}"
    )
    values = tuple(values)
    require(values, f"{name} must not be empty")
    for value in values:
        require_count(f"every entry of {name}", value, least)


def image_size(size: int | tuple[int, int]) -> tuple[int, int]:
    """Height and width from one number for both, or from the two.

    >>> image_size(32), image_size((24, 48))
    ((32, 32), (24, 48))
    """
    both = (size, size) if isinstance(size, int) else size
    require(isinstance(both, Sequence) and len(both) == 2, f"size must be one int, or height and width, got {size!r}")
    require_counts("size", both)
    height, width = both
    return height, width


def conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1, bias: bool = False) -> nn.Conv2d:
    """A convolution padded to keep the grid at stride 1, its weights still to be drawn by `initialise`."""
    layer = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=bias, device="meta")
    return layer.to_empty(device="cpu")


def linear(inputs: int, outputs: int, bias: bool = True) -> nn.Linear:
    """A linear layer, its weights still to be drawn by `initialise`."""
    return nn.Linear(inputs, outputs, bias=bias, device="meta").to_empty(device="cpu")
