"""A network of torch modules read as piecewise-linear operations, and the reading held against the network."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.core.modes import check_model, evaluating
from netopsy.robustness.checks import as_batch
from netopsy.robustness.queries import Queries
from netopsy.robustness.safety_verification.network import Operations, Step
from netopsy.robustness.safety_verification.operations import Add, Affine, MaxPool, Operation, Relu, Reshape

Shape = tuple[int, ...]
KNOWN = (
    "Linear, Conv2d, ReLU, MaxPool2d, AvgPool2d, AdaptiveAvgPool2d, Flatten, BatchNorm, Dropout, Identity, sums of two "
    "branches, and additions of and multiplications by a constant"
)
ARITHMETIC = ("add", "sub", "mul", "truediv")
WEIGHT_HOOKS = (BasePruningMethod, SpectralNorm, WeightNorm)
"""Hooks that make a layer's weight before it runs, and nothing else."""
TOLERANCE = 1e-3
"""Relative to the largest score: how far the reading may be from the network."""


@checked
def read_network(model: nn.Module, image: Tensor) -> Operations:
    """The operations of a network, for images of the shape of ``image``, ``[channels, height, width]``.

    Reads what `torch.fx` can trace: containers, functions and residual sums. Its scores on the image and on random
    images are compared with the network's own.

    Raises:
        InputError: a layer of another kind, which is named; a network that cannot be traced; or a reading that does
            not compute what the network does, for instance because a hook changes a layer.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    >>> read_network(net, torch.zeros(1, 2, 2)).layers
    {'0': 1, '1': 2, '2': 3, '3': 4}
    """
    check_model(model)
    as_batch(image, None)
    written = model._modules.get("_orig_mod")  # a compiled network is read as it was written
    model = model if written is None else written
    found, computed = _read(model, image)
    again = _read(model, image)[0] if computed else found
    require(_same(found, again), "the network computes with numbers that are others each time, such as random ones")
    _compare(model, found, image)
    return found


def _read(model: nn.Module, image: Tensor) -> tuple[Operations, bool]:
    """The operations, and whether numbers of the network's own code are among them."""
    held = set(vars(model))
    try:
        with evaluating(model), torch.no_grad():
            reader = _Reader(model, tuple(image.shape))
            for node in _traced(model).nodes:
                reader.read(node)
            return reader.finished(image.dtype), reader.computed
    finally:
        for name in set(vars(model)) - held:  # the tracer keeps constants there
            delattr(model, name)


class Standardise(nn.Module):
    """The first layer of a network that takes pixels from 0 to 1: ``(pixels - mean) / std``, for each channel.

    >>> read_network(nn.Sequential(Standardise((0.5,), (0.25,)), nn.Flatten()), torch.zeros(1, 1, 2)).classes
    2
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor | Sequence[float], std: Tensor | Sequence[float]) -> None:
        super().__init__()
        for name, values in (("mean", mean), ("std", std)):
            given = torch.as_tensor(values, dtype=torch.get_default_dtype())
            self.register_buffer(name, given.reshape(-1, 1, 1) if given.ndim == 1 else given)

    def forward(self, pixels: Tensor) -> Tensor:
        """Standardised images."""
        return (pixels - self.mean) / self.std


class _Proxy(fx.Proxy):
    """A traced value that shows ``+=`` and its like, which change it in place, as what they are."""

    def _changed(self, how: str, other: object) -> fx.Proxy:
        return self.tracer.create_proxy("call_function", getattr(operator, how), (self, other), {})

    def __iadd__(self, other: object) -> fx.Proxy:
        return self._changed("iadd", other)

    def __isub__(self, other: object) -> fx.Proxy:
        return self._changed("isub", other)

    def __imul__(self, other: object) -> fx.Proxy:
        return self._changed("imul", other)

    def __itruediv__(self, other: object) -> fx.Proxy:
        return self._changed("itruediv", other)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return type(m) in MODULES or super().is_leaf_module(m, module_qualified_name)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Proxy(node, self)

    def create_node(self, *args: Any, **kwargs: Any) -> fx.Node:
        reduced = any(map(torch.is_autocast_enabled, ("cpu", "cuda")))
        require(not reduced, "the network computes under autocast: for a proof it must not leave its own precision")
        return super().create_node(*args, **kwargs)


def _traced(model: nn.Module) -> fx.Graph:
    _require_unhooked(model, "the network")
    try:
        return _Tracer().trace(model)
    except InputError:
        raise
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(
            f"the network's layers cannot be read ({reason}): method='grid' at the input takes any network"
        ) from error


def _require_unhooked(module: nn.Module, called: str) -> None:
    """A trace shows neither what a layer's hooks do nor a ``forward`` that was put in the place of its own."""
    hooks = [*module._forward_hooks.values(), *module._forward_pre_hooks.values()]
    changed = "forward" in vars(module) or not all(isinstance(each, WEIGHT_HOOKS) for each in hooks)
    require(not changed, f"{called} has a hook or a forward of its own, which may change what its layers compute")


def _same(first: Operations, second: Operations) -> bool:
    """Whether two readings have equal numbers."""
    pairs = [(one.operation, two.operation) for one, two in zip(first.steps, second.steps, strict=True)]
    return all(
        torch.equal(one.weight, two.weight) and torch.equal(one.bias, two.bias)
        for one, two in pairs
        if isinstance(one, Affine) and isinstance(two, Affine)
    )


def _compare(model: nn.Module, found: Operations, image: Tensor) -> None:
    random = torch.Generator().manual_seed(0)
    noise = torch.rand((7, *image.shape), generator=random).to(image.dtype)
    images = torch.cat([image.detach().cpu()[None], noise])
    own, read = Queries(model)(images.clone()).double(), found(images.double())  # it may change them in place
    require(
        own.shape == read.shape, f"read, the layers give scores {tuple(read.shape)}, the network {tuple(own.shape)}"
    )
    error = float((own - read).abs().max())
    require(
        error <= TOLERANCE * max(1.0, float(own.abs().max())),
        f"the layers as read do not compute what the network does (scores differ by {error:.2g}): something changes "
        "them on the way, such as a hook; method='grid' at the input takes any network",
    )


class _Reader:
    """Turns nodes of a trace into steps; constants are values known beforehand."""

    def __init__(self, model: nn.Module, shape: Shape) -> None:
        self.model = model
        self.shapes: list[Shape] = [shape]
        self.steps: list[Step] = []
        self.layers: dict[str, int] = {}
        self.seen: set[str] = set()
        self.numbers: dict[fx.Node, int] = {}
        self.constants: dict[fx.Node, Any] = {}
        self.output: int | None = None
        self.computed = False
        self.roots = [0]
        """Which result's memory each result is in."""
        self.changed: dict[int, str] = {}
        """Results that were changed in place, and by what."""

    def read(self, node: fx.Node) -> None:
        """One node of the trace, after all those it uses."""
        if node.op == "placeholder":
            require(not self.numbers, "the network must take one input, the images")
            self.numbers[node] = 0
        elif node.op == "get_attr":
            value: Any = self.model
            for part in str(node.target).split("."):
                value = getattr(value, part)
            self.constants[node] = value
        elif node.op == "output":
            require(node.args[0] in self.numbers, "the network must return one tensor of class scores")
            self.output = self._number(node.args[0])  # type: ignore[arg-type]
        elif node.op == "call_module":
            self._module(node)
        else:
            self._function(node)

    def _number(self, node: fx.Node) -> int:
        """Of the result that another node reads, which must still be as it was made."""
        number = self.numbers[node]
        by = self.changed.get(number)
        require(by is None, f"{by} changes in place what is read again later: let it make a result of its own")
        return number

    def finished(self, dtype: torch.dtype) -> Operations:
        """All steps, up to the scores, for images of that type."""
        require(
            self.output == len(self.steps) and len(self.shapes[-1]) == 1,
            "the network must end in one row of class scores that its last layer gives",
        )
        dtypes = {one.dtype for one in (*self.model.parameters(), *self.model.buffers()) if one.is_floating_point()}
        require(
            dtypes <= {torch.float32} or dtypes <= {torch.float64},
            f"the network must be in single or double precision for a proof, got {', '.join(map(str, dtypes))}",
        )
        require(dtype in (torch.float32, torch.float64), f"image must be in single or double precision, got {dtype}")
        roundoff = max(torch.finfo(each).eps for each in (*(dtypes or {torch.float32}), dtype)) / 2
        return Operations(tuple(self.steps), tuple(self.shapes), self.layers, roundoff)

    def _module(self, node: fx.Node) -> None:
        name = str(node.target)
        module = self.model.get_submodule(name)
        _require_unhooked(module, f"layer {name!r}")
        source = self._number(node.all_input_nodes[0])
        if isinstance(module, nn.Dropout | nn.Dropout2d | nn.Identity):
            self.numbers[node] = source
            self._name(name, source)
            return
        make = MODULES.get(type(module))
        require(make is not None, f"layer {name!r} is a {type(module).__name__}, which is not read: known are {KNOWN}")
        assert make is not None
        inside = isinstance(module, nn.ReLU) and module.inplace
        self._add(node, name, make(module, self.shapes[source]), (source,), in_place=inside)
        self._name(name, len(self.steps))

    def _name(self, name: str, number: int) -> None:
        """A module that runs twice names no single result."""
        if name not in self.seen:
            self.layers[name] = number
        else:
            self.layers.pop(name, None)
        self.seen.add(name)

    def _function(self, node: fx.Node) -> None:
        args = [self.constants.get(one, one) if isinstance(one, fx.Node) else one for one in node.args]
        known = [one for one in node.all_input_nodes if one in self.numbers]
        sources = tuple(self._number(one) for one in node.args if isinstance(one, fx.Node) and one in self.numbers)
        name = node.target if isinstance(node.target, str) else getattr(node.target, "__name__", str(node.target))
        if name == "to" and isinstance(args[0], Tensor):  # a constant brought where the images are
            self.constants[node] = args[0]
        elif name in ("relu", "relu_") and len(known) == 1:
            inside = name == "relu_" or any((*args[1:], *node.kwargs.values()))
            self._add(node, node.name, Relu(), sources, in_place=inside)
        elif name == "flatten" and [*args[1:], *node.kwargs.values()] in ([1], [1, -1]):
            size = torch.Size(self.shapes[sources[0]]).numel()
            self._add(node, node.name, Reshape((size,)), sources)
        elif name in ("add", "iadd") and len(sources) == 2 and not node.kwargs:
            require(
                len({self.shapes[one] for one in sources}) == 1, f"{node.name} adds activations of different shapes"
            )
            self._add(node, node.name, Add(), sources, in_place=name == "iadd")
        elif name.removeprefix("i") in ARITHMETIC and len(sources) == 1 and isinstance(node.args[0], fx.Node):
            constant = args[1]
            require(
                isinstance(constant, Tensor | int | float) and node.args[0] in self.numbers and not node.kwargs,
                f"{node.name} is not read: known are {KNOWN}",
            )
            self.computed = True
            made = _constant(name.removeprefix("i"), constant, self.shapes[sources[0]])  # type: ignore[arg-type]
            self._add(node, node.name, made, sources, in_place=name.startswith("i"))
        else:
            raise InputError(f"{node.name} ({name}) is not read: known are {KNOWN}")

    def _add(
        self, node: fx.Node, name: str, operation: Operation, sources: tuple[int, ...], *, in_place: bool = False
    ) -> None:
        inputs = [torch.zeros(1, *self.shapes[number], dtype=torch.float64) for number in sources]
        try:
            shape = tuple(operation(*inputs).shape[1:])
        except (RuntimeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
            raise InputError(f"images of shape {self.shapes[0]} do not go through layer {name!r}: {reason}") from error
        self.steps.append(Step(name, operation, sources))
        self.shapes.append(shape)
        root = self.roots[sources[0]] if in_place or isinstance(operation, Reshape) else len(self.steps)
        if in_place:
            self.changed |= {number: name for number, one in enumerate(self.roots) if one == root}
        self.roots.append(root)
        self.numbers[node] = len(self.steps)


def _double(values: Tensor) -> Tensor:
    return values.detach().to("cpu", torch.float64, copy=True)


def _affine(apply: Callable[[Tensor, Tensor], Tensor], weight: Tensor, bias: Tensor, terms: int) -> Affine:
    return Affine(apply, weight, bias, terms, bias.abs())


def _zero() -> Tensor:
    return torch.zeros((), dtype=torch.float64)


def _linear(layer: nn.Linear, shape: Shape) -> Affine:
    bias = _zero() if layer.bias is None else _double(layer.bias)
    return _affine(F.linear, _double(layer.weight), bias, layer.in_features + 1)


def _conv(layer: nn.Conv2d, shape: Shape) -> Affine:
    require(layer.padding_mode == "zeros", f"convolutions must pad with zeros, got {layer.padding_mode!r}")
    bias = _zero() if layer.bias is None else _double(layer.bias).reshape(-1, 1, 1)
    options: dict[str, Any] = {name: getattr(layer, name) for name in ("stride", "padding", "dilation", "groups")}

    def apply(values: Tensor, weight: Tensor) -> Tensor:
        return F.conv2d(values, weight, **options)

    return _affine(apply, _double(layer.weight), bias, layer.weight[0].numel() + 1)


def _average(layer: nn.AvgPool2d, shape: Shape) -> Affine:
    options: Any = {
        name: getattr(layer, name)
        for name in ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")
    }
    size = layer.kernel_size
    terms = size * size if isinstance(size, int) else size[0] * size[1]
    one = torch.ones((), dtype=torch.float64)
    return _affine(lambda values, weight: F.avg_pool2d(values, **options) * weight, one, _zero(), terms + 2)


def _adaptive(layer: nn.AdaptiveAvgPool2d, shape: Shape) -> Affine:
    size: Any = layer.output_size
    one = torch.ones((), dtype=torch.float64)
    terms = shape[-2] * shape[-1] + 2
    return _affine(lambda values, weight: F.adaptive_avg_pool2d(values, size) * weight, one, _zero(), terms)


def _batch_norm(layer: nn.BatchNorm1d | nn.BatchNorm2d, shape: Shape) -> Affine:
    require(
        layer.running_mean is not None and layer.running_var is not None,
        "batch normalisation must keep running statistics: with a batch's own, images change one another's answers",
    )
    assert layer.running_mean is not None
    assert layer.running_var is not None
    scale = (_double(layer.running_var) + layer.eps).rsqrt()
    scale = scale if layer.weight is None else scale * _double(layer.weight)
    mean = _double(layer.running_mean) * scale
    bias = _zero().expand(len(scale)) if layer.bias is None else _double(layer.bias)
    axes = (-1, *(1,) * (len(shape) - 1))
    size = (bias.abs() + mean.abs()).reshape(axes)
    # Six roundings at most: the root, its inverse, the scale, the shift's product, the product, the sum.
    return Affine(lambda values, weight: values * weight, scale.reshape(axes), (bias - mean).reshape(axes), 8, size)


def _standardise(layer: Standardise, shape: Shape) -> Affine:
    mean, std = _double(layer.mean), _double(layer.std)
    return Affine(lambda values, weight: values * weight, 1 / std, -mean / std, 3, mean.abs() / std)


def _constant(name: str, constant: Tensor | float, shape: Shape) -> Affine:
    value = torch.as_tensor(constant).detach().to("cpu", torch.float64)
    value = value[0] if value.ndim == len(shape) + 1 and len(value) == 1 else value
    fine = value.ndim <= len(shape) and torch.broadcast_shapes(value.shape, shape) == torch.Size(shape)
    require(fine, f"a constant of shape {tuple(value.shape)} does not go with activations {shape} of one image")
    one = torch.ones((), dtype=torch.float64)
    if name in ("add", "sub"):
        return _affine(lambda values, weight: values * weight, one, value if name == "add" else -value, 2)
    return _affine(lambda values, weight: values * weight, value if name == "mul" else 1 / value, _zero(), 2)


def _flatten(layer: nn.Flatten, shape: Shape) -> Reshape:
    require(layer.start_dim == 1 and layer.end_dim in (-1, len(shape)), "Flatten must flatten all axes of a sample")
    return Reshape((torch.Size(shape).numel(),))


def _max_pool(layer: nn.MaxPool2d, shape: Shape) -> MaxPool:
    names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    return MaxPool(tuple((name, getattr(layer, name)) for name in names))


MODULES: Mapping[type[nn.Module], Callable[[Any, Shape], Operation]] = {
    nn.Linear: _linear,
    nn.Conv2d: _conv,
    nn.ReLU: lambda layer, shape: Relu(),
    nn.MaxPool2d: _max_pool,
    nn.AvgPool2d: _average,
    nn.AdaptiveAvgPool2d: _adaptive,
    nn.Flatten: _flatten,
    nn.BatchNorm1d: _batch_norm,
    nn.BatchNorm2d: _batch_norm,
    Standardise: _standardise,
}
