"""What commands that write a report have in common: what they check, where it goes, what the terminal says of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from netopsy.core.errors import UnknownNameError, require
from netopsy.core.texts import plain

if TYPE_CHECKING:
    from netopsy.examination.result import Findings


def check_run(budget: float, seed: int, limit: int | None, depth: str) -> None:
    """Raise `InputError` for a number or depth that no examination can have."""
    from netopsy.examination.subject import DEPTHS

    require(0 < budget < float("inf"), f"--budget must be a positive number of seconds, got {budget:g}")
    require(seed >= 0, f"--seed must not be negative, got {seed}")
    require(limit is None or limit >= 1, f"--limit must be at least 1, got {limit}")
    if depth not in DEPTHS:
        raise UnknownNameError("depth", depth, DEPTHS)


def names_in(texts: Sequence[str] | None) -> list[str]:
    """Names with commas between them, from an option that may be given several times.

    >>> names_in(["a, b", "c"])
    ['a', 'b', 'c']
    """
    return [part.strip() for text in texts or () for part in text.split(",") if part.strip()]


def report_place(out: Path) -> Path:
    """``out`` if a report may go there: a folder that is new, empty or holds a report, or such a file ending in .html.

    Raises:
        InputError: something else is there.
    """
    from netopsy.cli.outputs import output_place
    from netopsy.examination.report import is_report

    if out.suffix == ".html":
        return output_place(out, is_report, "report of netopsy", file=True)
    return output_place(out, lambda folder: is_report(folder / "report.html"), "report of netopsy")


def summarise(examination: Findings, page: Path, seconds: float, asked: bool) -> None:
    """Every finding's sentence under its chapter, and where the report is.

    Args:
        asked: whether instruments were asked for by name, so that what they do not give is told, too.
    """
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=100)
    chapter = ""
    for reading in examination.readings:
        if reading.instrument.chapter != chapter:
            chapter = reading.instrument.chapter
            console.print()
            console.print(Text(chapter[:1].upper() + chapter[1:], style="bold"))
        console.print(Padding(Text(plain(reading.finding.sentence)), (0, 0, 0, 2)))
    reported = [absence for absence in examination.absences if absence.failed or asked]  # who asks by name is answered
    if reported:
        console.print()
    for absence in reported:
        console.print(Text(plain(f"{absence.instrument.name}: {absence.reason}"), style="yellow"))
    console.print()
    console.print(Text(plain(str(page)), style="bold"), Text(f"written in {seconds:.0f} s"), soft_wrap=True)
