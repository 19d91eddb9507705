"""What can go wrong while a study runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class StorageError(OSError):
    """A result could not be stored; what was stored before is unharmed."""


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
