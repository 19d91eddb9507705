"""The chapters of a report, in the order they are read."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

Chapter = Literal[
    "what it is",
    "what it looks at",
    "what its units mean",
    "where it fails",
    "how small it could be",
    "the shape of its loss",
    "what it represents",
]

CHAPTERS: tuple[Chapter, ...] = get_args(Chapter)

QUESTIONS: Mapping[Chapter, str] = MappingProxyType(
    {
        "what it is": "How large is it, how good, and how sure of itself?",
        "what it looks at": "Which parts of an image carry its decisions, and which map of them can be trusted here?",
        "what its units mean": "What do single units and directions stand for?",
        "where it fails": "Which inputs fool it, and where can it be relied on?",
        "how small it could be": "What does it lose when weights go?",
        "the shape of its loss": "What surrounds the solution that training found?",
        "what it represents": "How does it arrange what it has learned?",
    }
)
"""What each chapter asks."""
