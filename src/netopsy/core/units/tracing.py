"""A network's forward pass as a graph of layers and functions, with what each of them returns for an example."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx import Graph, Interpreter, Node
from torch.fx.node import map_arg

from netopsy.core.computed import copied
from netopsy.core.errors import InputError, require
from netopsy.core.modes import check_model, device_of, evaluating, running_on, training
from netopsy.core.units.tracer import ROOT, own_name, traced

_OTHER_NAMES = {
    "input": ("x",),
    "other": ("x2",),
    "dim": ("axis",),
    "dim0": ("axis0",),
    "dim1": ("axis1",),
    "tensors": ("arrays",),
}
"""Names under which torch takes the same arguments."""


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
    root = _Root(_as_written(copied(model, model.parameters())))
    sample = example[:2].detach().to(device_of(model))
    # Two samples, so that the batch is told from dimensions of size 1.
    sample = sample.clone() if len(sample) > 1 else torch.cat([sample, sample])
    with torch.no_grad(), torch.random.fork_rng(devices=_devices()):
        with evaluating(root):
            graph = traced(root, sample)
            with running_on(sample, model):
                _Follower(root, graph, visit).run(sample)
        with training(root):
            longer = _with_more_layers(root, graph, sample)
            if longer is not None:
                with running_on(sample, model):
                    _Follower(root, longer, visit).run(sample)


def _with_more_layers(root: nn.Module, graph: Graph, sample: Tensor) -> Graph | None:
    """The forward pass in training mode, where layers run that do not otherwise, such as auxiliary classifiers."""
    try:
        longer = traced(root, sample)
    except InputError:
        return None
    ran, run = ({str(each.target) for each in one.nodes if each.op == "call_module"} for one in (graph, longer))
    more = [root.get_submodule(each) for each in run - ran]
    return longer if any(list(each.parameters()) for each in more) else None


def _as_written(model: nn.Module) -> nn.Module:
    """The network, changed in place, with what was compiled run as it was written; all names stay."""
    for module in list(model.modules()):
        module._compiled_call_impl = None
        for name, child in module.named_children():
            setattr(module, name, _uncompiled(child))
    return _uncompiled(model)


def _uncompiled(module: nn.Module) -> nn.Module:
    return _Written(module._modules["_orig_mod"]) if "_orig_mod" in module._modules else module


class _Written(nn.Module):
    """Stands where a compiled network stood."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self._orig_mod = model

    def forward(self, *given: Any, **named: Any) -> Any:
        return self._orig_mod(*given, **named)


class _Root(nn.Module):
    """Calls the network as its users do, so that arguments with defaults keep them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.add_module(ROOT, model)

    def forward(self, inputs: Any) -> Any:
        return self.get_submodule(ROOT)(inputs)


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
