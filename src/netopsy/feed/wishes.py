"""What a subscriber wants first, and what never: authors, words, rooms, papers, and words to leave out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from netopsy.core.errors import InputError, require
from netopsy.core.texts import plain, shortened
from netopsy.feed.identifiers import identified
from netopsy.feed.lists import Entry

MOST = 50
"""Entries of one kind."""
LONGEST = 100
"""Characters of one."""


@dataclass(frozen=True)
class Wishes:
    """Interests, checked."""

    papers: tuple[str, ...] = ()
    """The subscriber likes papers such as these."""
    authors: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()

    def followed(self, entry: Entry) -> str | None:
        """Whom of its authors the subscriber follows, as it was written."""
        people = [set(_words(name)) for name in entry.authors]
        found = (each for each in self.authors if (wanted := set(_words(each))) for own in people if wanted <= own)
        return next(found, None)

    def touched(self, entry: Entry) -> str | None:
        """What of the paper is wanted, in words: the room that it is of, or a word that it has."""
        own = {each.casefold() for each in entry.categories}
        room = next((each for each in self.rooms if each.casefold() in own), None)
        word = None if room else next(_found(entry, self.words), None)
        return f"it is of {room}" if room else f'it has "{word}"' if word else None

    def refuses(self, entry: Entry) -> bool:
        """Whether the paper has a word to leave out."""
        return next(_found(entry, self.without), None) is not None

    def reason(self, entry: Entry, near: float) -> str:
        """Why the paper was chosen, in words; empty where it is there for all.

        Args:
            near: how much it is like the papers that the subscriber likes; 0 is as any other.
        """
        person = self.followed(entry)
        other = "it is like papers that you chose" if near > 0 else ""
        return f"you follow {person}" if person else self.touched(entry) or other

    def written(self) -> str:
        """As JSON, which `read_wishes` reads."""
        return json.dumps({name: list(value) for name, value in asdict(self).items() if value}, ensure_ascii=False)


def wishes(given: Mapping[str, Any] | None) -> Wishes:
    """Interests as ``{"papers": [...], "authors": [...], "words": [...], "without": [...], "rooms": [...]}``.

    Raises:
        InputError: another name, what is no list of texts, a paper that is none, or too many or too long ones.
    """
    require(given is None or isinstance(given, Mapping), "interests must be lists of texts by name")
    known = [each.name for each in fields(Wishes)]
    odd = [str(name) for name in given or {} if name not in known]
    require(not odd, f"there is no interest {shortened(', '.join(odd))!r}; there are {', '.join(known)}")
    return Wishes(**{name: _checked(name, value) for name, value in (given or {}).items()})


def read_wishes(text: str) -> Wishes:
    """What `Wishes.written` wrote."""
    return Wishes(**{name: tuple(value) for name, value in json.loads(text or "{}").items()})


def _checked(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise InputError(f"{name} must be a list of texts")
    clean = dict.fromkeys(line for each in value if (line := " ".join(plain(each).split())))
    require(len(clean) <= MOST, f"{name} must be at most {MOST}, got {len(clean)}")
    long = [each for each in clean if len(each) > LONGEST]
    require(not long, f"each of {name} must have at most {LONGEST} characters")
    return tuple(identified(each).key for each in clean) if name == "papers" else tuple(clean)


def _found(entry: Entry, wanted: Sequence[str]) -> Iterator[str]:
    if wanted:
        said = f" {' '.join(_words(' '.join((entry.title, entry.abstract, *entry.keywords))))} "
        yield from (each for each in wanted if (own := _words(each)) and f" {' '.join(own)} " in said)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
