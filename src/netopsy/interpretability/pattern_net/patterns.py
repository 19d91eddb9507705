"""A visual pattern."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class VisualPattern:
    """Filters that fire close to one another, often in one class and rarely in the others."""

    cls: int
    filters: tuple[int, ...]
    """Channels of the layer."""
    support: float
    """Share of the class's training images in which it fires."""
    background: float
    """Share of the other training images in which it fires."""
    lift: float
    """Support over background plus 0.001."""
    inside: int
    """Training images of the class in which it fires."""
    outside: int
    """Other training images in which it fires."""
    box: tuple[float, float, float, float]
    """Top, left, bottom and right of what it answers to, in pixels from the middle of its cell's receptive field."""
