"""Reports of mail servers: believed only with a return path of ours, and each counted once."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, select

from netopsy import InputError
from netopsy.feed import Feed, schema
from netopsy.feed.database import writing
from netopsy.feed.mail.bounces import LARGEST, messages_at, messages_in, report_of, take_in
from netopsy.feed.mail.verp import return_path
from netopsy.feed.secrets import Secret
from netopsy.feed.settings import Settings

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
OWN, OTHER = Secret("00" * 32, ("11" * 32,)), Secret("22" * 32, ("11" * 32,))


@pytest.fixture
def feed(database_url):
    made = Feed.open(database_url, now=NOW)
    join(made)
    yield made
    made.close()


@pytest.fixture(scope="module")
def unchanged(common_feed):
    """With the same subscriber, for reports that change nothing."""
    join(common_feed)
    return common_feed


def join(feed):
    row = {"id": "ab12", "address_hash": "h", "address": "ada@example.org", "state": "active", "kind": "daily"}
    row |= {"hour": 7, "weekday": 0, "zone": "UTC", "interests": "{}", "salt": "s", "created": NOW}
    with writing(feed.engine) as connection:
        connection.execute(insert(schema.subscriber).values(**row))


def state_in(feed):
    with feed.engine.connect() as connection:
        return connection.scalar(select(schema.subscriber.c.state))


def delivery(status="5.1.1", action="failed", *, name="1", secret=OWN, who="ab12"):
    return f"""From: MAILER-DAEMON@mx.example
To: {return_path(secret, Settings(), who)}
Message-ID: <{name}@mx.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

It did not arrive.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; ada@example.org
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 no such user <ada@example.org>

--b--
""".encode()


def complaint(what="abuse", secret=OWN):
    return f"""From: abuse@provider.example
To: abuse@localhost
Message-ID: <complaint@provider.example>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: message/feedback-report

Feedback-Type: {what}
User-Agent: x/1
Version: 1
Original-Mail-From: <{return_path(secret, Settings(), "ab12")}>

--b
Content-Type: message/rfc822

Subject: Papers

Hello
--b--
""".encode()


def test_a_mailbox_that_is_none_suspends_and_no_address_is_kept(feed):
    found = take_in(feed.engine, OWN, delivery(), now=NOW)
    assert (found.kind, found.status, found.said) == ("hard", "5.1.1", "550 no such user <address>")
    assert state_in(feed) == "suspended"


@pytest.mark.parametrize("status", ["4.2.2", "5.2.2", "5.7.1", "4.4.7"])
def test_five_that_may_pass_in_a_week_suspend(feed, status):
    for number in range(4):
        assert take_in(feed.engine, OWN, delivery(status, name=str(number)), now=NOW).kind == "soft"
    assert take_in(feed.engine, OWN, delivery(status, name="3"), now=NOW) is None
    assert take_in(feed.engine, OWN, delivery(status, name="late"), now=NOW + timedelta(days=8)).kind == "soft"
    assert state_in(feed) == "active"
    for number in range(4):
        take_in(feed.engine, OWN, delivery(status, name=f"more{number}"), now=NOW + timedelta(days=8))
    assert state_in(feed) == "suspended"


def test_a_complaint_ends_the_digests(feed):
    assert take_in(feed.engine, OWN, complaint(), now=NOW).kind == "complaint"
    assert state_in(feed) == "gone"
    assert take_in(feed.engine, OWN, delivery(), now=NOW) is None


@pytest.mark.parametrize(
    "content",
    [
        delivery(secret=OTHER),
        complaint(secret=OTHER),
        complaint("not-spam"),
        delivery("4.4.1", "delayed"),
        delivery("2.0.0", "delivered"),
        delivery("5"),
        delivery("5.1.1\n X: y", "failed")[:200],
        b"",
        b"hello",
        b"\xff\x00" * 50,
        b"x" * (LARGEST + 1),
    ],
)
def test_what_is_not_believed_changes_nothing(unchanged, content):
    with pytest.raises(InputError):
        take_in(unchanged.engine, OWN, content, now=NOW)
    assert state_in(unchanged) == "active"


def test_a_subscriber_that_there_is_none_of_is_passed_over(feed):
    assert take_in(feed.engine, OWN, delivery(who="cd34"), now=NOW) is None


def test_messages_are_found_in_a_maildir_an_mbox_and_a_file(tmp_path):
    (tmp_path / "box" / "new").mkdir(parents=True)
    (tmp_path / "box" / "tmp").mkdir()
    (tmp_path / "box" / "new" / "1").write_bytes(delivery())
    (tmp_path / "box" / "tmp" / "2").write_bytes(b"half")
    mbox = b"".join(b"From x Sat Nov 28 12:00:00 2026\n" + each + b"\n" for each in (delivery(), complaint()))
    (tmp_path / "mbox").write_bytes(mbox)
    assert [report_of(each, OWN).kind for _, each in messages_at(tmp_path / "box")] == ["hard"]
    assert [report_of(each, OWN).kind for _, each in messages_at(tmp_path / "mbox")] == ["hard", "complaint"]
    assert [report_of(each, OWN).kind for _, each in messages_in(complaint(), "-")] == ["complaint"]
    with pytest.raises(InputError, match="there is no file"):
        list(messages_at(tmp_path / "nowhere"))


@pytest.mark.parametrize("odd", ["parts", "comments"])
def test_a_report_of_parts_within_parts_is_refused_in_a_sentence(odd):
    if odd == "parts":
        head = "Content-Type: multipart/mixed; boundary=x{0}\r\n\r\n--x{0}\r\n"
        text = "".join(head.format(each) for each in range(3000))
    else:
        text = f"To: {'(' * 50_000}\r\nContent-Type: multipart/report; boundary=x\r\n\r\n"
        text += "--x\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\n\r\n--x--\r\n"
    with pytest.raises(InputError):
        report_of(text.encode(), OWN)
