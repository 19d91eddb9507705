"""Tables for people in a terminal and for programs in a pipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from netopsy.core.texts import plain

_GAP = 2


def print_rows(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    cut: str,
    enough: int = 32,
    *,
    group: str | None = None,
    styles: Mapping[str, str] | None = None,
) -> None:
    """Print one line a row.

    In a terminal the column ``cut`` gives way when the line gets too long, and the last columns are left out where it
    would have fewer than ``enough`` characters; ``group`` is a column whose values become headings of the rows that
    follow, and ``styles`` gives colours to fields by their text. In a pipe nothing is cut: fields are separated by
    tabs, no heading.
    """
    console = Console(highlight=False)
    rows = [[plain(field) for field in row] for row in rows]
    if not console.is_terminal:
        for row in rows:
            console.file.write("\t".join(row) + "\n")
        return
    at = None if group is None else columns.index(group)
    heads = [""] * len(rows) if at is None else [row[at] for row in rows]
    if at is not None:
        columns, *rows = ([*each[:at], *each[at + 1 :]] for each in (columns, *rows))
    widths = [max(len(name), *(len(row[i]) for row in rows), 0) for i, name in enumerate(columns)]
    shown, left = _columns_that_fit(widths, columns.index(cut), console.width, enough)
    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for i in shown:
        width = min(widths[i], left) if columns[i] == cut else widths[i]
        table.add_column(columns[i], no_wrap=True, overflow="ellipsis", width=width, style="bold" if i == 0 else None)
    for row, head, before in zip(rows, heads, ["", *heads], strict=False):
        if head != before:
            table.add_row(Text(head, style="underline"))
        table.add_row(*(Text(row[i], style=(styles or {}).get(row[i], "")) for i in shown))
    console.print(table)


def _columns_that_fit(widths: Sequence[int], cut: int, total: int, enough: int) -> tuple[list[int], int]:
    """The columns to show, and how many characters are left for the one that gives way."""
    shown = list(range(len(widths)))
    while True:
        left = total - sum(widths[i] for i in shown if i != cut) - _GAP * (len(shown) - 1)
        if left >= min(enough, widths[cut]) or shown[-1] <= cut:
            return shown, max(left, 8)
        shown.pop()
