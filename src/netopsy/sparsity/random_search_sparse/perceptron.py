"""Many sub-networks of one perceptron at once: the first product is shared, and only what is kept is multiplied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from netopsy.core.units.combining import keep
from netopsy.core.units.rules import LAYERS
from netopsy.sparsity.random_search_sparse.space import NodeSpace

Layers = list[tuple[str, nn.Linear, list[nn.Module]]]
"""Linear layers in order, by name, each with the activations behind it."""


def layers_of_perceptron(model: nn.Module, inputs: Tensor) -> Layers | None:
    """The layers of a stack of linear layers and activations; ``None`` for any other network, or for sequences."""
    found: Layers = []
    modules = list(_in_order("", model))
    if inputs.ndim != 2 and not isinstance(modules[0][1] if modules else None, nn.Flatten):
        return None
    for position, (name, module) in enumerate(modules):
        if module is None or module._forward_hooks or module._forward_pre_hooks:
            return None
        flattens = isinstance(module, nn.Flatten) and module.start_dim == 1 and module.end_dim == -1
        if type(module) is nn.Linear and isinstance(module.weight, nn.Parameter):
            found.append((name, module, []))
        elif flattens and not found and position == 0:
            continue
        elif type(module).__module__.startswith("torch.nn") and LAYERS.get(type(module).__name__) is keep and found:
            found[-1][2].append(module)
        else:
            return None
    distinct = len({id(layer) for _, layer, _ in found}) == len(found)
    return found if len(found) > 1 and distinct else None


def _in_order(name: str, module: nn.Module) -> Iterator[tuple[str, nn.Module | None]]:
    if type(module) is nn.Sequential and not (module._forward_hooks or module._forward_pre_hooks):
        for child, own in module._modules.items():
            assert own is not None
            yield from _in_order(f"{name}.{child}".removeprefix("."), own)
    else:
        yield name, None if any(module.children()) else module


@dataclass(frozen=True, eq=False)
class PerceptronCandidates:
    """Outputs of the candidates of a search over the units of a perceptron."""

    layers: Layers
    kept: Mapping[str, Tensor]
    """Layer to the numbers of its kept units, ``[n, k]``; layers that are not named keep all."""
    factors: Mapping[str, float]
    """On the outgoing weights of each layer."""

    @staticmethod
    def of(layers: Layers, space: NodeSpace, masks: Mapping[str, Tensor], gain: float) -> PerceptronCandidates:
        device = layers[0][1].weight.device
        kept = {name: mask.nonzero()[:, 1].view(len(mask), -1).to(device) for name, mask in masks.items()}
        return PerceptronCandidates(
            layers, kept, {name: (space.widths[name] / index.shape[1]) ** gain for name, index in kept.items()}
        )

    def bytes_of_one(self, samples: int) -> int:
        """About what one candidate takes."""
        widths = [
            self.kept[name].shape[1] if name in self.kept else layer.out_features for name, layer, _ in self.layers
        ]
        weights = sum(one * other for one, other in pairwise(widths))
        return 4 * (3 * samples * max(widths) + weights)

    def prepared(self, inputs: Tensor) -> Callable[[slice], Tensor]:
        """A function from a slice of the candidates to their outputs, ``[candidates, samples, outputs]``."""
        _, first, activations = self.layers[0]
        hidden = _through(activations, first(inputs.flatten(1))).T.contiguous()  # units first: kept ones are rows

        def outputs(part: slice) -> Tensor:
            name = self.layers[0][0]
            index = self.kept[name][part] if name in self.kept else None
            now = hidden if index is None else hidden.index_select(0, index.flatten()).view(*index.shape, -1)
            for after, layer, activations in self.layers[1:]:
                rows = self.kept[after][part] if after in self.kept else None
                now = _through(activations, self._product(layer, now, rows, index, self.factors.get(name, 1.0)))
                name, index = after, rows
            return now.transpose(-1, -2)

        return outputs

    def _product(
        self, layer: nn.Linear, given: Tensor, rows: Tensor | None, columns: Tensor | None, factor: float
    ) -> Tensor:
        weight, bias = layer.weight, layer.bias
        if rows is not None and columns is not None:
            places = rows[:, :, None] * weight.shape[1] + columns[:, None, :]
            weight = weight.flatten().index_select(0, places.flatten()).view(places.shape)
        elif rows is not None:
            weight = weight[rows]
        elif columns is not None:
            weight = weight.T[columns].transpose(1, 2)
        if factor != 1.0:
            weight = weight * factor
        if bias is None:
            return weight @ given
        shift = bias[:, None] if rows is None else bias[rows][:, :, None]
        if weight.ndim == given.ndim == 3:
            return torch.baddbmm(shift.expand(len(weight), -1, -1), weight, given)
        return weight @ given + shift


def _through(activations: list[nn.Module], values: Tensor) -> Tensor:
    for each in activations:
        values = values.relu_() if type(each) is nn.ReLU else each(values)  # nobody else has these values
    return values
