"""The layers with weights that a network runs: where units are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from netopsy.core.capture import capturing
from netopsy.core.modes import evaluating
from netopsy.examination.subject import Subject


def weighted_layers(subject: Subject, most: int) -> list[str]:
    """Layers with weights in the order they run, at most so many, spread over the depth with the last among them."""
    known = {name for name, _ in subject.model.named_modules() if name}  # a network that is one layer has none
    names = [layer.name for layer in subject.layers if layer.parameters and layer.flops and layer.name in known]
    if most == 1:
        return names[-1:]
    places = sorted(set(torch.linspace(0, len(names) - 1, min(most, len(names))).round().int().tolist()))
    return [names[place] for place in places]


def sample_axes(subject: Subject, names: Sequence[str]) -> dict[str, int]:
    """The axis along which each layer's output holds the samples, where there is one that grows with them.

    It is the first of most; others put tokens first. A layer may hold several rows a sample along it.
    """
    if not names:
        return {}
    seen = [
        {name: values.shape for name, values in outputs_of(subject.model, some.to(subject.device), list(names)).items()}
        for some in (subject.data.inputs[:1], subject.data.inputs[:1].repeat_interleave(3, 0))
    ]
    found = {}
    for name, shape in seen[0].items():
        grown = [axis for axis, pair in enumerate(zip(shape, seen[1][name], strict=False)) if pair[0] != pair[1]]
        if len(shape) == len(seen[1][name]) > 1 and len(grown) == 1 and seen[1][name][grown[0]] == 3 * shape[grown[0]]:
            found[name] = grown[0]
    return found


def samples_first(model: nn.Module, inputs: Tensor, axes: Mapping[str, int]) -> dict[str, Tensor]:
    """What layers return for a batch, with the axis of `sample_axes` first."""
    return {name: values.movedim(axes[name], 0) for name, values in outputs_of(model, inputs, list(axes)).items()}


@torch.no_grad()
def outputs_of(model: nn.Module, inputs: Tensor, names: list[str]) -> dict[str, Tensor]:
    """What layers return for a batch, of floats or of tokens, in evaluation mode."""
    with evaluating(model), capturing(model, names) as seen:
        model(inputs)
    return {name: seen[name] for name in names}
