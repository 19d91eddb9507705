"""Networks that a visitor's weights may belong to: architectures of `netopsy.models` with their sizes in a line."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from netopsy.core.errors import InputError, lookup, require
from netopsy.core.texts import plain

if TYPE_CHECKING:
    from torch import nn

ARCHITECTURES = ("small_conv_net", "lenet", "lenet_300_100", "mlp", "conv_net", "resnet", "resnet18", "vgg")
"""The classifiers of `netopsy.models`."""
LARGEST = 10_000
"""The most that a size may be, and, as 64, the most numbers in one."""
_OURS = ("seed", "initialisation")
SIDE = 8
"""Rows and columns of the embedded digits, for networks that take images of any size."""


def sizes_of(architecture: str) -> dict[str, str]:
    """The sizes that an architecture has, and how each is written where nothing else is said.

    >>> sizes_of("resnet")
    {'depth': '20', 'channels': '3', 'classes': '10', 'width': '16', 'shortcut': 'pad'}
    """
    return {name: _written(each.default) for name, each in _parameters(architecture).items()}


def made(architecture: str, sizes: str = "") -> nn.Module:
    """The network with fresh weights.

    Args:
        sizes: what differs from `sizes_of`, as ``widths=4 8, channels=1``.

    Raises:
        InputError: no such architecture or size, or values that do not fit.

    >>> made("mlp", "sizes=64 16 10").output.out_features
    10
    """
    model: nn.Module = _maker(architecture, sizes)()
    return model


def shape_taken(architecture: str, sizes: str = "") -> tuple[int, int]:
    """Channels of the images that such a network takes, and their rows, which are as many as their columns.

    >>> shape_taken("lenet"), shape_taken("mlp", "sizes=64 10"), shape_taken("resnet", "channels=1")
    ((1, 28), (1, 8), (1, 8))
    """
    known = {name: each.default for name, each in _parameters(architecture).items()}
    known |= _maker(architecture, sizes).keywords
    if "sizes" in known or "inputs" in known:
        inputs = int(known["sizes"][0]) if "sizes" in known else int(known["inputs"])
        side = math.isqrt(inputs)
        require(side * side == inputs, f"{architecture} must take as many inputs as a square has, got {inputs}")
        return 1, side
    return int(known["channels"]), int(known.get("size", SIDE))


def _maker(architecture: str, sizes: str) -> partial[Any]:
    parameters = _parameters(architecture)
    given: dict[str, Any] = {}
    for part in sizes.replace(";", ",").split(","):
        name, equals, value = (piece.strip() for piece in part.partition("="))
        if not part.strip():
            continue
        require(equals, f"sizes must be name=value with commas between them, got {plain(part.strip())[:40]!r}")
        default = lookup(f"size of {architecture}", name, parameters).default
        given[name] = _value(name, value, default)
    missing = [name for name, each in parameters.items() if each.default is each.empty and name not in given]
    require(not missing, f"{architecture} needs its {' and '.join(missing)}, such as sizes=64 16 10")
    return partial(_function(architecture), **given)


def _value(name: str, text: str, default: object) -> object:
    if isinstance(default, bool):
        return lookup(name, text.lower(), {"yes": True, "true": True, "no": False, "false": False})
    if isinstance(default, str):
        require(text.isidentifier() and len(text) <= 40, f"{name} must be a word, got {plain(text)[:40]!r}")
        return text
    numbers = tuple(_number(name, each) for each in text.split())
    if isinstance(default, int):
        require(len(numbers) == 1, f"{name} must be one whole number, got {plain(text)[:40]!r}")
        return numbers[0]
    require(1 <= len(numbers) <= 64, f"{name} must be from 1 to 64 whole numbers, got {len(numbers)}")
    return numbers


def _number(name: str, text: str) -> int:
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 9 else 0
    if not 1 <= number <= LARGEST:
        raise InputError(f"{name} must be whole numbers from 1 to {LARGEST:,}, got {plain(text)[:40]!r}")
    return number


def _parameters(architecture: str) -> Mapping[str, inspect.Parameter]:
    found = inspect.signature(inspect.unwrap(_function(architecture))).parameters
    return {name: each for name, each in found.items() if name not in _OURS}


def _function(architecture: str) -> Callable[..., Any]:
    lookup("architecture", architecture, dict.fromkeys(ARCHITECTURES, 1))
    import netopsy.models

    function: Callable[..., Any] = getattr(netopsy.models, architecture)
    return function


def _written(default: object) -> str:
    if default is inspect.Parameter.empty:
        return ""
    if isinstance(default, bool):
        return "yes" if default else "no"
    return " ".join(map(str, default)) if isinstance(default, tuple) else str(default)
