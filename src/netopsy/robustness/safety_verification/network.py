"""A network as a list of operations, each of which reads earlier results; and what follows one of its layers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from netopsy.core.errors import InputError, UnknownNameError
from netopsy.core.layers import INPUT
from netopsy.robustness.safety_verification.operations import Operation, Relu


@dataclass(frozen=True, eq=False)
class Step:
    """One operation, and which earlier results it reads; result 0 is the input, result i that of step i."""

    name: str
    operation: Operation
    reads: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Operations:
    """Operations in an order in which they can run; the last one's result are the class scores."""

    steps: tuple[Step, ...]
    shapes: tuple[tuple[int, ...], ...]
    """Of all results, the input's first."""
    layers: dict[str, int]
    """The number of the result of each layer, by its name."""
    unit_roundoff: float
    """Of the network's own arithmetic."""

    @property
    def classes(self) -> int:
        """How many scores come out."""
        return self.shapes[-1][0]

    @property
    def rectifiers(self) -> int:
        """How many numbers a rectifier may cut off."""
        return sum(
            torch.Size(shape).numel()
            for step, shape in zip(self.steps, self.shapes[1:], strict=True)
            if isinstance(step.operation, Relu)
        )

    def results(self, inputs: Tensor) -> list[Tensor]:
        """All results for a batch of inputs in float64."""
        found = [inputs]
        for step in self.steps:
            found.append(step.operation(*(found[number] for number in step.reads)))
        return found

    def __call__(self, inputs: Tensor) -> Tensor:
        """The class scores."""
        return self.results(inputs)[-1]

    def number(self, layer: str) -> int:
        """Of a layer's result; 0 for the input.

        Raises:
            UnknownNameError: no such layer.
            InputError: a branch passes it by, so what follows it depends on more than its activations.
        """
        if layer == INPUT:
            return 0
        if layer not in self.layers:
            raise UnknownNameError("layer", layer, self.layers)
        number = self.layers[layer]
        if any(read < number for step in self.steps[number:] for read in step.reads):
            raise InputError(f"a branch of the network passes layer {layer!r} by: name one that all of it goes through")
        return number

    def after(self, layer: str) -> Operations:
        """What follows a layer, with its activations as input."""
        number = self.number(layer)
        if number == 0:
            return self
        steps = tuple(
            Step(step.name, step.operation, tuple(read - number for read in step.reads)) for step in self.steps[number:]
        )
        layers = {name: place - number for name, place in self.layers.items() if place > number}
        return Operations(steps, self.shapes[number:], layers, self.unit_roundoff)
