"""Which layer is the output."""

from __future__ import annotations

from typing import Any

from torch import nn


class OutputLayer:
    """Watches forward passes for the linear layer that runs last; `weight` is its weight's name, ``None`` before."""

    def __init__(self, model: nn.Module) -> None:
        self.weight: str | None = None
        self._linears = {name: module for name, module in model.named_modules() if isinstance(module, nn.Linear)}
        self._handles: list[Any] = []

    def _note(self, name: str) -> None:
        self.weight = f"{name}.weight" if name else "weight"

    def __enter__(self) -> OutputLayer:
        if self.weight is None:
            self._handles = [
                module.register_forward_pre_hook(lambda *_, name=name: self._note(name))
                for name, module in self._linears.items()
            ]
        return self

    def __exit__(self, *exception: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
