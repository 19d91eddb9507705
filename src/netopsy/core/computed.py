"""Tensors that layers hold beside their parameters, such as the weight that a weight norm computes at every run."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call


@contextmanager
def keeping_computed(model: nn.Module) -> Iterator[None]:
    """Afterwards every module holds the very tensors it held, whatever runs in the block left in their place.

    Layers that compute their weight leave one of their own, and `torch.func.functional_call` leaves the tensors it was
    given in a module that the network holds under several names.
    """
    before: list[tuple[dict[str, Any], str, Tensor]] = [
        (held, name, value)
        for module in model.modules()
        for held in (vars(module), module._parameters, module._buffers)
        for name, value in held.items()
        if isinstance(value, Tensor)
    ]
    try:
        yield
    finally:
        for held, name, value in before:
            held[name] = value


def call_with(model: nn.Module, values: Mapping[str, Tensor], *inputs: Any) -> Any:
    """What the network returns with other parameters and buffers; under a transformation of `torch.func`, too.

    Layers that compute their weight and keep it would hold on to a tensor that lives inside that transformation alone,
    which nothing can copy or save.
    """
    with keeping_computed(model):
        return functional_call(model, dict(values), inputs)


def copied(model: nn.Module, shared: Iterable[Tensor] = ()) -> nn.Module:
    """A deep copy, also of networks whose layers keep a computed weight, which python cannot copy by itself.

    Args:
        shared: tensors of the network that the copy holds, too, rather than copies of them.
    """
    known: dict[int, Any] = {id(each): each for each in shared}
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, OrderedDict) and not value:
                known[id(value)] = OrderedDict()  # tables of hooks: by itself python takes long over an empty one
            elif isinstance(value, Tensor) and not value.is_leaf:
                known[id(value)] = value.detach().clone()
    return copy.deepcopy(model, known)
