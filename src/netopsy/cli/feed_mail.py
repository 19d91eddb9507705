"""`netopsy feed subscribe` and what else is about papers by mail."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from netopsy.cli.terminal import complain, say
from netopsy.core.errors import InputError

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from netopsy.feed.secrets import Secret
    from netopsy.feed.settings import Settings

Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="Such as ada@example.org.")]
COLUMNS = ("address", "state", "kind", "hour", "zone", "next due", "bounces")


def register(group: typer.Typer) -> None:
    """Add the commands to the group of the feed."""
    for command in (subscribe, confirm, subscribers, unsubscribe, my_data, forget):
        group.command(command.__name__.replace("_", "-"))(command)


def subscribe(
    address: Address,
    weekly: Annotated[bool, typer.Option("--weekly", help="Once a week; daily unless given.")] = False,
    hour: Annotated[int, typer.Option(help="Of the day, from 0 to 23.")] = 7,
    weekday: Annotated[int, typer.Option(help="Of a weekly digest: 0 is Monday.")] = 0,
    zone: Annotated[str, typer.Option(help="Whose clock it is, such as Europe/Berlin.")] = "UTC",
    author: Annotated[list[str] | None, typer.Option(help="Papers of this author first; may be given again.")] = None,
    word: Annotated[list[str] | None, typer.Option(help="Then papers with this word.")] = None,
    room: Annotated[list[str] | None, typer.Option(help="And papers of this category, such as cs.LG.")] = None,
    paper: Annotated[list[str] | None, typer.Option(help="The others by how near they are to this one.")] = None,
    without: Annotated[list[str] | None, typer.Option(help="Never papers with this word.")] = None,
) -> None:
    """Plan a letter that asks an address whether it wants papers by mail, or wants them so from now on."""
    from netopsy.feed.subscriptions import subscribe

    given = {"authors": author, "words": word, "rooms": room, "papers": paper, "without": without}
    with _opened() as (engine, settings, secret):
        subscribe(
            engine,
            settings,
            secret,
            address,
            kind="weekly" if weekly else "daily",
            hour=hour,
            weekday=weekday,
            zone=zone,
            interests={name: value for name, value in given.items() if value},
            now=datetime.now(UTC),
        )
    say("A letter with a link goes to that address; digests begin when the link is pressed.", err=True)


def confirm(link: Annotated[str, typer.Argument(metavar="LINK", help="The link of the letter, or its end.")]) -> int:
    """Press the link of a letter that asks whether you want papers by mail."""
    from netopsy.feed.subscriptions import confirm

    with _opened() as (engine, _, secret):
        if not confirm(engine, secret, link.strip().rpartition("/")[2], now=datetime.now(UTC)):
            complain("this link is not good, or not any more: it is for a day; ask for another letter")
            return 1
    say("Digests come as they were asked for.", err=True)
    return 0


def subscribers(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show who gets papers by mail."""
    from netopsy.cli.tables import print_rows
    from netopsy.feed.subscriptions import subscribers

    with _opened() as (engine, _, _), engine.connect() as connection:
        found = subscribers(connection)
    if as_json:
        say(json.dumps(found, indent=2, ensure_ascii=False, default=datetime.isoformat))
        return
    rows = [
        (
            each["address"],
            each["state"],
            each["kind"],
            str(each["hour"]),
            each["zone"],
            f"{each['next_due']:%Y-%m-%d %H:%M} UTC" if each["next_due"] else "",
            str(each["bounces"]),
        )
        for each in found
    ]
    print_rows(COLUMNS, rows, cut="address")


def unsubscribe(address: Address) -> int:
    """End the digests to an address."""
    from netopsy.feed.subscriptions import unsubscribe_address

    with _opened() as (engine, _, secret):
        return _told(unsubscribe_address(engine, secret, address, datetime.now(UTC)), "Its digests have ended.")


def my_data(address: Address) -> None:
    """Print all that is kept of an address, as JSON."""
    from netopsy.feed.privacy import my_data

    with _opened() as (engine, _, secret):
        say(json.dumps(my_data(engine, secret, address), indent=2, ensure_ascii=False))


def forget(address: Address) -> int:
    """Delete all that is kept of an address; a hash stays, so that only a new confirmation brings it back."""
    from netopsy.feed.privacy import forget

    with _opened() as (engine, _, secret):
        return _told(forget(engine, secret, address, datetime.now(UTC)), "All of it is deleted; a hash stays.")


def _told(done: bool, what: str) -> int:
    if not done:
        complain("nothing is kept of that address")
        return 1
    say(what, err=True)
    return 0


@contextmanager
def _opened() -> Iterator[tuple[Engine, Settings, Secret]]:
    from sqlalchemy.exc import DBAPIError

    from netopsy.feed import Feed
    from netopsy.feed.settings import settings

    found = settings()
    try:
        with closing(Feed.open(found.database or None)) as feed:
            yield feed.engine, found, found.secret()
    except DBAPIError as error:
        raise InputError(f"the feed's database does not answer: {error.orig}") from None
