"""The layers with weights that a network runs: where units are looked at."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from netopsy.core.capture import capturing
from netopsy.core.modes import evaluating
from netopsy.core.operations import layers_of
from netopsy.examination.subject import Subject


def weighted_layers(subject: Subject, most: int) -> list[str]:
    """Layers with weights in the order they run, at most so many, spread over the depth with the last among them."""
    layers = layers_of(subject.model, subject.data.inputs[:1].to(subject.device))
    known = {name for name, _ in subject.model.named_modules() if name}  # a network that is one layer has none
    names = [layer.name for layer in layers if layer.parameters and layer.flops and layer.name in known]
    if most == 1:
        return names[-1:]
    places = sorted(set(torch.linspace(0, len(names) - 1, min(most, len(names))).round().int().tolist()))
    return [names[place] for place in places]


@torch.no_grad()
def outputs_of(model: nn.Module, inputs: Tensor, names: list[str]) -> dict[str, Tensor]:
    """What layers return for a batch, of floats or of tokens, in evaluation mode."""
    with evaluating(model), capturing(model, names) as seen:
        model(inputs)
    return {name: seen[name] for name in names}
