"""Figures of the test run are drawn as they stand: laying them out takes more than half of a drawing."""

from functools import wraps
from typing import Any

from matplotlib.figure import Figure

LAID_OUT = [False]
"""Whether figures are laid out after all, for tests that look at what comes of it."""
_savefig = Figure.savefig


def install() -> None:
    """From now on."""
    Figure.savefig = savefig


@wraps(_savefig)
def savefig(self: Figure, *arguments: Any, **named: Any) -> None:
    engine = self._layout_engine
    if not LAID_OUT[-1]:
        self._layout_engine = None
    try:
        _savefig(self, *arguments, **named)
    finally:
        self._layout_engine = engine
