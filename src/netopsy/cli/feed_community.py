"""`netopsy feed submit` and what moderators do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated

import typer

from netopsy.cli.opened import opened
from netopsy.cli.terminal import complain, say

What = Annotated[str, typer.Argument(metavar="WHAT", help="A paper by its number, address or slug, or comment:17.")]
Reason = Annotated[str, typer.Option(help="Why; it stands in the log.")]
MaySay = Annotated[str, typer.Option(help="Why, for the log.")]


def register(group: typer.Typer) -> None:
    """Add the commands to the group of the feed."""
    for command in (submit, hide, unhide, approve, ban, moderation):
        group.command(command.__name__)(command)


def submit(
    name: Annotated[str, typer.Argument(metavar="PAPER", help="Its arXiv number, DOI or address.")],
    note: Annotated[str, typer.Option(help="What moderators should know of it.")] = "",
) -> int:
    """Bring a paper: it stands on today's list once arXiv has told of it, which it is asked at once."""
    from netopsy.feed.accounts import LOCAL
    from netopsy.feed.fetching import SourceError

    def told(where: str, why: str) -> None:
        complain(f"{where}: {why}")

    with opened() as (feed, _):
        found = feed.submit(name, LOCAL, note=note)
        if found.outcome == "waiting":
            try:
                feed.fetch_submitted(bad=told)
                found = feed.submit(name, LOCAL)
            except SourceError as trouble:
                complain(f"arxiv: {trouble}; {found.paper} waits for the next `netopsy feed update`")
                return 1
            if found.outcome == "waiting":
                complain(f"arXiv knows no {found.paper} so far; it is asked again with the next `netopsy feed update`")
                return 1
        if found.outcome == "vote":
            say(f"{found.paper} is here already: this counts as a vote for it.", err=True)
        shown = feed.show(found.paper)
        say(f"{shown.id}  {shown.day}  {shown.title}")
    return 0


def hide(what: What, reason: Reason) -> None:
    """Take a paper or a comment out of lists, search, digests and pages."""
    from netopsy.feed import moderation

    with opened() as (feed, _):
        done = moderation.hide(feed.engine, what, by=_who(), reason=reason, now=datetime.now(UTC))
    say(f"{what} is hidden." if done else f"{what} was hidden already.", err=True)


def unhide(what: What, reason: MaySay = "") -> None:
    """Show again what was hidden."""
    from netopsy.feed import moderation

    with opened() as (feed, _):
        done = moderation.unhide(feed.engine, what, by=_who(), reason=reason, now=datetime.now(UTC))
    say(f"{what} is shown." if done else f"{what} was not hidden.", err=True)


def approve(
    what: Annotated[str, typer.Argument(metavar="COMMENT", help="Such as comment:17.")], reason: MaySay = ""
) -> None:
    """Let a comment through that waits."""
    from netopsy.feed import moderation

    with opened() as (feed, _):
        done = moderation.approve(feed.engine, what, by=_who(), reason=reason, now=datetime.now(UTC))
    say(f"{what} is shown." if done else f"{what} does not wait.", err=True)


def ban(
    whom: Annotated[str, typer.Argument(metavar="WHOM", help="An account, or comment:17 for whoever wrote it.")],
    reason: Reason,
    days: Annotated[int, typer.Option(help="For how long; 0 ends a ban.")] = 7,
) -> None:
    """Keep an account from voting, commenting and bringing papers."""
    from netopsy.feed import moderation

    with opened() as (feed, _):
        until = moderation.ban(feed.engine, whom, days, by=_who(), reason=reason, now=datetime.now(UTC))
    say(f"{whom} is banned until {until:%Y-%m-%d %H:%M} UTC." if until else f"{whom} is not banned any more.", err=True)


def moderation(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show what waits, what is hidden, who is banned, and the log."""
    from netopsy.cli.tables import print_rows
    from netopsy.feed.moderation import overview

    with opened() as (feed, _), feed.engine.connect() as connection:
        found = overview(connection, datetime.now(UTC))
    if as_json:
        say(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for part, columns, cut in (
        ("waiting", ("what", "at", "text"), "text"),
        ("hidden", ("what", "text"), "text"),
        ("banned", ("account", "called", "until"), "account"),
        ("log", ("at", "by", "action", "target", "reason"), "reason"),
    ):
        say(f"{part}: {len(found[part]):,}", err=True)
        print_rows(columns, [tuple(str(each.get(name, "")) for name in columns) for each in found[part]], cut=cut)


def _who() -> str:
    from netopsy.feed.accounts import LOCAL

    return LOCAL
