"""Letters: digests written beside an EmailMessage each, and sent beside smtplib with ready bytes."""

from __future__ import annotations

import quopri
import smtplib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path

from aiosmtpd.controller import Controller

from benchmarks.timing import Bound, Comparison
from netopsy.feed.lists import Entry
from netopsy.feed.mail.answers import Envelope
from netopsy.feed.mail.body import Content, bodies, shown
from netopsy.feed.mail.maildir import Maildir
from netopsy.feed.mail.message import Letter, build
from netopsy.feed.mail.smtp import Server, Smtp
from netopsy.feed.secrets import Secret

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
LETTERS, SENT, PAPERS = 1_000, 90, 10
PORT = 8025
BASE = "https://papers.example.org"


def benchmarks() -> Iterator[Comparison | Bound]:
    """A digest of ten papers that many readers get, each with a link of their own."""
    papers = tuple(_paper(number) for number in range(PAPERS))
    shared = [_letter(number, papers) for number in range(LETTERS)]
    personal = [_letter(number, (*papers[number % PAPERS :], *papers[: number % PAPERS])) for number in range(LETTERS)]
    secret = Secret("00" * 32, ("11" * 32,))

    def ours() -> None:
        for each in shared:
            token = secret.signed("unsubscribe", [each.to, "salt"], now=NOW)
            build(replace(each, unsubscribe=f"{BASE}/unsubscribe/{token}"))

    def theirs() -> None:
        for each in shared:
            token = secret.signed("unsubscribe", [each.to, "salt"], now=NOW)
            _with_email_message(each, f"{BASE}/unsubscribe/{token}")

    yield Comparison(
        f"feed_mail_{LETTERS}_shared_digests", ours, theirs, target=0.1, peer_name="EmailMessage", rounds=3
    )
    yield Bound(f"feed_mail_{LETTERS}_shared_digests_at_100000_a_minute", ours, 0.6, rounds=5)
    yield Bound(
        f"feed_mail_{LETTERS}_personal_digests_at_50000_a_minute", lambda: [build(each) for each in personal], 1.2
    )
    with tempfile.TemporaryDirectory() as folder:
        envelopes = [_envelope(each) for each in shared[:SENT]]
        way = Maildir(Path(folder))
        yield Bound(f"feed_mail_{SENT}_into_a_folder", lambda: [way.send(each) for each in envelopes], 3.0)
    yield from _sending(envelopes)


def _sending(envelopes: list[Envelope]) -> Iterator[Comparison]:
    class Sink:
        async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
            return "250 taken"

    controller = Controller(Sink(), hostname="127.0.0.1", port=PORT)
    controller.start()
    try:

        def ours() -> None:
            way = Smtp(Server("127.0.0.1", PORT, "plain"))
            for each in envelopes:
                way.send(each)
            way.close()

        def theirs() -> None:
            with smtplib.SMTP("127.0.0.1", PORT, local_hostname="localhost") as server:
                for each in envelopes:
                    server.sendmail(each.sender, [each.to], each.content)

        yield Comparison(f"feed_mail_{SENT}_over_smtp", ours, theirs, target=1.3, peer_name="smtplib", rounds=5)
    finally:
        controller.stop()


def _with_email_message(letter: Letter, leave: str) -> bytes:
    """The same letter, with the bodies that are ready and that link in them."""
    message = EmailMessage(policy=SMTP)
    for name, value in {
        "From": letter.sender,
        "To": letter.to,
        "Subject": letter.title,
        "Date": format_datetime(letter.date),
        "Message-ID": letter.message_id,
        "Auto-Submitted": "auto-generated",
        "List-Id": "<papers.papers.example.org>",
        "Precedence": "bulk",
        "List-Unsubscribe": f"<{leave}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }.items():
        message[name] = value
    papers = shown(letter.papers, letter.base_url)
    text, html = bodies(Content(letter.kind, letter.title, "", "", letter.base_url, papers, leaving=True), leave)
    message.set_content(quopri.decodestring(text).decode())
    message.add_alternative(quopri.decodestring(html).decode(), subtype="html")
    return message.as_bytes()


def _letter(number: int, papers: tuple[Entry, ...]) -> Letter:
    return Letter(
        kind="digest",
        to=f"reader{number}@example.org",
        sender="netopsy <papers@example.org>",
        message_id=f"<{number:032x}@example.org>",
        date=NOW,
        title="Papers of 2026-11-28",
        base_url=BASE,
        return_path=f"bounce+{number:032x}.0123456789abcdef@example.org",
        papers=papers,
        unsubscribe=f"{BASE}/unsubscribe/{number:060}",
    )


def _envelope(letter: Letter) -> Envelope:
    return Envelope(letter.message_id, letter.return_path, letter.to, build(letter))


def _paper(number: int) -> Entry:
    return Entry(
        id=f"arxiv:2611.{number:05}",
        title=f"A made-up title of eight or nine words, number {number}",
        authors=("Ann Author", "Ben Writer", "Carl Third", "Dora Fourth"),
        abstract="A sentence of an abstract that says what was done and found. " * 20,
        keywords=(),
        categories=("cs.LG",),
        published=None,
        version=1,
        slug=None,
        day=date(2026, 11, 27),
        votes=number,
        trending=0.0,
        hot=0.0,
    )
