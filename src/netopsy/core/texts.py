"""Text from outside on its way out: to a terminal, to a table that a spreadsheet opens."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def plain(text: str) -> str:
    """``text`` without control characters and lone surrogates, which could steer a terminal or break a file.

    >>> plain("a\\x1b]0;b\\nc")
    'a]0;b c'
    """
    kept = "".join(letter if letter.isprintable() else " " if letter.isspace() else "" for letter in text)
    return kept.encode("utf-8", "ignore").decode("utf-8")


def plain_lines(text: str) -> str:
    """`plain` for text of several lines, which stay lines.

    >>> plain_lines("a\\x1b[31mb\\nc\\td")
    'a[31mb\\nc d'
    """
    return "\n".join(map(plain, text.split("\n")))


def shortened(text: str, most: int = 120) -> str:
    """``text`` for a message, with its middle left out where it is long.

    >>> shortened("a" * 200, 11)
    'aaaa...aaaa'
    """
    part = (most - 3) // 2
    return text if len(text) <= most else f"{text[:part]}...{text[-part:]}"


def table_text(rows: Iterable[Sequence[object]]) -> str:
    """Rows as CSV in which no cell is a formula to a spreadsheet: text that begins like one gets an apostrophe.

    >>> print(table_text([("name", "n"), ("=cmd|x", -1), ("a,b", 2)]), end="")
    name,n
    '=cmd|x,-1
    "a,b",2
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    for row in rows:
        writer.writerow([table_cell(each) if isinstance(each, str) else each for each in row])
    return file.getvalue()


def table_cell(text: str) -> str:
    """Text as a cell of a table that a spreadsheet opens: one that begins like a formula gets an apostrophe.

    >>> table_cell("=cmd|x"), table_cell("-1")
    ("'=cmd|x", '-1')
    """
    text = plain(text)
    return f"'{text}" if text.startswith(_FORMULAS) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
