"""Verdicts in a terminal: a line with the answer, and the table of the parts behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from netopsy.core.texts import plain
from netopsy.lab.verdict_table import PartRow, measured, part_rows

COLOURS = {"holds": "green", "does not hold": "red", "undecided": "yellow"}


def wide_console() -> Console:
    """The terminal; 160 columns where the output goes elsewhere."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


def print_verdict(console: Console, claim: str, verdict: Mapping[str, Any] | None) -> None:
    """The claim's answer with its estimate, on one line."""
    answer = verdict["verdict"] if verdict else "not re-tested yet"
    head = Text(f"  {plain(claim)}: ", style="bold")
    head.append(plain(", ".join(filter(None, [answer, measured(verdict)]))), style=COLOURS.get(answer, "dim"))
    console.print(head, soft_wrap=True)


def print_parts(console: Console, verdict: Mapping[str, Any] | None) -> None:
    """The table of a verdict's parts, if it has any, and its note."""
    if not verdict:
        return
    rows = part_rows(verdict)
    if rows:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        for name, shares in zip(PartRow._fields, (3, 3, 3, 2, 4), strict=True):
            if any(getattr(row, name) for row in rows):
                table.add_column(name, overflow="fold", ratio=shares)
        for row in rows:
            cells = [(name, text) for name, text in row._asdict().items() if any(getattr(each, name) for each in rows)]
            table.add_row(
                *(Text(plain(text), COLOURS.get(text, "") if name == "answer" else "") for name, text in cells)
            )
        console.print(Padding(table, (0, 0, 0, 4)))
    if verdict.get("note"):
        console.print(Padding(Text(f"Note: {plain(verdict['note'])}", style="dim"), (0, 0, 0, 4)))
