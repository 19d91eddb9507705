"""The report of an examination: one page with everything in it, for a browser with no network."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from netopsy import __version__
from netopsy.catalogue import Paper, paper
from netopsy.core.errors import InputError
from netopsy.core.finding import Number, Picture
from netopsy.core.svg import inline_svg
from netopsy.core.texts import plain_lines
from netopsy.examination.chapters import CHAPTERS, COMPARED_CHAPTERS, QUESTIONS, Chapter, ComparedChapter
from netopsy.examination.instrument import Instrument
from netopsy.examination.reading import Absence, Reading

MARK = '<meta name="generator" content="netopsy'
"""By this a report is known as ours."""

LONG = 10
"""A table with more rows than this, or a list with more figures, is folded."""


@dataclass(frozen=True)
class Form:
    """What reports of one kind have in common."""

    kicker: str
    """Over the title."""
    given: str
    """What lines of Python start from."""
    title: str
    """Behind the name, in the window's title."""
    chapters: tuple[Chapter | ComparedChapter, ...]
    """In the order they are read."""


ONE_NETWORK = Form("Examination of a trained network", "`model` and `data`", "an examination", CHAPTERS)
TWO_NETWORKS = Form(
    "Two trained networks side by side", "`model_a`, `model_b` and `data`", "a comparison", COMPARED_CHAPTERS
)


@dataclass(frozen=True)
class Drawing:
    """A picture, ready for the page."""

    svg: Markup
    caption: str


@dataclass(frozen=True)
class Line:
    """A line of the head: findings to go to, and a few words."""

    title: str
    links: tuple[tuple[str, str], ...]
    """Anchor and what it is called."""
    nothing: str
    """Instead of the links, where there is none."""
    words: str = ""


@dataclass(frozen=True)
class Article:
    """A finding, ready for the page."""

    anchor: str
    title: str
    term: str
    glance: str
    sentence: str
    advice: str
    reading: str
    drawings: tuple[Drawing, ...]
    figures: tuple[tuple[str, str], ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]
    """Which columns of the table hold numbers, and are set to the right."""
    papers: tuple[Paper, ...]
    code: str
    seconds: float


@dataclass(frozen=True)
class Section:
    """A chapter, ready for the page."""

    anchor: str
    title: str
    question: str
    articles: tuple[Article, ...]
    absences: tuple[Absence, ...]


def is_report(page: Path) -> bool:
    """Whether the file is a report, of whatever version."""
    if not page.is_file():
        return False
    with page.open(encoding="utf-8", errors="replace") as file:
        return MARK in file.read(4096)


def page(
    name: str,
    facts: Mapping[str, str],
    readings: Sequence[Reading],
    absences: Sequence[Absence],
    warning: str = "",
    form: Form = ONE_NETWORK,
) -> str:
    """The report as HTML: one file that needs no other, in light and dark, for a desk, a phone and paper.

    Everything that comes from the network or its data (names of layers and classes) is escaped. The page's own policy
    forbids it to load anything and to run any script but its own.

    Args:
        warning: what is to be said before all else.
        form: of the report, for one network or for two.
    """
    style, script = _source("report.css"), _source("report.js")
    return _template().render(
        name=name,
        head=_head(readings, warning),
        facts=facts,
        sections=_sections(readings, absences, form.chapters),
        form=form,
        long=LONG,
        mark=Markup(f'{MARK} {__version__}">'),
        style=Markup(style),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def _sections(
    readings: Sequence[Reading], absences: Sequence[Absence], chapters: Sequence[Chapter | ComparedChapter]
) -> list[Section]:
    sections = []
    for chapter in chapters:
        articles = tuple(_article(each) for each in readings if each.instrument.chapter == chapter)
        absent = tuple(each for each in absences if each.instrument.chapter == chapter)
        if articles or absent:
            anchor = "chapter-" + chapter.replace(" ", "-")
            sections.append(Section(anchor, _capital(chapter), QUESTIONS[chapter], articles, absent))
    return sections


def _article(reading: Reading) -> Article:
    instrument, finding = reading.instrument, reading.finding
    head, *rows = finding.table or ((),)
    drawings = tuple(
        _drawing(picture, f"{instrument.name}-{number}-") for number, picture in enumerate(finding.pictures, start=1)
    )
    return Article(
        anchor=instrument.name,
        title=instrument.title,
        term=instrument.term,
        glance=_together(finding.glance or finding.sentence),
        advice=_together(finding.advice),
        sentence=_together(finding.sentence),
        reading=_together(finding.reading),
        drawings=drawings,
        figures=tuple((name, _number(value)) for name, value in finding.figures.items()),
        head=tuple(head),
        rows=tuple(map(tuple, rows)),
        numeric=tuple(column > 0 and all(_looks_numeric(row[column]) for row in rows) for column in range(len(head))),
        papers=tuple(paper(slug) for slug in instrument.papers),
        code=finding.code.strip(),
        seconds=reading.seconds,
    )


def _drawing(picture: Picture, prefix: str) -> Drawing:
    try:
        svg, _ = inline_svg(picture.svg, prefix, picture.description)
    except InputError as error:
        return Drawing(Markup(""), f"{picture.caption} (This picture cannot be shown: {error}.)".strip())
    return Drawing(Markup(svg), picture.caption)


def _head(readings: Sequence[Reading], warning: str) -> list[Line]:
    """What is good, what is doubtful, and where to look first: a line each, of links."""
    found = {verdict: [r for r in readings if r.finding.verdict == verdict] for verdict in ("good", "doubtful")}
    lines = [
        Line(title, tuple((r.instrument.name, _term(r.instrument)) for r in found[verdict]), nothing)
        for verdict, title, nothing in (
            ("good", "Good", "nothing that was looked at speaks for it"),
            ("doubtful", "Doubtful", "nothing that was looked at"),
        )
    ]
    first = sorted(found["doubtful"] or readings, key=lambda r: r.instrument.worth)[:1]
    advice = (
        first[0].finding.advice or first[0].finding.sentence
        if first
        else "no instrument gave a finding; the chapters below say why"
    )
    links = tuple((r.instrument.name, _term(r.instrument)) for r in first)
    return [*lines, Line("Look first", links, "", warning or advice)]


def _term(instrument: Instrument[Any]) -> str:
    return instrument.term or instrument.title


def _number(value: Number) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"


def _looks_numeric(text: str) -> bool:
    return bool(text) and (text[0].isdigit() or text[0] in "-−+.–") and not any(c.isalpha() for c in text)


def _together(text: str) -> str:
    """``text`` with no line end between a number and its per cent sign."""
    return text.replace(" %", "\u00a0%")


def coded(text: str) -> Markup:
    """Escaped text in which what stands between backticks is set as code.

    >>> str(coded("set `--mean` & look"))
    'set <code>--mean</code> &amp; look'
    """
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(_shown(text)))))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _shown(value: object) -> object:
    """What the template shows: every text without control characters, as `plain` has it; unbreakable spaces stay."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return "\u00a0".join(map(plain_lines, value.split("\u00a0")))


@cache
def _template() -> Template:
    return _environment().get_template("report.html")


def _source(name: str) -> str:
    environment = _environment()
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("netopsy.examination"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["coded"] = coded
    return environment
