"""What can go wrong while a study runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class StorageError(OSError):
    """A result could not be stored; what was stored before is unharmed."""

    def __str__(self) -> str:
        return str(self.strerror or super().__str__())


class WorkersError(RuntimeError):
    """Worker processes cannot be started at all."""


@dataclass(frozen=True)
class Failure:
    """A cell that could not be measured, why in one line, and where in its code, if that is known."""

    cell: str
    reason: str
    traceback: str = ""


class CellsFailedError(RuntimeError):
    """Some cells could not be measured; all others are stored."""

    def __init__(self, failures: Sequence[Failure]) -> None:
        self.failures = tuple(failures)
        first = self.failures[0]
        rest = len(self.failures) - 1
        more = f" (and {rest} more cell{'s' * (rest > 1)} failed)" if rest else ""
        super().__init__(f"cell {first.cell!r} failed: {first.reason}{more}")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.failures,)


class InterruptedRunError(KeyboardInterrupt):
    """Ctrl-C during a run: how many cells are stored, and where."""

    def __init__(self, folder: Path, stored: int, planned: int) -> None:
        self.folder, self.stored, self.planned = folder, stored, planned
        super().__init__(f"interrupted: {stored} of {planned} cells are stored in {folder}")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.folder, self.stored, self.planned)
