"""The shape space of a network of the caller's own, read off from its forward pass."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from netopsy.core.arguments import checked
from netopsy.core.computed import copied
from netopsy.core.errors import InputError, require
from netopsy.core.units.tracing import Step, Traced, follow, name_of
from netopsy.sparsity.transformable_architecture_search.layout import Block, Layer, Modules, Stage, depth_candidates
from netopsy.sparsity.transformable_architecture_search.macs import flops
from netopsy.sparsity.transformable_architecture_search.space import FRACTIONS, ShapeSpace

Trunk: TypeAlias = tuple["Layer | Block", ...]
"""All that a value has gone through, in order."""

_EACH_BY_ITSELF = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Softplus),
    *(nn.Tanh, nn.Sigmoid, nn.Hardtanh, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d),
)
_ON_THE_GRID = (
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.Flatten),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
)
_FUNCTIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "mish": nn.Mish,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "flatten": nn.Flatten,
    "leaky_relu": nn.LeakyReLU,
}
"""Functions called with nothing but their input (`flatten` from dimension 1 on), as layers."""


@checked
def module_space(
    model: nn.Module, example_input: Tensor, *, fractions: Sequence[float] = FRACTIONS, depth: bool = True
) -> ShapeSpace:
    """The shape space of a network that is a chain of layers, or of layers and residual blocks.

    The forward pass is followed (`torch.fx`). Convolutions and linear layers with an optional batch normalisation have
    open widths; activations, dropout, pooling and flattening run between them. A residual block adds its input, as it
    is or through one 1x1 convolution, to its layers' output; of consecutive blocks that keep width and grid the last
    ones may be left out. Only the layout is read: the search and what it builds have weights of their own.

    Args:
        model: ends with a linear layer.
        example_input: what the network takes, ``[batch, ...]``; only its shape matters.
        fractions: of the full widths.
        depth: whether blocks may be left out.

    Raises:
        InputError: a network with anything else in its forward pass (grouped convolutions, normalisation in front of a
            layer, joined or multiplied branches, a layer that runs twice); the node is named.

    >>> import torch
    >>> net = nn.Sequential(nn.Conv2d(1, 10, 3), nn.ReLU(), nn.Flatten(), nn.Linear(40, 5))
    >>> module_space(net, torch.zeros(1, 1, 4, 4)).candidates
    {'0': (3, 4, 5, 6, 7, 8, 9, 10)}
    """
    reader = _Reader()
    follow(model, example_input, reader.visit)
    if reader.refused:
        raise InputError(f"model is no chain of layers and residual blocks: {reader.refused}")
    trunk = reader.end
    head = trunk[-1] if trunk else None
    ends_well = isinstance(head, Layer) and not head.kernel and not head.norm and not head.after
    require(ends_well, "model must end with a linear layer and have others in front of it")
    require(len(trunk) > 1, "model must have a layer in front of its last one")
    assert isinstance(head, Layer)
    blocks = [Block((each,)) if isinstance(each, Layer) else each for each in trunk[:-1]]
    blocks[-1], before_head = _split(blocks[-1])
    space = ShapeSpace(
        _stages(blocks, depth),
        head,
        tuple(example_input.shape[1:]),
        tuple(fractions),
        before_head,
        tuple(reader.before),
    )
    read, whole = space.flops(), flops(model, space.input_shape)
    require(read == whole, f"model has layers apart from its chain: it needs {whole:g} operations, the chain {read:g}")
    return space


class _Reader:
    def __init__(self) -> None:
        self.refused = ""
        self.end: Trunk = ()
        self.before: list[nn.Module] = []
        self.names: set[str] = set()
        self.channels = 0

    def visit(self, step: Step) -> Trunk | None:
        if self.refused or step.kind == "get_attr":
            return None
        if step.kind == "placeholder":
            self.channels = int(step.output.shape[1]) if step.output.ndim > 1 else 0
            return ()
        where = step.target if step.kind == "call_module" else step.name
        try:
            return self._read(step)
        except InputError as why:
            self.refused = f"node {where!r} {why}"
            return None

    def _read(self, step: Step) -> Trunk | None:
        given = step.args[0] if step.args else step.kwargs.get("input")
        if step.kind == "output":
            require(isinstance(given, Traced) and given.mark is not None, "returns something else than one output")
            assert isinstance(given, Traced)
            self.end = given.mark
            return None
        if name_of(step.target) in ("add", "iadd") and step.kind != "call_module":
            return self._added([*step.args, *step.kwargs.values()])
        known = isinstance(given, Traced) and given.mark is not None and isinstance(given.value, Tensor)
        require(known, "computes with something else than the features")
        assert isinstance(given, Traced)
        if step.kind == "call_module":
            return self._layer(step, given.value, given.mark)
        options = [*step.args[1:], *(value for name, value in step.kwargs.items() if name not in ("input", "inplace"))]
        name = name_of(step.target)
        require(name in _FUNCTIONS, "is no activation, pooling or addition that is known")
        require(options == ([1] if name == "flatten" else []), "has options that are not known")
        return self._after(given.mark, _FUNCTIONS[name]())

    def _layer(self, step: Step, value: Tensor, trunk: Trunk) -> Trunk:
        module, kind = step.module, type(step.module)
        require(module is not None and not module._forward_hooks and not module._forward_pre_hooks, "has hooks")
        assert module is not None
        if isinstance(module, _BatchNorm):
            last = trunk[-1] if trunk else None
            follows = isinstance(last, Layer) and not last.norm and not last.after
            require(follows and module.affine, "normalises what is not straight behind a layer, or without weights")
            assert isinstance(last, Layer)
            return (*trunk[:-1], replace(last, norm=True))
        if kind is nn.Identity:
            return trunk
        if kind in (*_EACH_BY_ITSELF, *_ON_THE_GRID):
            require(kind is not nn.Flatten or (module.start_dim, module.end_dim) == (1, -1), "flattens in part")
            return self._after(trunk, module)
        require(step.target not in self.names, "runs twice")
        self.names.add(step.target)
        width = self._width(trunk)
        if kind is nn.Linear and isinstance(module, nn.Linear):
            require(value.ndim == 2, "reads more than one dimension of features")
            repeat, bias = module.in_features // width, module.bias is not None
            return (*trunk, Layer(step.target, width, module.out_features, norm=False, repeat=repeat, bias=bias))
        require(isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d), f"({kind.__name__}) is not known")
        assert isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d)
        require(module.groups == 1, f"is a convolution in {module.groups} groups")
        plain = module.padding_mode == "zeros" and not isinstance(module.padding, str)
        require(plain, "pads with something else than a number of zeros")
        layer = Layer(
            step.target,
            width,
            module.out_channels,
            kernel=tuple(module.kernel_size),
            stride=tuple(module.stride),
            padding=tuple(int(each) for each in module.padding),
            dilation=tuple(module.dilation),
            bias=module.bias is not None,
            norm=False,
            places=math.prod(step.output.shape[2:]),
        )
        return (*trunk, layer)

    def _after(self, trunk: Trunk, module: nn.Module) -> Trunk:
        own = copied(module)
        if not trunk:
            self.before.append(own)
            return ()
        return (*trunk[:-1], replace(trunk[-1], after=(*trunk[-1].after, own)))

    def _width(self, trunk: Trunk) -> int:
        """Channels of what a layer reads."""
        if not trunk:
            return self.channels
        last = trunk[-1]
        return last.width if isinstance(last, Layer) else last.last.width

    def _added(self, given: Sequence[Any]) -> Trunk:
        marks = [each.mark for each in given if isinstance(each, Traced)]
        require(len(given) == len(marks) == 2 and None not in marks, "adds something else than two branches")
        one, other = marks
        shared = 0
        while shared < min(len(one), len(other)) and one[shared] is other[shared]:
            shared += 1
        body, around = sorted((one[shared:], other[shared:]), key=len, reverse=True)
        if len(around) == 1 and len(body) == 1 and not _is_shortcut(around[0]):
            body, around = around, body
        require(
            shared and body and all(isinstance(each, Layer) for each in body), "adds branches that are no plain block"
        )
        require(not body[-1].after, "adds what an activation or pooling already followed")
        require(
            not around or (len(around) == 1 and _is_shortcut(around[0])), "has more than a 1x1 layer on its shortcut"
        )
        inputs, last = self._width(one[:shared]), body[-1]
        if around:
            return (*one[:shared], Block(body, True, around[0], True))
        require(inputs == last.width, "adds branches of different widths")
        ones = tuple(1 for _ in last.kernel)
        shortcut = replace(last, name=f"{last.name}.shortcut", inputs=inputs, kernel=ones, stride=ones, dilation=ones)
        shortcut = replace(shortcut, padding=tuple(0 for _ in ones), bias=not last.norm)
        return (*one[:shared], Block(body, True, shortcut, False))


def _is_shortcut(entry: Layer | Block) -> bool:
    return isinstance(entry, Layer) and math.prod(entry.kernel) == 1 and not entry.after


def _split(block: Block) -> tuple[Block, Modules]:
    """The last block, and what pools and flattens its output for the last layer."""
    after = block.after if block.residual else block.last.after
    stays = next((i for i, each in enumerate(after) if type(each) in _ON_THE_GRID), len(after))
    if block.residual:
        return replace(block, after=after[:stays]), after[stays:]
    return replace(block, layers=(*block.layers[:-1], replace(block.last, after=after[:stays]))), after[stays:]


def _stages(blocks: Sequence[Block], depth: bool) -> tuple[Stage, ...]:
    """Residual blocks up to the next one that changes width or grid are a stage, any other block is one by itself."""
    groups: list[list[Block]] = []
    for block in blocks:
        goes_on = groups and block.residual and not block.projects and groups[-1][-1].residual
        if goes_on and not _pools(groups[-1][-1]):
            groups[-1].append(block)
        else:
            groups.append([block])
    stages = []
    for number, group in enumerate(groups, start=1):
        open_depth = depth and len(group) > 1 and not _pools(group[-1])
        depths = depth_candidates(len(group)) if open_depth else (len(group),)
        stages.append(Stage(f"stage{number}", tuple(group), depths))
    return tuple(stages)


def _pools(block: Block) -> bool:
    return any(type(each) in _ON_THE_GRID for each in block.after)
