"""What is typed into the search field: words, "phrases", -words and filters. Nothing that is typed is an error."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date

from netopsy.core.texts import plain

_PART = re.compile(r'(?P<minus>-?)(?:(?P<name>[a-z]+):(?P<value>"[^"]*"|\S*)|"(?P<phrase>[^"]*)"|(?P<word>\S+))')
LONGEST = 1000
"""Characters that are read."""


@dataclass(frozen=True)
class Query:
    """A search, taken apart."""

    text: str = ""
    """What to look for by words and by meaning: all but filters and what is left out."""
    phrases: tuple[str, ...] = ()
    """That must stand as they are."""
    without: tuple[str, ...] = ()
    """Words or phrases that must not stand."""
    authors: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    """Or categories."""
    first: date | None = None
    last: date | None = None
    verdict: str | None = None
    runnable: bool = False

    @property
    def filters(self) -> bool:
        """Whether anything but nearness decides what is found."""
        return (
            bool(self.phrases or self.without or self.authors or self.rooms or self.first or self.last or self.verdict)
            or self.runnable
        )


def parse(typed: str) -> Query:
    """Take apart what was typed.

    >>> parse('sparse "lottery ticket" -graph author:frankle day:2019-01-01.. runnable:')
    Query(text='sparse lottery ticket', phrases=('lottery ticket',), without=('graph',), authors=('frankle',), \
rooms=(), first=datetime.date(2019, 1, 1), last=None, verdict=None, runnable=True)
    """
    words: list[str] = []
    lists: dict[str, list[str]] = {name: [] for name in ("phrases", "without", "authors", "rooms")}
    single: dict[str, object] = {}
    for part in _PART.finditer(plain(typed[:LONGEST])):
        name, value = part["name"], (part["value"] or "").strip('"')
        known = name is not None and not part["minus"] and _filter(name, value, lists, single)
        if known:
            continue
        text = part["phrase"] if part["phrase"] is not None else part["word"] if name is None else part[0]
        text = " ".join(re.findall(r"\w+", text or ""))
        if not text:
            continue
        if part["minus"] and name is None:
            lists["without"].append(text)
            continue
        words.append(text)
        if part["phrase"] is not None and " " in text:
            lists["phrases"].append(text)
    return Query(" ".join(words), **{name: tuple(each) for name, each in lists.items()}, **single)  # type: ignore[arg-type]


def _filter(name: str, value: str, lists: dict[str, list[str]], single: dict[str, object]) -> bool:
    """Take a filter in; ``False`` where it is none, and so is searched as words."""
    if name == "author" and re.search(r"\w", value):
        lists["authors"].append(value)
    elif name in ("room", "category") and value:
        lists["rooms"].append(value)
    elif name == "verdict" and value in ("holds", "undecided", "not"):
        single["verdict"] = "does not hold" if value == "not" else value
    elif name == "verdict" and value == "does not hold":
        single["verdict"] = value
    elif name == "runnable":
        single["runnable"] = value.casefold() not in ("no", "false", "0")
    elif name == "day":
        first, dots, last = value.partition("..")
        try:
            found = [date.fromisoformat(each) if each else None for each in (first, last if dots else first)]
        except ValueError:
            return False
        start, end = found
        if found == [None, None] or (start and end and start > end):
            return False
        single["first"], single["last"] = found
    else:
        return False
    return True
