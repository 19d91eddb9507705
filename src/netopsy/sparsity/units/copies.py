"""Copies of networks whose many empty tables of hooks cost nothing, and whose tensors may be shared."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn


def light_copy(model: nn.Module, shared: Iterable[Tensor] = ()) -> nn.Module:
    """What `netopsy.core.computed.copied` returns, but for the tensors that the copy may share with the network."""
    known: dict[int, Any] = {id(each): each for each in shared}
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, OrderedDict) and not value:
                known[id(value)] = OrderedDict()
            elif isinstance(value, Tensor) and not value.is_leaf:
                known[id(value)] = value.detach().clone()
    return copy.deepcopy(model, known)
