"""A network in which every sample of a batch has parameters of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import vmap

from netopsy.core.computed import call_with
from netopsy.core.errors import require
from netopsy.core.outputs import first_of, with_first
from netopsy.core.runs import RunHook

Parameters = dict[str, Tensor]


class PerSampleModel(nn.Module):
    """``base`` run with parameters that carry a leading batch axis, sample i seeing entry i of each.

    It is what a step of learning on each single image leaves behind (one step a sample gives one set of parameters a
    sample), and runs as one vectorised call. ``base`` is shared, not copied, and never changed.

    Args:
        base: the network; it runs with the mode it has.
        parameters: name to tensor ``[batch, *shape]``; names left out keep the value they have in ``base``.
        chunk: samples that go through together; bounds the memory (``None``: all).
    """

    base: nn.Module

    def __init__(self, base: nn.Module, parameters: Parameters, *, chunk: int | None = None) -> None:
        super().__init__()
        known = dict(base.named_parameters())
        for name, value in parameters.items():
            require(name in known, f"parameters holds {name!r}, which is no parameter of the network")
            require(
                value.shape[1:] == known[name].shape,
                f"parameters[{name!r}] must have shape [batch, {', '.join(map(str, known[name].shape))}], "
                f"got {list(value.shape)}",
            )
        self.__dict__["base"] = base  # kept out of the module tree: its layers are not this module's layers
        self.parameters_of_sample = parameters
        self.chunk = chunk

    def forward(self, inputs: Tensor) -> Tensor:
        """The output for each sample under its own parameters."""
        return self.tapped(inputs, ())[0]

    def tapped(
        self, inputs: Tensor, layers: Sequence[str], *, given: Parameters | None = None
    ) -> tuple[Tensor, Parameters, Parameters]:
        """Outputs, the activations of ``layers``, and for each layer the tensor at which its gradient is taken.

        A zero is added to each activation. The zeros go into the vectorised call as arguments, so autograd, which
        sees nothing that is inside that call, sees them. ``given`` is filled with the first input of each layer.
        """
        zeros = {
            name: torch.zeros(len(inputs), *shape, dtype=inputs.dtype, device=inputs.device).requires_grad_()
            for name, shape in self._shapes(inputs[:1], layers).items()
        }

        def one(parameters: Parameters, sample: Tensor, zeros: Parameters) -> tuple[Tensor, Parameters, Parameters]:
            seen: Parameters = {}
            entered: Parameters = {}

            def watch(name: str) -> RunHook:
                def hook(module: nn.Module, arguments: tuple[Any, ...], output: Any) -> Any:
                    if given is not None and arguments and isinstance(arguments[0], Tensor):
                        entered[name] = arguments[0].clone()
                    seen[name] = first_of(output) + zeros[name]
                    return with_first(output, seen[name].clone())

                return RunHook(self.base, name, hook)

            hooks = [watch(name) for name in layers]
            try:
                output = call_with(self.base, parameters, sample[None])
            finally:
                for hook in hooks:
                    hook.remove()
            return output[0], seen, entered

        outputs, seen, entered = vmap(one, chunk_size=self.chunk)(self.parameters_of_sample, inputs, zeros)
        if given is not None:
            given.update({name: value.flatten(0, 1).detach() for name, value in entered.items()})
        return outputs, {name: value.flatten(0, 1) for name, value in seen.items()}, zeros

    def _shapes(self, sample: Tensor, layers: Sequence[str]) -> dict[str, torch.Size]:
        shapes: dict[str, torch.Size] = {}

        def note(name: str) -> Callable[..., None]:
            return lambda _, __, output: shapes.update({name: first_of(output).shape})

        hooks = [RunHook(self.base, name, note(name)) for name in layers]
        try:
            with torch.no_grad():
                self.base(sample)
            for hook in hooks:
                hook.tell()
        finally:
            for hook in hooks:
                hook.remove()
        return shapes
