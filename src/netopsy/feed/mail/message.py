"""A letter as the bytes that are sent: text and HTML of the same content, for any reader of mail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import urlsplit

from netopsy.core.errors import require
from netopsy.core.texts import plain
from netopsy.feed.calendar import aware
from netopsy.feed.lists import Entry
from netopsy.feed.mail.body import Content, bodies, shown
from netopsy.feed.mail.headers import cleaned, mailbox, written
from netopsy.feed.mail.pictures import Picture
from netopsy.feed.mail.plan import Kind

BOUNDARY, RELATED = "=_netopsy", "=_pictures"
"""Between the parts, and between HTML and its pictures; never found in quoted-printable and base64."""
LONGEST_NOTE = 2_000


@dataclass(frozen=True)
class Letter:
    """One letter to one reader."""

    kind: Kind
    to: str
    sender: str
    """Such as ``netopsy <netopsy@localhost>``."""
    message_id: str
    date: datetime
    title: str
    base_url: str
    return_path: str
    """Where servers report that it did not arrive."""
    papers: tuple[Entry, ...] = ()
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Why its reader gets a paper, after "because", by the paper's key."""
    note: str = ""
    link: str = ""
    """What a confirmation or signing in is about."""
    unsubscribe: str = ""
    """A page that ends these letters, also at one click of a mail program."""


def build(letter: Letter) -> bytes:
    """The letter as RFC 5322 has it: lines end in CRLF, none is long, all of it is ASCII; the same for the same letter.

    Raises:
        InputError: an address or link that cannot stand in a header, or a header that would not be read as it is meant.
    """
    for each in (letter.base_url, letter.link, letter.unsubscribe):
        require(
            each.isascii() and each.isprintable() and not set(each) & set(' <>"'), "a link must be written in ASCII"
        )
    require(letter.link or letter.kind not in ("confirm", "sign-in"), f"a letter to {letter.kind} needs a link")
    content = Content(
        kind=letter.kind,
        title=cleaned(letter.title),
        note=plain(letter.note)[:LONGEST_NOTE],
        link=letter.link,
        base_url=letter.base_url,
        papers=shown(letter.papers, letter.base_url, letter.reasons),
        leaving=bool(letter.unsubscribe),
    )
    text, html = bodies(content, letter.unsubscribe)
    edge = f"--{BOUNDARY}".encode()
    pictures = [each.picture for each in content.papers if each.picture is not None]
    shown_part = _related(edge, html, pictures) if pictures else (_part(edge, b"html", html),)
    return b"".join((written(_fields(letter)), _part(edge, b"plain", text), *shown_part, edge, b"--\r\n"))


def _fields(letter: Letter) -> list[tuple[str, str]]:
    host = urlsplit(letter.base_url).hostname or "localhost"
    fields = [
        ("From", letter.sender),
        ("To", mailbox(letter.to)),
        ("Subject", cleaned(letter.title)),
        ("Date", format_datetime(aware(letter.date))),
        ("Message-ID", letter.message_id),
        ("Auto-Submitted", "auto-generated"),
    ]
    if letter.kind == "digest":
        fields += [("List-Id", f"<papers.{host}>"), ("Precedence", "bulk")]
    if letter.unsubscribe:
        fields.append(("List-Unsubscribe", f"<{letter.unsubscribe}>"))
        if letter.unsubscribe.startswith("https:"):  # RFC 8058 has it for https alone
            fields.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    return [
        *fields,
        ("MIME-Version", "1.0"),
        ("Content-Type", f'multipart/alternative; boundary="{BOUNDARY}"'),
    ]


def _part(edge: bytes, kind: bytes, content: bytes) -> bytes:
    head = b'\r\nContent-Type: text/%s; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n' % kind
    return edge + head + content + b"\r\n"


def _related(edge: bytes, html: bytes, pictures: Sequence[Picture]) -> Iterator[bytes]:
    inner = f"--{RELATED}".encode()
    yield edge + f'\r\nContent-Type: multipart/related; type="text/html"; boundary="{RELATED}"\r\n\r\n'.encode()
    yield _part(inner, b"html", html)
    for each in pictures:
        fields = (
            "Content-Type: image/png",
            "Content-Transfer-Encoding: base64",
            f"Content-ID: <{each.cid}>",
            "Content-Disposition: inline",
        )
        yield b"\r\n".join((inner, *(line.encode("ascii") for line in fields), b"", each.content))
    yield inner + b"--\r\n"
