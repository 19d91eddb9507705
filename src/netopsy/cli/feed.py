"""`netopsy feed`: papers by day, what is trending, search, and where papers come from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from netopsy.cli import feed_check, feed_community, feed_mail, feed_shelf
from netopsy.cli.opened import opened
from netopsy.cli.terminal import complain, say
from netopsy.core.errors import InputError, require

if TYPE_CHECKING:
    from netopsy.feed import Entry, Feed

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option(help="At most this many papers.")]
COLUMNS = ("id", "votes", "title", "day")


def register(app: typer.Typer) -> None:
    """Add the group and its sub-commands."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Papers by day: browse, search by meaning, see what is trending, take papers in, hand lists out.",
    )
    for command in (today, day, week, month, trending, top, show, search, update, export):
        group.command()(command)
    group.command("import")(import_)
    group.command("rebuild-index")(rebuild_index)
    feed_check.register(group)
    feed_community.register(group)
    feed_mail.register(group)
    feed_shelf.register(group)
    app.add_typer(group, name="feed")


def today(as_json: AsJson = False) -> None:
    """Show the papers of today, or of the latest day that has any."""
    with opened() as (feed, _):
        shown, found = feed.today()
        _list(found, as_json, f"papers of {shown}")
        _tell_sources(feed)


def day(
    day: Annotated[str, typer.Argument(metavar="DAY", help="Such as 2026-11-28.")], as_json: AsJson = False
) -> None:
    """Show the papers of a day."""
    with opened() as (feed, _):
        _list(feed.day(day), as_json, f"papers of {day}")


def week(
    week: Annotated[str, typer.Argument(metavar="WEEK", help="An ISO week such as 2026-W48.")], as_json: AsJson = False
) -> None:
    """Show the papers of a week."""
    with opened() as (feed, _):
        _list(feed.week(week), as_json, f"papers of {week}")


def month(
    month: Annotated[str, typer.Argument(metavar="MONTH", help="Such as 2026-11.")], as_json: AsJson = False
) -> None:
    """Show the papers of a month."""
    with opened() as (feed, _):
        _list(feed.month(month), as_json, f"papers of {month}")


def trending(limit: Limit = 50, as_json: AsJson = False) -> None:
    """Show what is talked about most: each vote counts 1, and half as much every 24 hours."""
    with opened() as (feed, _):
        _list(feed.trending(limit), as_json, "papers, by trend and then by day")


def top(
    period: Annotated[str, typer.Argument(metavar="week|month", help="This week or this month.")] = "week",
    limit: Limit = 50,
    as_json: AsJson = False,
) -> None:
    """Show what got the most votes in this week or month."""
    with opened() as (feed, _):
        _list(feed.top(period, limit), as_json, f"papers with votes of this {period}")  # type: ignore[arg-type]


def show(
    name: Annotated[str, typer.Argument(metavar="PAPER", help="Its arXiv number, DOI, address or slug.")],
    as_json: AsJson = False,
) -> None:
    """Show one paper."""
    with opened() as (feed, _):
        found = feed.show(name)
        if as_json:
            _print(found.to_json())
        else:
            _one(found)


def search(
    query: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY", help='Words, "phrases", -words; author: room: day:A..B verdict:holds runnable:'
        ),
    ],
    room: Annotated[str | None, typer.Option(help="Only papers of this room or category, such as cs.LG.")] = None,
    day: Annotated[str | None, typer.Option(help="Only papers of this day, or of A..B.")] = None,
    runnable: Annotated[bool, typer.Option("--runnable", help="Only papers that can be run here.")] = False,
    verdict: Annotated[str | None, typer.Option(help="Only papers with a claim that: holds, not, undecided.")] = None,
    limit: Limit = 10,
    as_json: AsJson = False,
) -> None:
    """Search by words and by meaning."""
    from netopsy.cli.progress import shown

    typed = [*query, *(f"room:{room}" for _ in [room] if room), *(f"day:{day}" for _ in [day] if day)]
    typed += ["runnable:"] * runnable + ([f"verdict:{verdict}"] if verdict else [])
    with opened() as (feed, _):
        with shown():
            hits = feed.search(" ".join(typed), limit)
        if as_json:
            _print([hit.to_json() for hit in hits])
            return
        _list([hit.entry for hit in hits], False, "papers found")
        state = feed.index.state()
        if state.understood < state.papers:
            say(f"Meaning covers {state.understood:,} of {state.papers:,} papers so far, words all of them.", err=True)


def update(
    source: Annotated[
        str, typer.Option(help="arxiv (what it announces), arxiv-archive (OAI-PMH) or huggingface.")
    ] = "arxiv",
    day: Annotated[str | None, typer.Option(help="Whose list, or since when; today unless given.")] = None,
    archive: Annotated[list[str] | None, typer.Option(help="Of arXiv, such as cs.LG; may be given again.")] = None,
    contact: Annotated[str, typer.Option(help="An address that the source may write to.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Even where it asked to be left alone.")] = False,
) -> int:
    """Ask a source for what is new. One that does not answer leaves everything as it is."""
    from netopsy.feed.updates import ARCHIVES

    with opened() as (feed, _):
        found = feed.update(
            source, day=day, archives=archive or ARCHIVES, contact=contact, force=force, bad=_complain_of
        )
        _tell(found.ingested)
        if found.trouble is not None:
            again = f"; not before {found.again:%Y-%m-%d %H:%M:%S} UTC again" if found.again else ""
            complain(f"{source}: {found.trouble}{again}")
            return 1
    return 0


def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="JSON, JSON lines, BibTeX, RIS, or an OPML of feeds; .gz, too.")
    ],
    day: Annotated[str | None, typer.Option(help="List its papers on this day.")] = None,
) -> None:
    """Take in the papers of a file. What cannot be taken is named, the rest comes in."""
    bad: list[str] = []

    def told(where: str, why: str) -> None:
        bad.append(where)
        if len(bad) <= 20:
            _complain_of(where, why)

    from netopsy.cli.progress import shown

    with opened() as (feed, _), shown():
        found = feed.import_file(file, day=day, bad=told)
    _tell(found)
    if bad:
        complain(f"{len(bad):,} {'records were' if len(bad) > 1 else 'record was'} left out")


def export(
    what: Annotated[
        str, typer.Argument(metavar="LIST|SEARCH", help="today, trending, a day, week or month, or words.")
    ] = "today",
    format: Annotated[str, typer.Option(help="rss, atom, json-feed, json, csv, bibtex or ris.")] = "json",
    out: Annotated[Path | None, typer.Option(help="Write it to this file; to the terminal unless given.")] = None,
    limit: Limit = 50,
) -> None:
    """Hand a list out to other programs."""
    from netopsy.core.files import replacing
    from netopsy.core.paths import path_from

    with opened() as (feed, _):
        text = feed.export(what, format, limit)
    if out is None:
        say(text.rstrip("\n"))
        return
    place = path_from(out, "--out")
    require(not place.is_dir(), f"--out must be a file, and {str(place)!r} is a folder")
    try:
        with replacing(place) as unfinished:
            unfinished.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"--out {str(place)!r} cannot be written: {error.strerror}") from None


def rebuild_index(
    limit: Annotated[int | None, typer.Option(help="Read at most this many papers for their meaning now.")] = None,
) -> None:
    """Make the index of search anew."""
    require(limit is None or limit >= 0, f"--limit must be at least 0, got {limit}")
    from netopsy.cli.progress import shown

    with opened() as (feed, _), shown():
        state = feed.index.rebuild(feed.engine, encode=limit)
    say(f"{state.papers:,} papers, {state.understood:,} of them by meaning, too.", err=True)


def _list(found: Sequence[Entry], as_json: bool, what: str) -> None:
    from netopsy.cli.tables import print_rows

    if as_json:
        _print([entry.to_json() for entry in found])
        return
    rows = [(entry.id, str(entry.votes), entry.title, str(entry.day or "")) for entry in found]
    print_rows(COLUMNS, rows, cut="title")
    say(f"\n{len(found):,} {what}. `netopsy feed show ID` tells more of one.", err=True)


def _one(found: Entry) -> None:
    from netopsy.core.texts import plain

    say(plain(found.title))
    say(plain(", ".join(found.authors)))
    about = [found.id, *([f"version {found.version}"] if found.version > 1 else []), *found.categories]
    say(" · ".join(map(plain, about)))
    if found.day:
        places = [
            f"{source}{f' ({count} votes there)' if count is not None else ''}"
            for source, count in found.sources.items()
        ]
        say(f"{found.day} · {found.votes} votes · listed by {', '.join(map(plain, places))}")
    if found.abstract:
        say("")
        say(plain(found.abstract))
    if found.url:
        say(f"\n{found.url}")
    if found.slug:
        say(f"In the catalogue: `netopsy show {found.slug}`")


def _tell(found: Any) -> None:
    say(f"{found.new:,} new, {found.changed:,} changed; {found.same:,} records told nothing new.", err=True)


def _tell_sources(feed: Feed) -> None:
    for state in feed.sources():
        if state["trouble"]:
            say(f"{state['source']}: {state['trouble']}; it last answered {feed_check.answered(state)}", err=True)


def _complain_of(where: str, why: str) -> None:
    complain(f"{where}: {why}")


def _print(value: Any) -> None:
    say(json.dumps(value, indent=2, ensure_ascii=False))
