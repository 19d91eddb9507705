"""A network's forward pass as a graph of layers and functions, with what each of them returns for an example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jaxtyping
import torch
from torch import Tensor, nn
from torch.fx import Graph, Interpreter, Node, Tracer
from torch.fx.node import map_arg

from netopsy.core.computed import copied
from netopsy.core.errors import InputError, require
from netopsy.core.modes import check_model, device_of, evaluating, running_on, training

_ROOT = "model"
_OTHER_NAMES = {
    "input": ("x",),
    "other": ("x2",),
    "dim": ("axis",),
    "dim0": ("axis0",),
    "dim1": ("axis1",),
    "tensors": ("arrays",),
}
"""Names under which torch takes the same arguments."""
_WITHOUT_EFFECT = {
    *("__module__", "__qualname__", "__doc__", "__annotations__", "__annotate_func__", "__annotations_cache__"),
    *("__static_attributes__", "__firstlineno__", "__parameters__", "__orig_bases__", "__type_params__"),
    *("__init__", "__repr__", "extra_repr", "reset_parameters"),
}
"""What a class may define without its layers running otherwise."""


@dataclass(frozen=True, eq=False)
class Traced:
    """A value in the forward pass, and what is known about the units in it."""

    value: Any
    mark: Any = None


@dataclass(frozen=True, eq=False)
class Step:
    """One call in the forward pass."""

    kind: str
    """As `torch.fx.Node.op`."""
    target: Any
    """The function; the name of the method; the name of the layer."""
    module: nn.Module | None
    args: tuple[Any, ...]
    """As in the call, every value a `Traced`."""
    kwargs: dict[str, Any]
    output: Any
    name: str = ""

    def given(self, position: int, name: str, default: Any = None) -> Any:
        """An argument of the call, by its place or its name."""
        if position < len(self.args):
            return self.args[position]
        for each in (name, *_OTHER_NAMES.get(name, ())):
            if each in self.kwargs:
                return self.kwargs[each]
        return default


def follow(model: nn.Module, example: Tensor, visit: Callable[[Step], Any]) -> None:
    """Call ``visit`` for every step of the forward pass; what it returns is the mark of the step's output.

    The network that is followed is a copy, in evaluation mode; in training mode, too, if more layers run there.

    Raises:
        InputError: a forward pass that `torch.fx` cannot follow, with the layer and the step where it ends.
    """
    check_model(model)
    require(
        isinstance(example, Tensor) and example.ndim > 0 and len(example) > 0,
        "example_input must be a tensor of at least one sample",
    )
    lazy = [name for name, value in model.named_parameters() if isinstance(value, nn.UninitializedParameter)]
    require(not lazy, f"model must have been run once: {', '.join(map(repr, lazy))} has no shape yet")
    root = _Root(copied(model))
    sample = example[:2].detach().to(device_of(model))
    # Two samples, so that the batch is told from dimensions of size 1.
    sample = sample.clone() if len(sample) > 1 else torch.cat([sample, sample])
    with torch.no_grad(), torch.random.fork_rng(devices=_devices()):
        with evaluating(root):
            graph = _traced(root)
            with running_on(sample, model):
                _Follower(root, graph, visit).run(sample)
        with training(root):
            longer = _with_more_layers(root, graph)
            if longer is not None:
                with running_on(sample, model):
                    _Follower(root, longer, visit).run(sample)


def _with_more_layers(root: nn.Module, graph: Graph) -> Graph | None:
    """The forward pass in training mode, where layers run that do not otherwise, such as auxiliary classifiers."""
    try:
        longer = _traced(root)
    except InputError:
        return None
    ran, run = ({str(each.target) for each in one.nodes if each.op == "call_module"} for one in (graph, longer))
    more = [root.get_submodule(each) for each in run - ran]
    return longer if any(list(each.parameters()) for each in more) else None


class _Root(nn.Module):
    """Calls the network as its users do, so that arguments with defaults keep them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.add_module(_ROOT, model)

    def forward(self, inputs: Any) -> Any:
        return self.get_submodule(_ROOT)(inputs)


class _Tracer(Tracer):
    """Remembers in which layer it is; does not look into layers that run as those of torch do."""

    def __init__(self, *, buffers: bool) -> None:
        super().__init__()
        self.proxy_buffer_attributes = buffers
        self.inside: list[str] = []

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        alone = not any(True for _ in m.children())
        return super().is_leaf_module(m, module_qualified_name) or (alone and torch_kind(m) is not None)

    def call_module(self, m: nn.Module, forward: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        self.inside.append(self.path_of_module(m))
        found = super().call_module(m, forward, args, kwargs)
        self.inside.pop()
        return found


def torch_kind(module: nn.Module) -> type[nn.Module] | None:
    """The class of torch as which a layer runs: its own, or the one it derives from and changes in nothing."""
    for each in type(module).__mro__:
        if each.__module__.startswith("torch.nn."):
            known = each not in (nn.Module, nn.Sequential, nn.ModuleList, nn.ModuleDict)
            return each if known and issubclass(each, nn.Module) else None
        if not vars(each).keys() <= _WITHOUT_EFFECT:
            return None
    return None


def _traced(root: nn.Module) -> Graph:
    checks = jaxtyping.config.jaxtyping_disable
    try:
        jaxtyping.config.update("jaxtyping_disable", True)  # there are no shapes to check yet
        try:
            return _Tracer(buffers=True).trace(root)
        except Exception:  # a forward pass that decides by a buffer
            return _trace_or_say(root)
    finally:
        jaxtyping.config.update("jaxtyping_disable", checks)


def _trace_or_say(root: nn.Module) -> Graph:
    tracer = _Tracer(buffers=False)
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


def own_name(path: str) -> str:
    """The name of a layer in the network, from that in the traced graph."""
    return path.removeprefix(_ROOT).removeprefix(".")


def name_of(target: Any) -> str:
    """A function or method of torch or of Python's operators by its name, without the mark of working in place."""
    if isinstance(target, str):
        return target.removesuffix("_")
    home = getattr(target, "__module__", None) or "torch"
    known = home.partition(".")[0] in ("torch", "_operator", "operator", "builtins", "math")
    return str(getattr(target, "__name__", "")).removesuffix("_") if known else ""


class _Follower(Interpreter):
    """Runs the graph itself, not code made from it, in which layers could not be called whatever they like."""

    def __init__(self, root: nn.Module, graph: Graph, visit: Callable[[Step], Any]) -> None:
        super().__init__(root, graph=graph)
        self.visit = visit
        self.marks: dict[Node, Any] = {}

    def run_node(self, n: Node) -> Any:
        traced: Callable[[Node], Any] = lambda node: Traced(self.env[node], self.marks.get(node))  # noqa: E731
        given: Any = map_arg((n.args, n.kwargs), traced)
        module = self.fetch_attr(str(n.target)) if n.op == "call_module" else None
        output = super().run_node(n)
        target = own_name(str(n.target)) if n.op == "call_module" else n.target
        self.marks[n] = self.visit(Step(n.op, target, module, given[0], given[1], output, n.name))
        return output


def _devices() -> list[int]:
    return list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
