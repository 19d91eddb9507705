"""The backward rules for rectifiers that older gradient maps differ by, whether rectifiers are layers or functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch._C._functorch import get_unwrapped, is_functorch_wrapped_tensor
from torch._ops import OpOverload, OpOverloadPacket
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from netopsy.core.errors import UnknownNameError, require
from netopsy.core.per_sample import PerSampleModel

RectifierRule = Literal["gradient", "guided", "deconv"]
"""What goes back through a rectifier: the gradient; its positive part where the input is positive; or everywhere."""

_CLIPPED = ("relu", "relu6", "leaky_relu", "prelu", "rrelu")
_SMOOTH = ("elu", "celu", "selu", "gelu", "silu", "mish", "softplus", "hardswish")
_CUTTING = ("clamp", "clip", "clamp_min", "hardtanh", "threshold")
_LARGER = ("maximum", "max", "fmax")
_MASKING = ("where", "masked_fill", "mul", "multiply", "__mul__", "__rmul__", "__setitem__")
_UNSEEN = (
    *("Relu", "LeakyRelu", "PreluKernel", "RreluWithNoise", "Elu", "Gelu", "Silu", "Mish", "Softplus", "Hardswish"),
    "CompiledFunction",
)
_UNSEEN_CUTS = {"Clamp": "min", "ClampMin": "min", "Hardtanh": "min_val", "Threshold": "threshold"}
"""The steps of autograd that these leave where they are not seen, and what each keeps its lower end as."""


def _named(kinds: Sequence[str]) -> dict[Any, str]:
    """Torch's functions of these names, each with its name, which ends in ``_`` where it works in place."""
    found: dict[Any, str] = {}
    for position in (functional, torch, Tensor, torch._C._nn):
        for kind in kinds:
            for name in (kind, f"{kind}_"):
                if hasattr(position, name):
                    found[getattr(position, name)] = name
    return found


_ABOVE, _BELOW = ("gt", "ge", "__gt__", "__ge__"), ("lt", "le", "__lt__", "__le__")
_CASTS = ("float", "double", "half", "bfloat16", "to", "type", "type_as", "_to_copy")
_KNOWN = {*_CLIPPED, *_SMOOTH, *_CUTTING, *_LARGER, *_MASKING, *_ABOVE, *_BELOW, *_CASTS}
_NAMES = _named(sorted(_KNOWN))


class _SignalRule(torch.autograd.Function):
    """Given values and what a rectifier made of them, hands on the latter; backward only positive signal passes."""

    generate_vmap_rule = True

    @staticmethod
    def forward(values: Tensor, output: Tensor, guided: bool) -> Tensor:
        return output.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, bool], output: Tensor) -> None:
        values, _, ctx.guided = inputs
        ctx.save_for_backward(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        signal = gradients[0].relu()
        (values,) = ctx.saved_tensors
        return signal * (values > 0) if ctx.guided else signal, None, None


class _Rectifying(TorchFunctionMode):
    def __init__(self, guided: bool) -> None:
        super().__init__()
        self.guided = guided
        self.seen = False
        self.masks: dict[int, tuple[Tensor, Tensor, bool]] = {}
        """By its identity, what says where a tensor is above 0, or is not: itself, the tensor, and which of the two."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if function is torch.autograd.grad:
            _check_seen(args[0] if args else given["outputs"])
        name = _name_of(function)
        values = self._rectified(name, args, given)
        if values is None:
            output = function(*args, **given)
            self._note_mask(name, args, output)
            return output
        # Where nothing is differentiated it is the method at work, and not the network.
        self.seen = self.seen or torch.is_grad_enabled()
        before = values.clone()
        with torch.no_grad():
            # The function may work in place, by its name or by a flag: it then overwrites this copy only.
            copies = [before.clone() if one is values else one for one in args]
            named = {key: before.clone() if one is values else one for key, one in given.items()}
            in_place = named.pop("inplace", False) or name.endswith("_") or name == "__setitem__"
            output = function(*copies, **named)
        output = _SignalRule.apply(before, copies[0] if name == "__setitem__" else output, self.guided)  # type: ignore[no-untyped-call]
        if in_place or any(one is True for one in args[1:]):
            return values.copy_(output)
        return output

    def _rectified(self, name: str, args: tuple[Any, ...], given: dict[str, Any]) -> Tensor | None:
        """The tensor of which this call is a rectifier, if it is one."""
        if not name:
            return None
        kind, both = name.removesuffix("_") if not name.endswith("__") else name, (*args, *given.values())
        first = args[0] if args else given.get("input")
        if kind in _CLIPPED + _SMOOTH:
            return first
        if kind in _CUTTING:
            return first if _cuts_at_zero(args, given) else None
        if kind in _LARGER:
            two = [one for one in both if isinstance(one, Tensor)]
            if len(two) != 2:
                return None
            return next((one for one, other in (two, two[::-1]) if _is_zero(other)), None)
        found = next((self.masks[id(one)] for one in both if id(one) in self.masks), None)
        if found is None or not any(one is found[1] for one in both):
            return None
        _, values, above = found
        others = [one for one in both if one is not values and id(one) not in self.masks]
        zero = len(others) == 1 and not isinstance(others[0], bool) and _is_zero(others[0])
        if kind == "where":  # where(x > 0, x, 0), where(x < 0, 0, x), and x.where(x > 0, 0)
            kept = args[1] is values if id(args[0]) in self.masks else args[0] is values
            return values if zero and kept == above else None
        if kind in ("masked_fill", "__setitem__"):
            return values if zero and not above and first is values else None
        return values if not others and above else None

    def _note_mask(self, name: str, args: tuple[Any, ...], output: Any) -> None:
        if name in _ABOVE + _BELOW and isinstance(args[0], Tensor) and len(args) > 1 and _is_zero(args[1]):
            self.masks[id(output)] = output, args[0], name in _ABOVE
        elif name in _CASTS and id(args[0]) in self.masks:
            self.masks[id(output)] = output, *self.masks[id(args[0])][1:]


def _name_of(function: Any) -> str:
    """Its name, if it is one that may be a rectifier or part of one."""
    if isinstance(function, OpOverload | OpOverloadPacket):  # the operations of exported networks
        packet = function.overloadpacket if isinstance(function, OpOverload) else function
        name = packet.__name__ if packet._qualified_op_name.startswith("aten::") else ""
        return name if name in _KNOWN or name.removesuffix("_") in _KNOWN else ""
    return _NAMES.get(function, "") if function.__hash__ else ""


def _check_seen(outputs: Tensor | Sequence[Tensor]) -> None:
    """Raise `InputError` where a rectifier was used on the way to ``outputs`` that went unseen."""
    tensors = [outputs] if isinstance(outputs, Tensor) else outputs
    todo = [one.grad_fn for one in tensors if one.grad_fn is not None]
    done = set(todo)
    while todo:
        node: Any = todo.pop()
        kind = node.name().rpartition("::")[2].rstrip("0123456789").removesuffix("Backward")
        cut = kind in _UNSEEN_CUTS and getattr(node, f"_saved_{_UNSEEN_CUTS[kind]}", None) == 0
        own = isinstance(node, torch.autograd.function.BackwardCFunction) and _SignalRule.__name__ not in kind
        require(
            not (cut or own or kind in _UNSEEN),
            f"the network uses {kind} in a way whose backward rule cannot be replaced: by compiled code, by a function "
            "of autograd of its own, or under reentrant checkpoints; write it with torch's functions",
        )
        for after, _ in node.next_functions:
            if after is not None and after not in done:
                done.add(after)
                todo.append(after)


@contextmanager
def rectified(model: nn.Module, rule: RectifierRule, *, needed: bool = False) -> Iterator[None]:
    """While the block runs, what goes back through any rectifier is the positive part of the signal.

    Rectifiers are ReLU and what is made like it (leaky, parametric, exponential, Gaussian, ...), as layers, as
    functions of torch, methods of tensors, in exported networks, as ``clamp``, ``threshold`` or ``maximum`` at 0, and
    as what keeps a tensor where it is compared to be above 0 (``where``, ``masked_fill``, a product). With ``"guided"``
    nothing passes where the rectifier was given a value that is not positive. With ``"gradient"`` all is as ever. What
    is written out in yet other operations (``x * sigmoid(x)``, ``(x + abs(x)) / 2``) counts as those.

    Args:
        needed: complain if no rectifier was met in the block.

    Raises:
        InputError: an unknown rule; part of the network is compiled TorchScript, whose functions cannot be seen; or a
            gradient is taken in the block through a rectifier that went unseen (compiled code, a function of autograd).
    """
    if rule not in get_args(RectifierRule):
        raise UnknownNameError("relu rule", rule, get_args(RectifierRule))
    if rule == "gradient":
        yield
        return
    base = model.base if isinstance(model, PerSampleModel) else model
    scripted = [
        name or "the network" for name, part in base.named_modules() if isinstance(part, torch.jit.ScriptModule)
    ]
    require(
        not scripted,
        f"the rectifiers of {scripted[0] if scripted else ''!r} cannot be seen, since it is compiled TorchScript; give "
        "the network as it was before",
    )
    with _Rectifying(rule == "guided") as mode:
        yield
    require(mode.seen or not needed, f"{rule!r} changes what goes back through rectifiers, and this network has none")


def _cuts_at_zero(args: tuple[Any, ...], given: dict[str, Any]) -> bool:
    """Whether a call of a clamp, a hard tangent or a threshold takes off what is below zero."""
    named = (given[name] for name in ("min", "min_val", "threshold") if name in given)
    low = args[1] if len(args) > 1 else next(named, None)
    return low is not None and _is_zero(low)


def _is_zero(value: Any) -> bool:
    if not isinstance(value, Tensor):
        return isinstance(value, int | float) and not isinstance(value, bool) and value == 0
    while is_functorch_wrapped_tensor(value):  # while images go through together
        value = get_unwrapped(value)
    return not value.requires_grad and bool(value.numel()) and not value.any()
