"""The backward rules for rectifiers that older gradient maps differ by, whether rectifiers are layers or functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from netopsy.core.errors import UnknownNameError, require
from netopsy.core.per_sample import PerSampleModel

RectifierRule = Literal["gradient", "guided", "deconv"]
"""What goes back through a rectifier: the gradient; its positive part where the input is positive; or everywhere."""

_CLIPPED = ("relu", "relu6", "leaky_relu", "prelu", "rrelu")
_SMOOTH = ("elu", "celu", "selu", "gelu", "silu", "mish", "softplus", "hardswish")
_CUTTING = ("clamp", "clamp_min", "hardtanh", "threshold")


def _named(kinds: tuple[str, ...]) -> dict[Any, bool]:
    """Torch's functions of these names, and whether each works in place by its name."""
    found: dict[Any, bool] = {}
    for position in (functional, torch, Tensor, torch._C._nn):
        for kind in kinds:
            for name in (kind, f"{kind}_"):
                if hasattr(position, name):
                    found[getattr(position, name)] = name.endswith("_")
    return found


_RECTIFIERS, _CUTS = _named(_CLIPPED + _SMOOTH), _named(_CUTTING)


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

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        if function not in _RECTIFIERS and not (function in _CUTS and _cuts_at_zero(args, given)):
            return function(*args, **given)
        # Where nothing is differentiated it is the method at work, and not the network.
        self.seen = self.seen or torch.is_grad_enabled()
        values = args[0] if args else given.pop("input")
        in_place = given.pop("inplace", False) or (_RECTIFIERS | _CUTS)[function]
        # A rectifier's own in-place flag may stand among the positional arguments: it then overwrites this copy only.
        before = values.clone()
        with torch.no_grad():
            output = function(before.clone(), *args[1:], **given)
        output = _SignalRule.apply(before, output, self.guided)  # type: ignore[no-untyped-call]
        if in_place or any(one is True for one in args[1:]):
            return values.copy_(output)
        return output


@contextmanager
def rectified(model: nn.Module, rule: RectifierRule, *, needed: bool = False) -> Iterator[None]:
    """While the block runs, what goes back through any rectifier is the positive part of the signal.

    Rectifiers are ReLU and what is made like it (leaky, parametric, exponential, Gaussian, ...), as layers, as
    functions of torch, as methods of tensors, and as ``clamp`` or ``threshold`` at 0. With ``"guided"`` nothing passes
    where the rectifier was given a value that is not positive. With ``"gradient"`` all is as ever.

    Args:
        needed: complain if no rectifier was met in the block.

    Raises:
        InputError: an unknown rule; part of the network is compiled TorchScript, whose functions cannot be seen.
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
    return isinstance(low, int | float) and low == 0
