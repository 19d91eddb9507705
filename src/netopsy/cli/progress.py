"""Progress in a terminal: the `Reporter` of `netopsy.core.progress` drawn by rich."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from netopsy.core.progress import reporting
from netopsy.core.texts import plain


class TerminalReporter:
    """Draws every task as a bar; a task inside another appears below it and goes when it is done."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._open: list[int] = []

    def start(self, description: str, total: int | None) -> int:
        """Show a new bar."""
        indented = "  " * len(self._open) + plain(description)
        task = self._progress.add_task(indented, total=total, note="")
        self._open.append(task)
        return int(task)

    def advance(self, task: int, steps: int = 1, note: str | None = None) -> None:
        """Move a bar on, and change the text beside it."""
        if note is None:
            self._progress.update(TaskID(task), advance=steps)
        else:
            self._progress.update(TaskID(task), advance=steps, note=plain(note))

    def finish(self, task: int) -> None:
        """Let a bar of the outermost level stand, and remove those below."""
        if task in self._open:
            self._open.remove(task)
        if self._open:
            self._progress.remove_task(TaskID(task))
        else:
            self._progress.update(TaskID(task), note="")
            self._progress.stop_task(TaskID(task))


@contextmanager
def shown(console: Console | None = None) -> Iterator[None]:
    """Show the progress of everything inside the block on standard error; nothing if that is not a terminal."""
    console = console or Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
    )
    with Progress(*columns, console=console, refresh_per_second=5) as progress, reporting(TerminalReporter(progress)):
        yield
