"""The graph of a forward pass, which may decide by the shapes of what runs through it but by no numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jaxtyping
from torch import Tensor, nn
from torch.fx import Graph, Interpreter, Node, Proxy, Tracer
from torch.fx.proxy import Attribute, TraceError

from netopsy.core.errors import InputError
from netopsy.core.pad_shortcut import PadShortcut

ROOT = "model"
"""What the network is called inside the traced one."""
_WITHOUT_EFFECT = {
    *("__module__", "__qualname__", "__doc__", "__annotations__", "__annotate_func__", "__annotations_cache__"),
    *("__static_attributes__", "__firstlineno__", "__parameters__", "__orig_bases__", "__type_params__"),
    *("__init__", "__repr__", "extra_repr", "reset_parameters"),
}
"""What a class may define without its layers running otherwise."""
_OF_SHAPE = ("shape", "ndim", "dtype", "device", "is_cuda", "size", "dim", "ndimension", "numel", "is_floating_point")
"""What may be asked of a tensor without looking at its numbers."""


def torch_kind(module: nn.Module) -> type[nn.Module] | None:
    """The class of torch as which a layer runs: its own, or the one it derives from and changes in nothing."""
    for each in type(module).__mro__:
        if each.__module__.startswith("torch.nn."):
            known = each not in (nn.Module, nn.Sequential, nn.ModuleList, nn.ModuleDict)
            return each if known and issubclass(each, nn.Module) else None
        if not vars(each).keys() <= _WITHOUT_EFFECT:
            return None
    return None


def own_name(path: str) -> str:
    """The name of a layer in the network, from that in the traced graph."""
    return path.removeprefix(ROOT).removeprefix(".")


def traced(root: nn.Module, sample: Tensor) -> Graph:
    """The forward pass for inputs like ``sample``.

    Raises:
        InputError: a forward pass that `torch.fx` cannot follow, with the layer and the step where it ends.
    """
    checks = jaxtyping.config.jaxtyping_disable
    try:
        jaxtyping.config.update("jaxtyping_disable", True)  # there are no shapes to check yet
        try:
            return _Tracer(sample, buffers=True).trace(root)
        except Exception:  # a forward pass that decides by a buffer
            return _trace_or_say(root, sample)
    finally:
        jaxtyping.config.update("jaxtyping_disable", checks)


def _trace_or_say(root: nn.Module, sample: Tensor) -> Graph:
    tracer = _Tracer(sample, buffers=False)
    try:
        return tracer.trace(root)
    except Exception as error:
        layer = own_name(tracer.inside[-1]) if tracer.inside else ""
        last = next(reversed(tracer.graph.nodes), None) if hasattr(tracer, "graph") else None
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(
            f"model cannot be traced: torch.fx stops in layer {layer or 'model'!r} after node "
            f"{last.name if last is not None else 'input'!r} ({reason})"
        ) from error


class _Tracer(Tracer):
    """Remembers in which layer it is; does not look into layers that run as those of torch do."""

    def __init__(self, sample: Tensor, *, buffers: bool) -> None:
        super().__init__()
        self.proxy_buffer_attributes = buffers
        self.inside: list[str] = []
        self.sample = sample
        self.values: dict[Node, Any] = {}
        self.running = False

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        alone = not any(True for _ in m.children())
        known = super().is_leaf_module(m, module_qualified_name) or type(m) is PadShortcut
        return known or (alone and torch_kind(m) is not None)

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if self.running:
            return forward(*args, **kwargs)
        self.inside.append(self.path_of_module(m))
        found = super().call_module(m, forward, args, kwargs)
        self.inside.pop()
        return found

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        return attr_val if self.running else super().getattr(attr, attr_val, parameter_proxy_cache)

    def to_bool(self, obj: Proxy) -> bool:
        """A decision by shapes is that for the sample; where it is by the number of units, they stay.

        Nothing more is needed for that: the comparison is a step of the graph that is not known to keep units apart.
        """
        return bool(self._value(obj)) if _is_of_shapes(obj.node) else super().to_bool(obj)

    def iter(self, obj: Proxy) -> Iterator[Any]:
        """The sizes of a shape, one by one."""
        if not _is_of_shapes(obj.node):
            return super().iter(obj)
        return iter([obj[place] for place in range(self.length(obj))])  # type: ignore[index]

    def proxy(self, node: Node) -> Proxy:
        return _Sized(node, self)

    def length(self, obj: Proxy) -> int:
        """How many sizes a shape has."""
        if not _is_of_shapes(obj.node):
            raise TraceError("the length of a tensor is a number that is known only when it runs")
        return len(self._value(obj))

    def _value(self, obj: Proxy) -> Any:
        """What the sample makes of it: the steps so far are run, each once."""
        runner = Interpreter(self.root, graph=self.graph)
        self.running = True
        try:
            for node in self.graph.nodes:
                if node not in self.values:
                    runner.env, runner.args_iter = self.values, iter([self.sample])
                    self.values[node] = runner.run_node(node)
        finally:
            self.running = False
        return self.values[obj.node]


class _Sized(Proxy):
    """Knows its length where it is a shape."""

    tracer: _Tracer

    def __len__(self) -> int:
        return self.tracer.length(self)

    def __getattr__(self, k: str) -> Attribute:
        return _SizedAttribute(self, k)


class _SizedAttribute(Attribute):
    """The same of an attribute, such as ``shape``."""

    tracer: _Tracer

    def __len__(self) -> int:
        return self.tracer.length(self)


def _is_of_shapes(node: Node) -> bool:
    """Whether numbers in tensors have no part in it."""
    if node.op in ("placeholder", "get_attr", "call_module", "output"):
        return False
    name = node.args[1] if node.target is getattr and len(node.args) > 1 else node.target
    if name in _OF_SHAPE and (node.op == "call_method" or node.target is getattr):
        return True
    home = None if isinstance(node.target, str) else getattr(node.target, "__module__", None)
    if home not in ("_operator", "builtins", "math"):  # one of torch may look at numbers, or draw them
        return False
    return bool(node.all_input_nodes) and all(map(_is_of_shapes, node.all_input_nodes))
