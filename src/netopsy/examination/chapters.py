"""The chapters of a report, in the order they are read."""

from __future__ import annotations

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
