"""What runs in front of a layer, computed once: afterwards its modules give back what they gave then."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

from netopsy.core.layers import module_of, run_of

Outputs = dict[nn.Module, list[Any]]
"""What calls of a module returned, in their order."""


class _Reached(Exception):  # noqa: N818 - no error: it ends a forward pass that has gone far enough
    pass


@dataclass
class _Call:
    """A call of a module that is under way, and the finished calls in it that can be left out."""

    module: nn.Module | None = None
    kept: bool = False
    """Whether the layer runs in it, so that it cannot be left out itself."""
    finished: list[tuple[nn.Module, Any]] = field(default_factory=list)


def record(model: nn.Module, layer: str, inputs: Tensor) -> Outputs:
    """What the modules before ``layer``, and the layer itself, put out for ``inputs``: of nested ones the outermost.

    A module in which the layer runs is not among them, but those in it that end before. Empty where the forward pass
    does not get as far as the layer.

    >>> net = nn.Sequential(nn.Sequential(nn.ReLU(), nn.ReLU()), nn.Tanh(), nn.Flatten())
    >>> found = record(net, "1", torch.ones(1, 2))
    >>> [type(module).__name__ for module in found]
    ['Sequential', 'Tanh']
    """
    target, wanted, runs = module_of(model, layer), run_of(model, layer)[1] or 1, 0
    stack = [_Call()]

    def begin(module: nn.Module, _: Any) -> None:
        nonlocal runs
        if module is target:
            runs += 1
            for call in stack:
                call.kept = True
        stack.append(_Call(module))

    def end(module: nn.Module, _: Any, output: Any) -> None:
        call = stack.pop()
        stack[-1].finished += call.finished if call.kept else [(module, output)]
        if module is target and runs == wanted:
            raise _Reached

    modules = [module for module in model.modules() if module is not model]
    hooks = [module.register_forward_pre_hook(begin) for module in modules]
    hooks += [module.register_forward_hook(end) for module in modules]
    outputs: Outputs = {}
    try:
        with torch.no_grad():
            model(inputs)
    except _Reached:
        for call in stack:
            for module, output in call.finished:
                outputs.setdefault(module, []).append(output)
    finally:
        for hook in hooks:
            hook.remove()
    return outputs


@contextmanager
def replaying(outputs: Outputs, count: int | None = None) -> Iterator[None]:
    """Inside the block, the first calls of each module return what `record` saw and compute nothing.

    Args:
        count: make a batch of so many of what was recorded for a batch of one; a module whose outputs do not begin
            with an axis of length 1 then computes them as ever.
    """
    before: dict[nn.Module, Callable[..., Any] | None] = {}
    try:
        for module, seen in outputs.items():
            if count is None or all(map(_of_one, seen)):
                before[module] = module.__dict__.get("forward")
                module.__dict__["forward"] = _replayed(module.forward, [_batch(one, count) for one in seen])
        yield
    finally:
        for module, forward in before.items():
            if forward is None:
                del module.__dict__["forward"]
            else:
                module.__dict__["forward"] = forward


def _replayed(forward: Callable[..., Any], outputs: list[Any]) -> Callable[..., Any]:
    left = iter(outputs)

    def replay(*arguments: Any, **options: Any) -> Any:
        for output in left:
            return output
        return forward(*arguments, **options)

    return replay


def _of_one(output: Any) -> bool:
    tensors = [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]
    return bool(tensors) and all(one.ndim > 0 and len(one) == 1 for one in tensors)


def _batch(output: Any, count: int | None) -> Any:
    if count is None:
        return output
    return tree_map(lambda leaf: leaf.expand(count, *leaf.shape[1:]) if isinstance(leaf, Tensor) else leaf, output)
