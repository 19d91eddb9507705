"""How long work tells whoever is listening how far it is.

A method wraps its loop in `track`; the command line, the web page or a notebook installs a `Reporter` with `reporting`.
Without one nothing is shown and nothing is paid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol, TypeVar, runtime_checkable

T = TypeVar("T")


@runtime_checkable
class Reporter(Protocol):
    """Receives progress: any object with these three methods."""

    def start(self, description: str, total: int | None) -> int:
        """A task begins; returns the number it is known by."""

    def advance(self, task: int, steps: int = 1, note: str | None = None) -> None:
        """``steps`` more steps of the task are done; ``note`` replaces the short text shown beside it."""

    def finish(self, task: int) -> None:
        """The task is over, whether it was completed or not."""


_reporter: ContextVar[Reporter | None] = ContextVar("netopsy_progress", default=None)


class Task:
    """One task in progress; a no-op when nobody listens."""

    def __init__(self, description: str, total: int | None = None) -> None:
        self._reporter = _reporter.get()
        self._number = self._reporter.start(description, total) if self._reporter else 0

    def advance(self, steps: int = 1, note: str | None = None) -> None:
        """Report ``steps`` more steps done."""
        if self._reporter:
            self._reporter.advance(self._number, steps, note)

    def __enter__(self) -> Task:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._reporter:
            self._reporter.finish(self._number)


@contextmanager
def reporting(reporter: Reporter | None) -> Iterator[None]:
    """Send the progress of everything inside the block to ``reporter``; ``None`` silences it."""
    token = _reporter.set(reporter)
    try:
        yield
    finally:
        _reporter.reset(token)


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Iterate over ``items``, reporting one step for each.

    >>> sum(track(range(4), "adding"))
    6
    """
    if total is None and isinstance(items, Sized):
        total = len(items)
    with Task(description, total) as task:
        for item in items:
            yield item
            task.advance()
