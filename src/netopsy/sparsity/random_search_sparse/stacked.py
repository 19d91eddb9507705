"""Many sub-networks of any one network at once: their weights as a stack, as many as memory allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import vmap

from netopsy.core.computed import call_with
from netopsy.core.modes import device_of
from netopsy.core.operations import layers_of
from netopsy.core.outputs import single_output
from netopsy.sparsity.random_search_sparse.space import SearchSpace


@dataclass(frozen=True, eq=False)
class StackedCandidates:
    """Outputs of the candidates of a search over units or weights, by multiplying the weights of each."""

    model: nn.Module
    space: SearchSpace
    masks: Mapping[str, Tensor]
    gain: float
    values: int
    """Numbers that the network writes for one sample."""

    @staticmethod
    def of(
        model: nn.Module, space: SearchSpace, masks: Mapping[str, Tensor], gain: float, sample: Tensor
    ) -> StackedCandidates:
        return StackedCandidates(model, space, masks, gain, sum(layer.values for layer in layers_of(model, sample)))

    def bytes_of_one(self, samples: int) -> int:
        """About what one candidate takes."""
        return 4 * (2 * samples * self.values + 2 * sum(weight.numel() for weight in self.model.parameters()))

    def prepared(self, inputs: Tensor) -> Callable[[slice], Tensor]:
        """A function from a slice of the candidates to their outputs, ``[candidates, samples, outputs]``."""
        parameters = {name: value.detach() for name, value in self.model.named_parameters()}
        device = device_of(self.model)

        def run(multipliers: dict[str, Tensor]) -> Tensor:
            changed = {name: _multiplied(parameters[name], by) for name, by in multipliers.items()}
            return single_output(call_with(self.model, changed, inputs))

        def outputs(part: slice) -> Tensor:
            masks = {name: mask[part] for name, mask in self.masks.items()}
            by = {name: each.to(device) for name, each in self.space.multipliers(self.model, masks, self.gain).items()}
            count = len(next(iter(by.values())))
            if count > 1:
                try:
                    return vmap(run)(by)
                except (RuntimeError, ValueError, TypeError):  # a forward pass that cannot be vectorised
                    pass
            return torch.stack([run({name: each[place] for name, each in by.items()}) for place in range(count)])

        return outputs


def _multiplied(weight: Tensor, by: Tensor) -> Tensor:
    return weight * by.reshape(*by.shape, *[1] * (weight.ndim - by.ndim)).to(weight)
