"""Letters that did not arrive, and readers who complained: reports of mail servers (RFC 3464, RFC 5965).

Anybody can write such a report, so one is believed only where it came to, or is about, a return path of ours.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.utils import getaddresses
from pathlib import Path
from typing import Literal

from sqlalchemy import Engine, func, insert, select, update

from netopsy.core.errors import InputError, require
from netopsy.feed import schema
from netopsy.feed.calendar import aware
from netopsy.feed.database import writing
from netopsy.feed.mail.answers import said
from netopsy.feed.mail.verp import subscriber_of_return_path
from netopsy.feed.secrets import Secret
from netopsy.feed.subscriptions import end

LARGEST = 1_000_000
"""Bytes of a report that is read."""
SOFT = 5
"""So many that may pass, within `WITHIN`, suspend a subscriber."""
WITHIN = timedelta(7)
ADDRESSED = ("To", "Delivered-To", "X-Original-To", "Envelope-To", "Resent-To")
_PASSING = re.compile(r"4\.\d{1,3}\.\d{1,3}|5\.2\.2|5\.7\.\d{1,3}")
"""What may pass: also a full mailbox, and a refusal that is about who sends."""
_BETWEEN = re.compile(rb"(?:\A|\r?\n\r?\n)From [^\r\n]*\r?\n")
"""What stands before each message of an mbox file."""

Kind = Literal["hard", "soft", "complaint"]


@dataclass(frozen=True)
class Report:
    """What a report says of letters to one subscriber."""

    subscriber: str
    kind: Kind
    status: str
    said: str
    name: str
    """The same for the same report."""


def report_of(content: bytes, secret: Secret) -> Report:
    """What a message reports.

    Raises:
        InputError: it is no report, or one of nothing that concerns us, or is not believed.
    """
    require(len(content) <= LARGEST, f"a report has at most {LARGEST:,} bytes, this one has {len(content):,}")
    try:
        return _read_as_report(content, secret)
    except RecursionError:
        raise InputError("it holds parts within parts, deeper than any report does") from None


def _read_as_report(content: bytes, secret: Secret) -> Report:
    message = message_from_bytes(content)
    parts = {part.get_content_type(): part for part in message.walk()}
    known = [value for name in ADDRESSED for value in map(str, message.get_all(name, []))]
    told: tuple[Kind, str, str] | None = None
    if "message/delivery-status" in parts:
        told = _of_delivery(parts["message/delivery-status"])
    elif "message/feedback-report" in parts:
        fields = _blocks(parts["message/feedback-report"])[:1]
        known += [str(each.get("Original-Mail-From", "")) for each in fields]
        what = said(fields[0].get("Feedback-Type", "")) if fields else ""
        told = ("complaint", what, "") if what and what != "not-spam" else None
    require(told is not None, "it reports no letter that did not arrive and no complaint")
    assert told is not None
    subscriber = next(filter(None, (subscriber_of_return_path(secret, each) for _, each in getaddresses(known))), None)
    require(subscriber is not None, "it is not about a letter of ours, or its address was not made here")
    own = str(message.get("Message-ID", "")).strip().encode("utf-8", "replace") or content.replace(b"\r\n", b"\n")
    return Report(str(subscriber), *told, hashlib.sha256(f"{subscriber}\0".encode() + own).hexdigest())


def take_in(engine: Engine, secret: Secret, content: bytes, *, now: datetime) -> Report | None:
    """Do what a report asks for; ``None`` where it was taken in before, or its subscriber is gone.

    A mailbox that there is none of suspends its subscriber, and so do `SOFT` reports in a week of what may pass; a
    complaint ends the digests. Coming back needs a new confirmation.

    Raises:
        InputError: see `report_of`.
    """
    found, moment = report_of(content, secret), aware(now)
    who, table = schema.subscriber, schema.bounce
    with writing(engine) as connection:
        state = connection.scalar(select(who.c.state).where(who.c.id == found.subscriber))
        seen = connection.scalar(select(table.c.id).where(table.c.report == found.name))
        if state in (None, "gone") or seen is not None:
            return None
        told = {"kind": found.kind, "status": found.status, "said": found.said, "report": found.name}
        connection.execute(insert(table).values(subscriber=found.subscriber, at=moment, **told))
        if found.kind == "complaint":
            end(connection, found.subscriber)
            return found
        recent = (table.c.subscriber == found.subscriber) & (table.c.kind == "soft") & (table.c.at > moment - WITHIN)
        softs = connection.scalar(select(func.count()).where(recent)) or 0
        if found.kind == "hard" or softs >= SOFT:
            connection.execute(update(who).where(who.c.id == found.subscriber).values(state="suspended"))
    return found


def messages_at(path: Path) -> Iterator[tuple[str, bytes]]:
    """The messages of a maildir, of an mbox file, or of a file that is one message; each with where it is.

    Raises:
        InputError: there is nothing of that name, or it cannot be read.
    """
    require(path.exists(), f"there is no file or folder {str(path)!r}")
    try:
        if path.is_dir():
            folders = [each for each in (path / "new", path / "cur") if each.is_dir()] or [path]
            for file in sorted(each for folder in folders for each in folder.iterdir() if each.is_file()):
                yield file.name, _read(file)
            return
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"reports in {str(path)!r} cannot be read: {error.strerror}") from None
    yield from messages_in(content, path.name)


def messages_in(content: bytes, name: str) -> Iterator[tuple[str, bytes]]:
    """The messages of an mbox, or the one message that the bytes are."""
    if not content.startswith(b"From "):
        yield name, content
        return
    for number, each in enumerate(_BETWEEN.split(content)[1:], 1):
        yield f"{name}, message {number}", each


def _read(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(LARGEST + 1)


def _of_delivery(part: Message) -> tuple[Kind, str, str] | None:
    """The worst that is said of any recipient; a letter that is only late is no bounce."""
    found: tuple[Kind, str, str] | None = None
    for block in _blocks(part):
        status = said(block.get("Status", "")).split(" ")[0]
        if said(block.get("Action", "")).lower() != "failed" or not re.fullmatch(r"[45]\.\d{1,3}\.\d{1,3}", status):
            continue
        why = said(str(block.get("Diagnostic-Code", "")).rpartition(";")[2])
        if not _PASSING.fullmatch(status):
            return "hard", status, why
        found = found or ("soft", status, why)
    return found


def _blocks(part: Message) -> list[Message]:
    inner = part.get_payload()
    return [each for each in inner if isinstance(each, Message)] if isinstance(inner, list) else []
