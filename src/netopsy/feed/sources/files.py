"""Papers from a file of the user's: JSON, JSON lines as of arXiv's snapshot, BibTeX, RIS; each of them gzipped, too."""

from __future__ import annotations

import codecs
import gzip
import json
import logging
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from email.utils import parsedate_to_datetime
from io import BufferedIOBase
from pathlib import Path
from typing import Any

from netopsy.core.errors import InputError, require
from netopsy.core.paths import file_from
from netopsy.core.texts import plain
from netopsy.feed.records import RANKS, Record, date_of, record

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
    with opened(place) as file:
        read_one = _FORMATS[kind or _kind_of(file, place)]
        for found in read_one(file, _source(place), bad):
            yield found if day is None else _on(found, day)


def _source(place: Path) -> str:
    """What the file is called as a source, which is never as a source that is asked over the network."""
    name = plain(place.name)[:40]
    return f"file {name}" if name in RANKS or not name.strip() else name


def _on(found: Record, day: date) -> Record:
    from dataclasses import replace

    return replace(found, day=day)


@contextmanager
def opened(place: Path) -> Iterator[BufferedIOBase]:
    """A file of papers to be read, unpacked; `InputError` for whatever keeps it from being read."""
    try:
        with place.open("rb") as raw:
            packed = raw.peek(2)[:2] == b"\x1f\x8b" if hasattr(raw, "peek") else False
            if not packed:
                yield raw
                return
            with gzip.open(raw) as unpacked:
                yield unpacked
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"file of papers {str(place)!r} cannot be read: {error}") from None


def _kind_of(file: BufferedIOBase, place: Path) -> str:
    start = file.read(4096)
    file.seek(0)
    text = _text(start).lstrip().encode()
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
    return _text(content)


def _text(content: bytes) -> str:
    wide = content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    return content.decode("utf-16" if wide else "utf-8-sig", "replace")


def _json(file: BufferedIOBase, name: str, bad: Bad) -> Iterator[Record]:
    text = _whole(file, name)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        if text.lstrip().startswith("{"):  # one object a line, under a name for another form
            yield from _each(enumerate(text.split("\n"), 1), name, bad)
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
            wide = number == 1 and line[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
            require(not wide, f"{name} must be in UTF-8 to be read line by line, and is in UTF-16")
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
        except (ValueError, TypeError, IndexError, OverflowError):
            return None
    return found


def _bibtex(file: BufferedIOBase, name: str, bad: Bad) -> Iterator[Record]:
    import bibtexparser

    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)
    library = bibtexparser.parse_string(_whole(file, name))
    for block in library.failed_blocks:
        bad(f"line {(block.start_line or 0) + 1}", "it is no BibTeX entry")
    for one in library.entries:
        raw = {key.casefold(): str(field.value) for key, field in one.fields_dict.items()}
        fields = {key: _untex(value) for key, value in raw.items()}
        try:
            yield record(
                name,
                title=fields.get("title"),
                names=_bibtex_names(fields),
                authors=[_person(each) for each in _outside(raw.get("author", ""))],
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

    logging.getLogger("rispy").setLevel(logging.CRITICAL)
    parts = [each for each in _RIS_BEGINS.split(_whole(file, name)) if each.strip()]
    require(any(_RIS_BEGINS.match(each) for each in parts), f"{name} is not RIS: no line begins with TY  -")
    for number, part in enumerate((each for each in parts if _RIS_BEGINS.match(each)), 1):
        try:
            one = rispy.loads(part if _RIS_ENDS.search(part) else f"{part.rstrip()}\nER  - \n")[0]
        except Exception as error:  # whatever the parser says of what is none
            bad(f"entry {number}", f"it is no RIS entry: {error}")
            continue
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


def _person(written: str) -> str:
    whole = written.startswith("{") and written.endswith("}")  # an institution
    return _untex(written) if whole else _in_order(_untex(written))


def _outside(people: str) -> list[str]:
    """Authors, between each two of whom there is an "and" outside of braces."""
    found, depth, current = [], 0, ""
    for part in re.split(r"(\s+and\s+|[{}])", people):
        if depth == 0 and part.strip() == "and":
            found.append(current)
            current = ""
            continue
        depth += (part == "{") - (part == "}")
        current += part
    return [each.strip() for each in (*found, current) if each.strip()]


def _untex(text: str) -> str:
    """LaTeX as text: accents become letters, formulas stay as they are written."""
    from pylatexenc.latex2text import LatexNodes2Text

    try:
        read = LatexNodes2Text(math_mode="verbatim", keep_comments=True).latex_to_text(_LONE_PERCENT.sub(r"\%", text))
    except Exception:  # whatever the parser says of what is no LaTeX
        read = text
    return read.replace("{", "").replace("}", "") if "$" not in read else read


def _year(given: object) -> date | None:
    text = str(given or "").replace("/", "-").strip("-")
    return date_of(text) or date_of(f"{text[:4]}-01-01")


_RIS_BEGINS = re.compile(r"^(?=TY  - )", re.MULTILINE)
_RIS_ENDS = re.compile(r"^ER  -", re.MULTILINE)
_LONE_PERCENT = re.compile(r"(?<!\\)%")
_KINDS = {".json": "json", ".jsonl": "lines", ".ndjson": "lines", ".bib": "bibtex", ".ris": "ris"}
_FORMATS: Formats = {"json": _json, "lines": _lines, "bibtex": _bibtex, "ris": _ris}
