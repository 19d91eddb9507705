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
"""Of the report on one network."""
ComparedChapter = Literal[
    "where their answers differ",
    "how sure they are",
    "what they are",
    "what they look at",
    "what they represent",
    "what lies between them",
]
"""Of the report on two networks."""

CHAPTERS: tuple[Chapter, ...] = get_args(Chapter)
COMPARED_CHAPTERS: tuple[ComparedChapter, ...] = get_args(ComparedChapter)

QUESTIONS: Mapping[Chapter | ComparedChapter, str] = MappingProxyType(
    {
        "what it is": "How large is it, how good, and how sure of itself?",
        "what it looks at": "Which parts of an image carry its decisions, and which map of them can be trusted here?",
        "what its units mean": "What do single units and directions stand for?",
        "where it fails": "Which inputs fool it, and where can it be relied on?",
        "how small it could be": "What does it lose when weights go?",
        "the shape of its loss": "What surrounds the solution that training found?",
        "what it represents": "How does it arrange what it has learned?",
        "what they are": "Which is larger, and which is faster?",
        "where their answers differ": "Which is right more often, and on what is only one of them right?",
        "how sure they are": "Whose confidence can be taken at its word?",
        "what they look at": "Do the same parts of an image carry their decisions?",
        "what they represent": "Which layer of the one does the work of which layer of the other?",
        "what lies between them": "Can one go from the one to the other without a loss of accuracy on the way?",
    }
)
"""What each chapter asks."""
