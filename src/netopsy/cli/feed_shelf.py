"""`netopsy feed save`, `shelf` and `drop`: the papers that the user of this machine keeps."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from netopsy.cli.opened import opened
from netopsy.cli.terminal import say

Paper = Annotated[str, typer.Argument(metavar="PAPER", help="Its slug, arXiv number, DOI or address.")]
COLUMNS = ("id", "title", "tags", "read")


def register(group: typer.Typer) -> None:
    """Add the commands to the group of the feed."""
    for command in (save, shelf, drop):
        group.command()(command)


def save(
    paper: Paper,
    tag: Annotated[list[str] | None, typer.Option(help="In place of its tags; may be given again.")] = None,
    note: Annotated[str | None, typer.Option(help="In place of its note.")] = None,
    read: Annotated[bool | None, typer.Option("--read/--unread", help="Whether it was read.")] = None,
) -> None:
    """Keep a paper on the shelf, or write tags and a note beside one that is there."""
    from netopsy.feed import accounts, shelf
    from netopsy.feed.database import writing

    now, account = datetime.now(UTC), accounts.LOCAL
    with opened() as (feed, _):
        found = feed.show(paper).id
        accounts.make_local(feed.engine, account, now)
        with writing(feed.engine) as connection:
            new = shelf.save(connection, account, found, now)
            (was,) = (each for each in shelf.kept(connection, account, now) if each.entry.id == found)
            shelf.change(
                connection,
                account,
                found,
                tags=was.tags if tag is None else tag,
                note=was.note if note is None else note,
                read=was.read is not None if read is None else read,
                now=now,
            )
    say(f"{found} is on the shelf{'' if new else ' already'}.", err=True)


def shelf(
    words: Annotated[str, typer.Argument(metavar="[WORDS]", help="Only papers, tags and notes with these.")] = "",
    tag: Annotated[str, typer.Option(help="Only those with this tag.")] = "",
    format: Annotated[str, typer.Option(help="table, json, csv, bibtex or ris.")] = "table",
) -> None:
    """Show the papers that were saved, the last first, or hand them out to other programs."""
    from netopsy.cli.tables import print_rows
    from netopsy.feed import accounts, shelf
    from netopsy.feed.syndication import Channel, write

    now = datetime.now(UTC)
    with opened() as (feed, _), feed.engine.connect() as connection:
        found = shelf.kept(connection, accounts.LOCAL, now, tag=tag, words=words)
    if format == "json":
        say(json.dumps([each.to_json() for each in found], indent=2, ensure_ascii=False))
    elif format == "table":
        rows = [
            (each.entry.id, each.entry.title, ", ".join(each.tags), f"{each.read:%Y-%m-%d}" if each.read else "")
            for each in found
        ]
        print_rows(COLUMNS, rows, cut="title")
    else:
        say(write(format, [each.entry for each in found], Channel("Shelf"), now).rstrip("\n"))


def drop(paper: Paper) -> int:
    """Take a paper off the shelf."""
    from netopsy.feed import accounts, shelf
    from netopsy.feed.database import writing

    with opened() as (feed, _):
        found = feed.show(paper).id
        with writing(feed.engine) as connection:
            gone = shelf.remove(connection, accounts.LOCAL, found)
    say(f"{found} {'is off the shelf' if gone else 'was not on the shelf'}.", err=True)
    return 0 if gone else 1
