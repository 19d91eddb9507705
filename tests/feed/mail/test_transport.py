"""Mail servers that do what they should, and those that do not."""

import asyncio
import shutil
import socket
import threading
from contextlib import contextmanager
from dataclasses import replace

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword

from netopsy import InputError
from netopsy.feed.mail.answers import Envelope, Outcome, said
from netopsy.feed.mail.maildir import Maildir
from netopsy.feed.mail.smtp import RENEWED, Smtp
from netopsy.feed.mail.transport import transport_at
from netopsy.feed.settings import Settings

CONTENT = b"Subject: a\r\nMessage-ID: <a@example.org>\r\n\r\n.\r\n..two\r\nend\r\n"
LETTER = Envelope("<a@example.org>", "bounce+a.b@example.org", "ada@example.org", CONTENT)


def at(mail, **others):
    return transport_at(Settings(mail=mail, sender="netopsy <papers@example.org>", **others), timeout=1.0)


def plainly(sink):
    return at(f"smtp+plain://127.0.0.1:{sink.port}")


def known(server, session, envelope, mechanism, data):
    fine = isinstance(data, LoginPassword) and (data.login, data.password) == (b"papers", b"pass word")
    return AuthResult(success=fine, handled=fine)


@pytest.fixture
def guarded(serve, certificate):
    options = {"require_starttls": True, "auth_required": True, "authenticator": known}
    with serve(tls_context=certificate[1], **options) as own:
        own.ca = certificate[0]
        yield own


def guarded_way(guarded, tmp_path, *, password="pass word", host="localhost", ca=True):
    file = tmp_path / "password"
    file.write_text(password + "\n")
    asked = f"?ca={guarded.ca}" if ca else ""
    return at(f"smtp://papers@{host}:{guarded.port}{asked}", mail_password_file=str(file))


def test_a_letter_arrives_as_it_was_written(sink):
    way = plainly(sink)
    assert way.send(LETTER).outcome is Outcome.SENT
    way.close()
    (got,) = sink.envelopes
    assert (got.mail_from, got.rcpt_tos, got.original_content) == (LETTER.sender, [LETTER.to], CONTENT)


def test_with_starttls_and_a_password(guarded, tmp_path):
    way = guarded_way(guarded, tmp_path)
    answer = way.send(LETTER)
    assert answer.outcome is Outcome.SENT, answer
    assert "pass word" not in repr(way.server)
    way.close()


def test_over_tls_from_the_beginning(serve, certificate, tmp_path):
    with serve(ssl_context=certificate[1]) as own:
        way = at(f"smtps://localhost:{own.port}?ca={certificate[0]}")
        assert way.send(LETTER).outcome is Outcome.SENT
        assert at(f"smtps://localhost:{own.port}").send(LETTER).outcome is Outcome.UNREACHABLE
        way.close()
    assert len(own.messages) == 1


@pytest.mark.parametrize("change", [{"ca": False}, {"host": "127.0.0.1"}, {"password": "wrong"}])
def test_nothing_is_sent_to_a_server_that_is_not_who_it_should_be_or_does_not_know_us(guarded, tmp_path, change):
    answer = guarded_way(guarded, tmp_path, **change).send(LETTER)
    assert answer.outcome is Outcome.UNREACHABLE
    assert ("certificate" in answer.reply.lower()) == ("password" not in change)
    assert guarded.messages == []


def test_a_server_without_encryption_gets_nothing(sink):
    answer = at(f"smtp://127.0.0.1:{sink.port}").send(LETTER)
    assert (answer.outcome, sink.messages) == (Outcome.UNREACHABLE, [])
    assert "STARTTLS" in answer.reply


@pytest.mark.parametrize(
    ("place", "reply", "outcome"),
    [
        ("at_recipient", "451 4.7.1 <ada@example.org> greylisted", Outcome.AGAIN),
        ("at_recipient", "550 5.1.1 <ada@example.org> no such mailbox", Outcome.REFUSED),
        ("at_recipient", "550 no such mailbox", Outcome.REFUSED),
        ("at_recipient", "554 5.7.1 relaying denied", Outcome.REJECTED),
        ("at_recipient", "552 5.2.2 mailbox full", Outcome.REJECTED),
        ("at_end", "452 4.3.1 disk full", Outcome.AGAIN),
        ("at_end", "554 5.6.0 looks like advertising", Outcome.REJECTED),
    ],
)
def test_what_a_server_says_is_understood_and_the_connection_is_used_on(sink, place, reply, outcome):
    way = plainly(sink)
    setattr(sink, place, reply)
    answer = way.send(LETTER)
    assert answer.outcome is outcome
    assert answer.reply == reply.replace("ada@example.org", "address")
    setattr(sink, place, None)
    assert way.send(LETTER).outcome is Outcome.SENT
    way.close()


def test_a_connection_that_ends_after_the_letter_leaves_it_uncertain(sink):
    async def drop(server):
        server.transport.abort()
        await asyncio.sleep(0)

    way = plainly(sink)
    sink.at_end = drop
    assert way.send(LETTER).outcome is Outcome.UNCERTAIN
    assert len(sink.messages) == 1
    sink.at_end = None
    assert way.send(LETTER).outcome is Outcome.SENT
    way.close()


@pytest.mark.parametrize(("reply", "outcome"), [("hello", "uncertain"), ("354 go on", "uncertain"), ("251 ok", "sent")])
def test_nonsense_after_the_letter_leaves_it_uncertain_and_any_yes_is_one(sink, reply, outcome):
    sink.at_end = reply
    assert plainly(sink).send(LETTER).outcome.value == outcome


def test_a_server_that_hangs_after_the_letter_leaves_it_uncertain(sink):
    async def hang(server):
        await asyncio.sleep(3)
        return "250 late"

    sink.at_end = hang
    way = transport_at(Settings(mail=f"smtp+plain://127.0.0.1:{sink.port}"), timeout=0.2)
    assert way.send(LETTER).outcome is Outcome.UNCERTAIN


@contextmanager
def talking(*lines):
    """A server that says these lines, one a connection, and nothing more."""
    listening = socket.create_server(("127.0.0.1", 0))
    kept = []

    def work():
        for line in lines:
            connection, _ = listening.accept()
            connection.sendall(line)
            kept.append(connection)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        for each in (*kept, listening):
            each.close()


@pytest.mark.parametrize(
    "greeting", [b"", b"220 here\r\n", b"554 go away\r\n", b"<html>\r\n\r\n", b"\xff" * 50, b"220"]
)
def test_a_server_that_says_nothing_or_nonsense_before_the_letter_is_tried_again(greeting):
    with talking(greeting) as port:
        way = transport_at(Settings(mail=f"smtp+plain://127.0.0.1:{port}"), timeout=0.2)
        assert way.send(LETTER).outcome is Outcome.UNREACHABLE


def test_a_server_that_is_not_there_is_tried_again(sink):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    answer = at(f"smtp+plain://127.0.0.1:{port}").send(LETTER)
    assert answer.outcome is Outcome.UNREACHABLE
    assert "refused" in answer.reply


def test_a_connection_is_kept_and_renewed_and_made_anew_when_the_server_closed_it(sink):
    way = plainly(sink)
    assert all(way.send(LETTER).outcome is Outcome.SENT for _ in range(RENEWED + 5))
    assert len(sink.sessions) == 2
    assert isinstance(way, Smtp)
    way._open.sock.shutdown(socket.SHUT_RDWR)
    assert way.send(LETTER).outcome is Outcome.SENT
    assert len(sink.sessions) == 3
    way.close()


def test_a_folder_holds_each_letter_once_also_when_it_was_read(tmp_path):
    way = at(f"maildir:{tmp_path}/mail")
    for _ in range(3):
        assert way.send(replace(LETTER, again=True)).outcome is Outcome.SENT
    (file,) = (tmp_path / "mail" / "new").iterdir()
    assert file.read_bytes() == CONTENT
    file.rename(tmp_path / "mail" / "cur" / f"{file.name}:2,S")
    way.send(replace(LETTER, again=True))
    way.send(replace(LETTER, message_id="<../../evil@example.org>"))
    assert len(list((tmp_path / "mail" / "new").iterdir())) == 1
    assert list((tmp_path / "mail" / "tmp").iterdir()) == []


def test_a_folder_that_went_away_is_tried_again(tmp_path):
    way = at(f"maildir:{tmp_path}/mail")
    shutil.rmtree(tmp_path / "mail")
    assert way.send(LETTER).outcome is Outcome.UNREACHABLE


def test_without_a_setting_letters_go_into_a_folder_beside_the_database(tmp_path, monkeypatch):
    monkeypatch.setenv("NETOPSY_FEED_FOLDER", str(tmp_path / "own"))
    beside = transport_at(Settings(database=f"sqlite:///{tmp_path}/papers.db"))
    assert isinstance(beside, Maildir)
    assert beside.folder == tmp_path / "mail"
    for database in ("", "sqlite://", "postgresql+psycopg://host/papers", "no database"):
        assert transport_at(Settings(database=database)).folder == tmp_path / "own" / "mail"


@pytest.mark.parametrize(
    ("mail", "message"),
    [
        ("maildir:", "the folder is not named"),
        ("maildir:/dev/null/mail", "cannot be made"),
        ("pigeon://home", "begins with 'pigeon'"),
        ("smtp://", "names no server"),
        ("smtp://host:port", "cannot be read"),
        ("smtp://host:99999", "cannot be read"),
        ("smtp://host?ca", "cannot be read"),
        ("smtp://host?ca=/no/such/file", "which is no file"),
        ("smtp://host?tls=no", "ca=FILE alone"),
        ("smtp://papers:hunter2@host", "must not hold a password"),
        ("smtp://papers@host", "mail_password_file must name"),
        ("smtp+plain://mail.example.org", "a server on this machine"),
        ("smtp+plain://10.0.0.1", "a server on this machine"),
        ("smtp+plain://localhost.example.org", "a server on this machine"),
    ],
)
def test_an_address_of_a_server_that_is_none_is_named_without_a_password(mail, message):
    with pytest.raises(InputError, match=message) as caught:
        at(mail)
    assert "hunter2" not in str(caught.value)


def test_a_password_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "password").write_bytes(b"\xff\xfe")
    for file in (tmp_path / "none", tmp_path / "password"):
        with pytest.raises(InputError, match="the password of the mail server cannot be read"):
            at("smtp://papers@host", mail_password_file=str(file))


def test_a_reply_is_one_line_without_addresses():
    assert said(b"a\r\nb\x1b[31m <x@y.org>: \xff" + b"z" * 500, 550).startswith("550 a b[31m <address>: ")
    assert len(said("z" * 5000)) <= 200
