"""The layers with weights that a network runs: where units are looked at."""

from __future__ import annotations

import torch

from netopsy.core.operations import layers_of
from netopsy.examination.subject import Subject


def weighted_layers(subject: Subject, most: int) -> list[str]:
    """Layers with weights in the order they run, at most so many, spread over the depth with the last among them."""
    layers = layers_of(subject.model, subject.data.inputs[:1].to(subject.device))
    names = [layer.name for layer in layers if layer.parameters and layer.flops]
    if most == 1:
        return names[-1:]
    places = sorted(set(torch.linspace(0, len(names) - 1, min(most, len(names))).round().int().tolist()))
    return [names[place] for place in places]
