"""What an encoding must do: how images are written as genomes, drawn at random, varied, and rendered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor

from netopsy.core.shapes import Images

P = TypeVar("P")
"""A population: genomes in an order, as a tensor or as a list."""


@runtime_checkable
class Encoding(Protocol[P]):
    """How images are written as genomes. A population is whatever `taken` and `placed` know how to index."""

    def random(self, count: int, random: torch.Generator) -> P:
        """So many genomes from nowhere."""

    def children(self, parents: P, random: torch.Generator, generation: int) -> P:
        """A child of every parent; the first and the second are a pair, the third and the fourth, ..."""

    def render(self, genomes: P, *, device: torch.device | str = "cpu") -> Images:
        """The images, from 0 to 1."""


def taken(population: P, indices: Tensor) -> P:
    """The genomes at ``indices``."""
    if isinstance(population, Tensor):
        return population[indices]  # type: ignore[return-value]
    assert isinstance(population, list)
    found: Any = [population[index] for index in indices.tolist()]
    return found  # type: ignore[no-any-return]


def place(population: P, cells: Tensor, others: P, indices: Tensor) -> None:
    """Put the genomes ``others[indices]`` at ``cells``, in place."""
    if isinstance(population, Tensor):
        assert isinstance(others, Tensor)
        population[cells] = others[indices]
        return
    assert isinstance(population, list)
    assert isinstance(others, Sequence)
    for cell, index in zip(cells.tolist(), indices.tolist(), strict=True):
        population[cell] = others[index]


def joined(populations: Sequence[P]) -> P:
    """Several populations, one after the other."""
    first: Any = populations[0]
    if isinstance(first, Tensor):
        return torch.cat(list(populations))  # type: ignore[arg-type, return-value]
    found: Any = [genome for population in populations for genome in population]  # type: ignore[attr-defined]
    return found  # type: ignore[no-any-return]
