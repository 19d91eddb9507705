"""The hidden units of a network that can be removed, found by following its forward pass."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.units.atoms import Atoms
from netopsy.core.units.groups import Units
from netopsy.core.units.layers import layer_rule, why_opaque
from netopsy.core.units.layout import Layout, Unsafe, layout_of, marks
from netopsy.core.units.rules import FUNCTIONS, LAYERS
from netopsy.core.units.tracer import own_name, torch_kind
from netopsy.core.units.tracing import Step, follow, name_of

_INFINITE_AT_0 = {
    *("log", "reciprocal", "rsqrt", "pow", "div", "truediv", "true_divide", "divide", "itruediv", "floordiv", "mod"),
}
"""Functions that may make a silent unit infinite, or no number."""


@checked
def unit_groups(model: nn.Module, example_input: Tensor) -> Units:
    """Which neurons and channels of a network can be removed, in groups of those that must go together.

    The forward pass is followed (`torch.fx`) from layer to layer. Units whose outputs are added or multiplied are one;
    so are those of depthwise and grouped convolutions, block by block, and of group norms, group by group. A unit
    takes along its row of weights and its bias, its entries in a normalisation, and every weight that reads it. Inputs
    and outputs of the network are never among them.

    Where units meet something in which they are not alone (a layer norm, a softmax or a mean over units, attention, a
    number of units that is written down in the code), a layer that runs twice or shares its weights, or a function
    that is not known, they stay, and `Units.left_out` says why.

    Args:
        example_input: what the network takes, ``[batch, ...]``; only its shape matters.

    Returns:
        the groups by the name of the first layer that makes them, in the order of the forward pass.

    Raises:
        InputError: a network that cannot be traced, with the layer and the step where that ends, or that does not take
            the example.

    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 5), nn.Tanh(), nn.Linear(5, 2))
    >>> found = unit_groups(net, torch.zeros(1, 1, 4, 4))
    >>> found.widths
    {'0': 4, '3': 5}
    >>> [(place.parameter, place.dimension, place.repeat) for place in found.groups["0"].consumers]
    [('3.weight', 1, 4)]
    """
    finder = _Finder(model)
    follow(model, example_input, finder.visit)
    units = finder.units()
    if not finder.divides:
        return units
    silent = _silenced(model, units)
    again = _Finder(silent)
    follow(silent, example_input, again.visit)
    makers = again.atoms.infinite
    infinite = {
        name: makers[layer] for name, group in units.groups.items() for layer in group.layers if layer in makers
    }
    return replace(units, infinite=infinite)


@torch.no_grad()
def _silenced(model: nn.Module, units: Units) -> nn.Module:
    """A copy in which the weights of all units are 0."""
    silent = copied(model)
    parameters = dict(silent.named_parameters())
    for group in units.groups.values():
        for place in group.places:
            if place.parameter in parameters:
                value = parameters[place.parameter]
                value.index_fill_(place.dimension, place.index.flatten().to(value.device), 0)
    return silent


class _Finder:
    def __init__(self, model: nn.Module) -> None:
        self.atoms = Atoms()
        self.model = model
        self.calls: Counter[str] = Counter()
        self.read: set[str] = set()
        self.divides = False
        owners = Counter(id(value) for _, value in model.named_parameters(remove_duplicate=False))
        self.shared = {
            name.rpartition(".")[0]
            for name, value in model.named_parameters(remove_duplicate=False)
            if owners[id(value)] > 1
        }

    def units(self) -> Units:
        for name in sorted(self.read):  # what a function reads does not shrink with its layer
            layer = self.model.get_submodule(name)
            if any(value.ndim > 1 for value in layer.parameters()) or name in self.calls:
                self.atoms.opaque.setdefault(name, "has weights or statistics that functions read")
        return self.atoms.units()

    def visit(self, step: Step) -> Any:
        if step.kind == "placeholder":  # another pass may follow, in training mode
            self.calls = Counter(dict.fromkeys(self.calls, 0))
            return None
        if step.kind == "get_attr":
            if owner := own_name(step.target).rpartition(".")[0]:
                self.read.add(owner)
            return None
        if step.kind == "output":
            return self._end(step, "are outputs of the network")
        try:
            if step.kind == "call_module":
                return self._layer(step)
            rule = FUNCTIONS.get(name_of(step.target))
            if rule is None:
                raise Unsafe("is not known to keep units apart")
            found = rule(self.atoms, step)
            if name_of(step.target) in _INFINITE_AT_0 and isinstance(found, Layout):
                self._note_infinite(step, found)
            return found
        except Unsafe as why:
            return self._end(step, f"{step.target if step.kind == 'call_module' else step.name!r} {why}")

    def _note_infinite(self, step: Step, layout: Layout) -> None:
        self.divides = True
        finite = step.output.isfinite().transpose(0, layout.axis).flatten(1).all(1).cpu().numpy()
        for unit in layout.ids[~finite].tolist():
            if layer := self.atoms.layers[unit]:
                self.atoms.infinite.setdefault(layer, step.name)

    def _layer(self, step: Step) -> Any:
        module = step.module
        assert module is not None
        kind = (torch_kind(module) or type(module)).__name__
        slope = isinstance(module, nn.PReLU) and module.num_parameters == 1
        if kind in LAYERS or slope:
            if module._forward_hooks or module._forward_pre_hooks:
                raise Unsafe("has hooks")
            return layout_of(step.given(0, "input")) if slope else LAYERS[kind](self.atoms, step)
        why = why_opaque(module)
        if step.target in self.shared:
            why = "shares its weights with another layer"
        self.calls[step.target] += 1
        if self.calls[step.target] > 1:
            why = "runs several times"
        if why:
            self.atoms.opaque[step.target] = why
            raise Unsafe(why)
        try:
            return layer_rule(self.atoms, step, step.given(0, "input"))
        except KeyError:
            why = f"({kind}) takes its inputs together or is not known"
            if any(value.ndim > 1 for value in module.parameters()):  # it has hidden units of its own
                self.atoms.opaque[step.target] = why
            raise Unsafe(why) from None

    def _end(self, step: Step, why: str) -> None:
        """Units in the arguments stay; nothing is known about those in the result."""
        for mark in marks((step.args, step.kwargs)):
            self.atoms.fix(mark.ids, why)
