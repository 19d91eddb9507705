"""What layers with parameters do to units: which rows and columns of their weights belong to whom."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from netopsy.core.units.atoms import Atoms, Ids
from netopsy.core.units.layout import Layout, layout_of, shape_of
from netopsy.core.units.tracer import torch_kind
from netopsy.core.units.tracing import Step, Traced


def layer_rule(atoms: Atoms, step: Step, given: Traced) -> Layout | None:
    """The units that a layer puts out, its places noted; `nn.Module` types not known here raise `KeyError`."""
    module = step.module
    assert module is not None
    if isinstance(module, _ConvNd):
        return _convolution(atoms, step, given, module)
    if isinstance(module, nn.Linear):
        return _linear(atoms, step, given, module)
    if isinstance(module, _NormBase | nn.PReLU):
        return _per_unit(atoms, step, given, module)
    if isinstance(module, nn.GroupNorm):
        return _group_norm(atoms, step, given, module)
    raise KeyError(type(module).__name__)


def why_opaque(module: nn.Module) -> str:
    """Why a layer with parameters cannot be made smaller; empty where it can."""
    if module._forward_hooks or module._forward_pre_hooks:
        return "has hooks"
    if torch_kind(module) is None:
        return f"is a {type(module).__name__}, which is not known"
    for name in ("weight", "bias"):
        value = getattr(module, name, None)
        if isinstance(value, Tensor) and not isinstance(value, nn.Parameter):
            return f"computes its {name}"
    return ""


def _convolution(atoms: Atoms, step: Step, given: Traced, module: _ConvNd) -> Layout:
    axis = len(shape_of(step.output)) - len(module.kernel_size) - 1
    read = _read(atoms, step, given, axis, module.in_channels)
    made = atoms.made(step.target, module.out_channels)
    transposed = isinstance(module, _ConvTransposeNd)
    if module.groups > 1:
        # A block of inputs is all that a block of outputs sees: both stay or go together.
        atoms.tie(atoms.tie_blocks(read, module.groups), atoms.tie_blocks(made, module.groups))
        atoms.place("producer", f"{step.target}.weight", 0, read if transposed else made)
    else:
        atoms.place("consumer", f"{step.target}.weight", 0 if transposed else 1, read)
        atoms.place("producer", f"{step.target}.weight", 1 if transposed else 0, made)
    if module.bias is not None:
        atoms.place("producer", f"{step.target}.bias", 0, made)
    return Layout(axis, made)


def _linear(atoms: Atoms, step: Step, given: Traced, module: nn.Linear) -> Layout:
    axis = len(shape_of(step.output)) - 1
    atoms.place("consumer", f"{step.target}.weight", 1, _read(atoms, step, given, axis, module.in_features))
    made = atoms.made(step.target, module.out_features)
    for name, value in (("weight", module.weight), ("bias", module.bias)):
        if value is not None:
            atoms.place("producer", f"{step.target}.{name}", 0, made)
    return Layout(axis, made)


def _read(atoms: Atoms, step: Step, given: Traced, axis: int, count: int) -> Ids:
    """The units that a layer reads along a dimension."""
    layout = layout_of(given)
    if layout is not None and layout.axis == axis:
        return layout.ids
    if layout is not None:
        atoms.fix(layout.ids, f"{step.target!r} works along another dimension")
    return atoms.immovable(count, f"{step.target!r} reads what has no hidden units, such as the network's input")


def _per_unit(atoms: Atoms, step: Step, given: Traced, module: nn.Module) -> Layout | None:
    """One entry of every parameter and statistic a unit."""
    layout = layout_of(given)
    return layout and _with_entries(atoms, step, module, layout)


def _with_entries(atoms: Atoms, step: Step, module: nn.Module, layout: Layout) -> Layout:
    if layout.axis != 1:
        atoms.fix(layout.ids, f"{step.target!r} works along another dimension")
        return layout
    own = (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
    entries = [name for name, value in own if value.ndim == 1]
    for name in entries:
        atoms.place("norm", f"{step.target}.{name}", 0, layout.ids)
    if not entries and isinstance(module, _NormBase):
        atoms.place("count", f"{step.target}.num_features", 0, layout.ids)
    return layout


def _group_norm(atoms: Atoms, step: Step, given: Traced, module: nn.GroupNorm) -> Layout | None:
    layout = layout_of(given)
    if layout is None:
        return None
    if not module.affine:
        atoms.fix(layout.ids, f"{step.target!r} has no entries to tell its groups by")
    elif layout.axis == 1:  # the statistics of a group are those of all its channels
        atoms.tie_blocks(layout.ids, module.num_groups)
    return _with_entries(atoms, step, module, layout)
