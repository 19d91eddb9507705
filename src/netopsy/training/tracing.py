"""A function of tensors as the list of operations it comes down to.

`torch.func` transforms work out what to do at every call, which on small tensors takes longer than doing it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch.fx import GraphModule, Node
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._pytree import tree_map_only

aten = torch.ops.aten
_VIEWS = {aten.view.default, aten._unsafe_view.default, aten.expand.default, aten.detach.default}

Function = TypeVar("Function", bound=Callable[..., Any])


def traced(function: Function, *example: Any) -> Function:
    """``function`` traced on ``example``: the same results, for arguments of the same shapes, without the overhead.

    Tracing runs it once, on copies and with the random state put back, so what it changes in place stays unchanged. A
    function that cannot be traced is handed back as it is.
    """
    copies = tree_map_only(torch.Tensor, lambda tensor: tensor.detach().clone(), example)
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    try:
        with torch.random.fork_rng(devices=devices):
            graph: Any = make_fx(lambda *arguments: function(*arguments))(*copies)
    except Exception:
        return function
    _without_idle_steps(graph)
    return graph


def _without_idle_steps(module: GraphModule) -> None:
    """Take out what tracing leaves behind: views that change nothing, and results that nobody uses."""
    for node in module.graph.nodes:
        idle = node.target in _VIEWS and _shape(node) == _shape(node.args[0]) is not None
        idle |= node.target is aten.permute.default and list(node.args[1]) == sorted(node.args[1])
        idle |= node.target is aten.mul.Scalar and node.args[1] == 1
        if idle:
            node.replace_all_uses_with(node.args[0])
    module.graph.eliminate_dead_code()
    module.recompile()


def _shape(node: Node) -> torch.Size | None:
    return getattr(node.meta.get("val"), "shape", None)
