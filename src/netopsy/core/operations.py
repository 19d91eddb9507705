"""What a network computes for one sample: its layers in the order of the forward pass, and their operations."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from netopsy.core.modes import evaluating

BETWEEN = "between layers"
"""What is computed outside every layer: products of matrices in a ``forward`` that has layers inside."""


@dataclass(frozen=True)
class Layer:
    """One layer, as the forward pass met it."""

    name: str
    kind: str
    shape: str
    """Of what it puts out, without the batch."""
    parameters: int
    flops: int
    values: int = 0
    """How many numbers it puts out, over all its calls."""


def layers_of(model: nn.Module, sample: Tensor) -> list[Layer]:
    """Every module that has no modules inside or holds parameters of its own, in the order in which they end.

    Operations are those of matrix products, convolutions, attention and recurrent layers, two for a multiplication and
    an addition; a layer that has modules inside counts what these do not.

    Args:
        sample: a batch of one.
    """
    ran: dict[str, tuple[nn.Module, str]] = {}
    values: dict[str, int] = {}
    handles = []

    def watch(name: str, module: nn.Module) -> None:
        def hook(module: nn.Module, arguments: Any, output: Any) -> None:
            first = output[0] if isinstance(output, tuple | list) and output else output
            tensor = first if isinstance(first, Tensor) else None
            ran.setdefault(name, (module, "–" if tensor is None else "×".join(map(str, tensor.shape[1:]))))
            values[name] = values.get(name, 0) + (0 if tensor is None else tensor.numel())

        handles.append(module.register_forward_hook(hook))

    wanted = {
        name: module
        for name, module in model.named_modules()
        if not any(module.children()) or any(True for _ in module.parameters(recurse=False)) or _closed(module)
    }
    inside = tuple(f"{name}." for name, module in wanted.items() if name and _closed(module))
    wanted = {name: module for name, module in wanted.items() if not name.startswith(inside)}
    try:
        for name, module in wanted.items():
            watch(name, module)
        with torch.no_grad(), evaluating(model), _each_product(), FlopCounterMode(display=False) as counter:
            model(sample)
    finally:
        for handle in handles:
            handle.remove()
    root = type(model).__name__
    counts = {
        name.removeprefix(f"{root}.") if name != root else "": sum(by_kind.values())
        for name, by_kind in counter.get_flop_counts().items()
    }
    layers, counted, total = [], set(), counts.pop("Global", 0)
    unused = {name: (module, "not used") for name, module in wanted.items() if name not in ran}
    for name, (module, shape) in {**ran, **unused}.items():
        own = [weight for weight in module.parameters(recurse=_closed(module)) if id(weight) not in counted]
        counted |= {id(weight) for weight in own}
        if shape == "not used" and not own:
            continue
        flops = counts.get(name, 0) - (0 if _closed(module) else _of_children(counts, name, module))
        size = sum(weight.numel() for weight in own)
        kept = values.get(name, 0)
        layers.append(Layer(name or "(itself)", type(module).__name__, shape, size, flops, kept))
    rest = total - sum(layer.flops for layer in layers)
    if rest > 0:
        layers.append(Layer(BETWEEN, "functions", "–", 0, rest))
    return layers


def _of_children(counts: dict[str, int], name: str, module: nn.Module) -> int:
    prefix = f"{name}." if name else ""
    return sum(counts.get(prefix + child, 0) for child, _ in module.named_children())


def _closed(module: nn.Module) -> bool:
    """Whether what is inside is used by its parameters and never called, so that the whole is the layer."""
    return isinstance(module, nn.MultiheadAttention)


@contextmanager
def _each_product() -> Iterator[None]:
    """Attention and recurrence as single matrix products: the counter knows no kernel that does it all at once."""
    attention, recurrence = torch.backends.mha.get_fastpath_enabled(), torch._C._get_mkldnn_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    torch._C._set_mkldnn_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch._C._set_mkldnn_enabled(recurrence)
        torch.backends.mha.set_fastpath_enabled(attention)
