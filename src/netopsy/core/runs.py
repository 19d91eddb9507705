"""One run of a module in a forward pass: the first, unless a layer's name says which, as ``"relu#2"`` does."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from torch import nn

from netopsy.core.layers import RUN, module_of, run_of

Hook = Callable[..., Any]


class RunHook:
    """A forward hook, or a pre-hook, that is called in one run of a layer in every forward pass of ``model``.

    Args:
        layer: a name of `netopsy.core.layers.layer_names`.
        hook: as torch calls it.
        before: make it a pre-hook, which is given keyword arguments, too.

    >>> import torch
    >>> net, seen = nn.Sequential(relu := nn.ReLU(), nn.Linear(1, 1), relu), []
    >>> hook = RunHook(net, "0#2", lambda module, arguments, output: seen.append(output.shape))
    >>> _ = net(torch.zeros(3, 1)), net(torch.zeros(4, 1)), hook.remove()
    >>> seen
    [torch.Size([3, 1]), torch.Size([4, 1])]
    """

    def __init__(self, model: nn.Module, layer: str, hook: Hook, *, before: bool = False) -> None:
        name, number = run_of(model, layer)
        self.layer, self.named, self.runs, self.most = name, number is not None, 0, 0
        wanted = number or 1

        def counted(*given: Any) -> Any:
            self.runs += 1
            self.most = max(self.most, self.runs)
            return hook(*given) if self.runs == wanted else None

        def begin(*_: Any) -> None:
            self.runs = 0

        module = module_of(model, layer)
        self._handles = [
            model.register_forward_pre_hook(begin),
            module.register_forward_pre_hook(counted, with_kwargs=True)
            if before
            else module.register_forward_hook(counted),
        ]

    def remove(self) -> None:
        """Take it away again."""
        for handle in self._handles:
            handle.remove()

    def tell(self) -> None:
        """Warn where the layer was seen to run more than once, and which run was wanted was not said."""
        if self.most > 1 and not self.named:
            warnings.warn(
                f"layer {self.layer!r} runs {self.most} times in a forward pass, and its first run is meant; name the "
                f"run to choose another, as {self.layer + RUN + str(self.most)!r}",
                stacklevel=2,
            )
