"""Which layer is the output."""

from __future__ import annotations

from typing import Any

from torch import nn


class OutputLayer:
    """Watches forward passes for the linear layer that runs last; `weight` is its weight's name, ``None`` before."""

    def __init__(self, model: nn.Module) -> None:
        self.weight: str | None = None
        self._names = {id(value): name for name, value in model.named_parameters()}
        self._linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
        self._handles: list[Any] = []

    def _note(self, module: nn.Module, *_: Any) -> None:
        self.weight = self._names.get(id(module.weight))

    def __enter__(self) -> OutputLayer:
        if self.weight is None:
            self._handles = [module.register_forward_pre_hook(self._note) for module in self._linears]
        return self

    def __exit__(self, *exception: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
