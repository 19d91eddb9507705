"""Papers from a file of the user's: JSON, JSON lines as of arXiv's snapshot, BibTeX, RIS; each of them gzipped, too."""

from __future__ import annotations

import gzip
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from email.utils import parsedate_to_datetime
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from netopsy.core.errors import InputError, require
from netopsy.core.paths import file_from
from netopsy.feed.records import Record, date_of, record

LONGEST_LINE = 4_000_000
LARGEST = 1 << 28
"""Bytes, unpacked, of a file that is not read line by line."""

Bad = Callable[[str, str], object]
"""Is told where a record is that cannot be taken, and why."""
Formats = Mapping[str, Callable[[BufferedIOBase, str, Bad], Iterator[Record]]]


def read(path: str | Path, bad: Bad, *, day: date | None = None) -> Iterator[Record]:
    """The papers in a file, one after the other; one that cannot be taken is told to ``bad``, the rest come.

    Args:
        day: lists them on this day; they stand on no day's page otherwise.

    Raises:
        InputError: no such file, or one of which nothing can be read.
    """
    place = file_from(path, "file of papers")
    name = place.name.removesuffix(".gz")
    kind = _KINDS.get(Path(name).suffix.casefold())
    with _opened(place) as file:
        read_one = _FORMATS[kind or _kind_of(file, place)]
        for found in read_one(file, place.name[:40], bad):
            yield found if day is None else _on(found, day)


def _on(found: Record, day: date) -> Record:
    from dataclasses import replace

    return replace(found, day=day)


@contextmanager
def _opened(place: Path) -> Iterator[BufferedIOBase]:
    try:
        with place.open("rb") as raw:
            packed = raw.peek(2)[:2] == b"\x1f\x8b" if hasattr(raw, "peek") else False
            if not packed:
                yield raw
                return
            with gzip.open(raw) as unpacked:
                yield unpacked
    except (OSError, EOFError) as error:
        raise InputError(f"file of papers {str(place)!r} cannot be read: {error}") from None


def _kind_of(file: BufferedIOBase, place: Path) -> str:
    start = file.read(4096)
    file.seek(0)
    text = start.lstrip()
    if text[:1] == b"[":
        return "json"
    if text[:1] == b"{":
        return "lines"
    if text[:1] == b"@":
        return "bibtex"
    if text[:2] == b"TY":
        return "ris"
    raise InputError(
        f"file of papers {str(place)!r} must be JSON, JSON lines, BibTeX or RIS, and is none by its name or its start"
    )


def _whole(file: BufferedIOBase, name: str) -> str:
    content = file.read(LARGEST + 1)
    require(len(content) <= LARGEST, f"{name} is larger than {LARGEST >> 20} MB; JSON lines may be of any size")
    return content.decode("utf-8-sig", "replace")


def _json(file: BufferedIOBase, name: str, bad: Bad) -> Iterator[Record]:
    text = _whole(file, name)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip().startswith("{"):  # one object a line, under a name for another form
            yield from _each(enumerate(text.splitlines(), 1), name, bad)
            return
        raise InputError(f"{name} is not JSON: {error}") from None
    papers = content.get("papers", [content]) if isinstance(content, dict) else content
    require(isinstance(papers, list), f"{name} must hold a list of papers, or an object with a list called papers")
    for number, one in enumerate(papers, 1):
        yield from _taken(one, f"paper {number}", name, bad)


def _lines(file: BufferedIOBase, name: str, bad: Bad) -> Iterator[Record]:
    def lines() -> Iterator[tuple[int, str]]:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if not line.endswith(b"\n") and len(line) == LONGEST_LINE:
                while (rest := file.readline(LONGEST_LINE)) and not rest.endswith(b"\n"):
                    pass
                bad(f"line {number}", f"it is longer than {LONGEST_LINE:,} bytes")
                continue
            yield number, line.decode("utf-8-sig", "replace")

    yield from _each(lines(), name, bad)


def _each(lines: Iterable[tuple[int, str]], name: str, bad: Bad) -> Iterator[Record]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            content = json.loads(line)
        except (ValueError, RecursionError):
            bad(f"line {number}", "it is not JSON")
            continue
        yield from _taken(content, f"line {number}", name, bad)


def _taken(content: object, where: str, name: str, bad: Bad) -> Iterator[Record]:
    try:
        require(isinstance(content, dict), f"a paper must be an object, got {type(content).__name__}")
        assert isinstance(content, dict)
        yield _of_object(content, name)
    except InputError as error:
        bad(where, str(error))


def _of_object(content: dict[str, Any], name: str) -> Record:
    versions = content.get("versions") or []
    latest = versions[-1] if isinstance(versions, list) and versions else None
    number = latest.get("version", "") if isinstance(latest, dict) else ""
    own = content.get("arxiv") or content.get("id")
    names = [f"{own}{number}" if own and number else own, content.get("doi"), content.get("url")]
    first = (
        versions[0].get("created")
        if isinstance(versions, list) and versions and isinstance(versions[0], dict)
        else None
    )
    return record(
        name,
        title=content.get("title"),
        names=[one for each in names if each for one in [_named(each)] if one],
        authors=_people(content),
        abstract=content.get("abstract") or content.get("summary") or "",
        keywords=_words(content.get("keywords")),
        categories=_words(content.get("categories")),
        published=_date(content.get("published")) or _date(first) or date_of(content.get("update_date")),
    )


def _named(value: object) -> str:
    """A name as text; several DOIs in one field, as arXiv has them, are the first."""
    text = str(value).strip()
    return text.split()[0] if text.startswith("10.") and " " in text else text


def _people(content: Mapping[str, Any]) -> list[object]:
    parsed = content.get("authors_parsed")
    if isinstance(parsed, list) and all(isinstance(one, list) and len(one) >= 2 for one in parsed):
        return [" ".join(str(part) for part in (*one[1:2], *one[:1]) if part) for one in parsed]
    given = content.get("authors") or content.get("author") or []
    if isinstance(given, str):
        return [*_split_people(given)]
    require(isinstance(given, list), f"its authors must be a list or text, got {type(given).__name__}")
    return [one.get("name") if isinstance(one, dict) else one for one in given]


def _split_people(text: str) -> list[str]:
    text = " ".join(text.split())
    return (
        [one.strip() for one in text.split(" and ")]
        if " and " in text and "," not in text.split(" and ")[0]
        else ([one.strip() for one in text.replace(" and ", ", ").split(",")])
    )


def _words(given: object) -> list[object]:
    if isinstance(given, str):
        return list(given.split(",")) if "," in given else list(given.split())
    return list(given) if isinstance(given, list) else []


def _date(given: object) -> date | None:
    if not isinstance(given, str):
        return None
    found = date_of(given)
    if found is None:
        try:
            found = parsedate_to_datetime(given).date()
        except (ValueError, TypeError, IndexError):
            return None
    return found


def _bibtex(file: BufferedIOBase, name: str, bad: Bad) -> Iterator[Record]:
    import bibtexparser

    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    library = bibtexparser.parse_string(_whole(file, name))
    for block in library.failed_blocks:
        bad(f"line {(block.start_line or 0) + 1}", "it is no BibTeX entry")
    for one in library.entries:
        fields = {key.casefold(): _untex(str(field.value)) for key, field in one.fields_dict.items()}
        try:
            yield record(
                name,
                title=fields.get("title"),
                names=_bibtex_names(fields),
                authors=[_in_order(each) for each in fields.get("author", "").split(" and ") if each.strip()],
                abstract=fields.get("abstract", ""),
                keywords=_words(fields.get("keywords")),
                published=_year(fields.get("date") or fields.get("year")),
            )
        except InputError as error:
            bad(f"entry {one.key}", str(error))


def _bibtex_names(fields: Mapping[str, str]) -> list[str]:
    eprint = fields.get("eprint", "")
    arxiv = eprint if fields.get("archiveprefix", "arxiv").casefold() == "arxiv" else ""
    return [one for one in (arxiv, fields.get("doi", "")) if one]


def _ris(file: BufferedIOBase, name: str, bad: Bad) -> Iterator[Record]:
    import rispy

    try:
        found = rispy.loads(_whole(file, name))
    except Exception as error:  # whatever the parser says of a file that is none
        raise InputError(f"{name} is not RIS: {error}") from None
    for number, one in enumerate(found, 1):
        try:
            yield record(
                name,
                title=one.get("title") or one.get("primary_title"),
                names=[one["doi"]] if one.get("doi") else [],
                authors=[_in_order(each) for each in one.get("authors") or one.get("first_authors") or []],
                abstract=one.get("abstract") or one.get("notes_abstract") or "",
                keywords=one.get("keywords") or [],
                published=_year(one.get("year") or one.get("publication_year")),
            )
        except InputError as error:
            bad(f"entry {number}", str(error))


def _in_order(person: str) -> str:
    last, comma, first = person.partition(",")
    return f"{first.strip()} {last.strip()}" if comma else person.strip()


def _untex(text: str) -> str:
    return text.replace("{", "").replace("}", "").replace("\\&", "&").replace("\\%", "%").replace("\\_", "_")


def _year(given: object) -> date | None:
    text = str(given or "").replace("/", "-").strip("-")
    return date_of(text) or date_of(f"{text[:4]}-01-01")


_KINDS = {".json": "json", ".jsonl": "lines", ".ndjson": "lines", ".bib": "bibtex", ".ris": "ris"}
_FORMATS: Formats = {"json": _json, "lines": _lines, "bibtex": _bibtex, "ris": _ris}
