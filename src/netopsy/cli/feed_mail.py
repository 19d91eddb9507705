"""`netopsy feed subscribe` and what else is about papers by mail."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from netopsy.cli.opened import opened
from netopsy.cli.terminal import complain, say
from netopsy.core.errors import InputError, require

Rate = Annotated[int | None, typer.Option(help="At most this many letters a minute, as a mail server may ask for.")]
Address = Annotated[str, typer.Argument(metavar="ADDRESS", help="Such as ada@example.org.")]
LETTERS = ("id", "kind", "state", "tries", "planned", "reply")
COLUMNS = ("address", "state", "kind", "hour", "zone", "next due", "bounces")


def register(group: typer.Typer) -> None:
    """Add the commands to the group of the feed."""
    for command in (subscribe, confirm, subscribers, unsubscribe, my_data, forget, send_digest, outbox, bounces, tick):
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
    with opened() as (feed, settings):
        subscribe(
            feed.engine,
            settings,
            settings.secret(),
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

    with opened() as (feed, settings):
        if not confirm(feed.engine, settings.secret(), link.strip().rpartition("/")[2], now=datetime.now(UTC)):
            complain("this link is not good, or not any more: it is for a day; ask for another letter")
            return 1
    say("Digests come as they were asked for.", err=True)
    return 0


def subscribers(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Show who gets papers by mail."""
    from netopsy.cli.tables import print_rows
    from netopsy.feed.subscriptions import subscribers

    with opened() as (feed, _), feed.engine.connect() as connection:
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

    with opened() as (feed, settings):
        return _told(
            unsubscribe_address(feed.engine, settings.secret(), address, datetime.now(UTC)), "Its digests have ended."
        )


def my_data(address: Address) -> None:
    """Print all that is kept of an address, as JSON."""
    from netopsy.feed.privacy import my_data

    with opened() as (feed, settings):
        say(json.dumps(my_data(feed.engine, settings.secret(), address), indent=2, ensure_ascii=False))


def forget(address: Address) -> int:
    """Delete all that is kept of an address; a hash stays, so that only a new confirmation brings it back."""
    from netopsy.feed.privacy import forget

    with opened() as (feed, settings):
        return _told(
            forget(feed.engine, settings.secret(), address, datetime.now(UTC)), "All of it is deleted; a hash stays."
        )


def send_digest(
    preview: Annotated[
        Path | None, typer.Option(help="Write what would be sent to this .eml or .html file, and send nothing.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what is due, and send nothing.")] = False,
    limit: Annotated[int, typer.Option(help="At most this many letters.")] = 500,
    rate: Rate = None,
) -> int:
    """Plan the digests that have fallen due, and send what waits."""
    if preview is not None:
        _preview(preview)
        return 0
    if dry_run:
        from netopsy.feed.mail.preview import due

        with opened() as (feed, _), feed.engine.connect() as connection:
            found = due(connection, datetime.now(UTC))
        say(f"{found.digests:,} digests to plan, {found.letters:,} letters to send.")
        return 0
    return tick(limit, rate)


def tick(limit: Annotated[int, typer.Option(help="At most this many letters.")] = 500, rate: Rate = None) -> int:
    """Do what has fallen due: plan digests, send letters, drop old runs. Call it as often as you like."""
    require(rate is None or rate >= 1, f"--rate must be at least 1, got {rate}")
    import time
    from collections import Counter

    from netopsy.feed.mail.transport import transport_at
    from netopsy.feed.tick import tick
    from netopsy.web.runs.expiry import expire, runs_folder

    counts, left, at_once = Counter[str](), limit, limit if rate is None else max(1, rate // 60)
    with opened() as (feed, settings), closing(transport_at(settings)) as transport:
        expire(feed.engine, runs_folder(feed.engine, settings), now=datetime.now(UTC))
        while True:
            found = tick(feed, settings, transport, now=datetime.now(UTC), limit=min(left, at_once))
            sent = found.sending
            many = {name: getattr(sent, name) for name in ("sent", "retry", "failed", "uncertain")}
            counts.update(many, planned=found.planned)
            left -= sum(many.values())
            if rate is None or sent.trouble or left <= 0 or not any(many.values()):
                break
            time.sleep(60 * at_once / rate)
    say(
        f"{counts['planned']:,} digests planned; {counts['sent']:,} letters sent, {counts['retry']:,} put off, "
        f"{counts['failed']:,} failed, {counts['uncertain']:,} uncertain.",
        err=True,
    )
    if sent.trouble:
        complain(f"letters wait: {sent.trouble}")
    return 1 if sent.trouble else 0


def outbox(
    uncertain: Annotated[
        bool, typer.Option("--uncertain", help="Only those of which nobody knows whether they arrived.")
    ] = False,
    resend: Annotated[str | None, typer.Option(help="Let this uncertain letter be sent again.")] = None,
    limit: Annotated[int, typer.Option(help="At most this many letters.")] = 50,
) -> None:
    """Show the letters, the newest first; without the addresses they go to."""
    from netopsy.cli.tables import print_rows
    from netopsy.feed.mail import outbox

    require(limit >= 1, f"--limit must be at least 1, got {limit}")
    with opened() as (feed, _):
        if resend is not None:
            outbox.resend(feed.engine, resend, now=datetime.now(UTC))
            say("It will be sent again.", err=True)
            return
        found = outbox.letters(feed.engine, state="uncertain" if uncertain else None, limit=limit)
    rows = [
        (
            each["id"],
            each["kind"],
            each["state"],
            str(each["tries"]),
            f"{each['planned']:%Y-%m-%d %H:%M}",
            each["reply"],
        )
        for each in found
    ]
    print_rows(LETTERS, [tuple(each or "" for each in row) for row in rows], cut="reply")


def bounces(
    path: Annotated[
        str, typer.Argument(metavar="PATH|-", help="A maildir, an mbox or a message; - reads from the standard input.")
    ],
) -> None:
    """Take in reports of letters that did not arrive, and complaints. One that is not believed is named."""
    import sys
    from collections import Counter

    from netopsy.core.paths import path_from
    from netopsy.feed.mail.bounces import messages_at, messages_in, take_in

    counts = Counter[str]()
    with opened() as (feed, settings):
        secret = settings.secret()
        found = messages_in(sys.stdin.buffer.read(), "-") if path == "-" else messages_at(path_from(path, "PATH"))
        for where, content in found:
            try:
                report = take_in(feed.engine, secret, content, now=datetime.now(UTC))
            except InputError as error:
                complain(f"{where}: {error}")
                counts["passed over"] += 1
                continue
            counts[report.kind if report else "known"] += 1
    kinds = ("hard", "soft", "complaint", "known", "passed over")
    say(", ".join(f"{counts[kind]:,} {kind}" for kind in kinds) + ".", err=True)


def _preview(path: Path) -> None:
    from netopsy.core.files import replacing
    from netopsy.core.paths import path_from
    from netopsy.feed.mail.preview import as_page, example

    place = path_from(path, "--preview")
    require(place.suffix in (".eml", ".html"), f"--preview must end in .eml or .html, got {place.name!r}")
    with opened() as (feed, settings):
        content = example(feed, settings, now=datetime.now(UTC))
    if place.suffix == ".html":
        content = as_page(content)
    try:
        with replacing(place) as unfinished:
            unfinished.write_bytes(content)
    except OSError as error:
        raise InputError(f"--preview {str(place)!r} cannot be written: {error.strerror}") from None


def _told(done: bool, what: str) -> int:
    if not done:
        complain("nothing is kept of that address")
        return 1
    say(what, err=True)
    return 0
