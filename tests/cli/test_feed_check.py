"""`netopsy feed check` names what is wrong with how a feed is set up, one sentence each, without sending a letter."""

import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from netopsy.cli.app import main
from netopsy.feed import Feed, schema
from netopsy.feed.database import writing

pytest.importorskip("sqlalchemy")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    for name in ("NETOPSY_FEED", "NETOPSY_BASE_URL", "NETOPSY_MAIL", "NETOPSY_SETTINGS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETOPSY_FEED_FOLDER", str(tmp_path / "feed"))
    monkeypatch.chdir(tmp_path)
    Path("broken").write_text("{}")
    Path("text").write_text("of no kind")
    Path("wrong.toml").write_text("moderators = 3\n")
    Path("unknown.toml").write_text("colour = 'red'\n")
    Path("zero.toml").write_text('secret_file = "a\\u0000b"\n')


def closed_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"NETOPSY_BASE_URL": "papers.example.org"}, "base_url must be an address"),
        ({"NETOPSY_BASE_URL": "http://[x"}, "base_url must be an address"),
        ({"NETOPSY_BASE_URL": "http://x:99999999"}, "base_url must be an address"),
        ({"NETOPSY_BASE_URL": "https://x.example/<b>"}, "base_url must be an address"),
        ({"NETOPSY_BASE_URL": "https://ada:pw@x.example"}, "base_url must be an address"),
        ({"NETOPSY_BASE_URL": "http://papers.example.org", "NETOPSY_MAIL": "maildir:mail"}, "is not encrypted"),
        ({"NETOPSY_BASE_URL": "https://papers.example.org"}, "letters stay in a folder"),
        ({"NETOPSY_FEED": "mysql://x/y"}, "database must be given as"),
        ({"NETOPSY_FEED": "sqlite:///text"}, "cannot be opened: file is not a database"),
        ({"NETOPSY_FEED": "sqlite:///text/papers.db"}, "database cannot be made"),
        ({"NETOPSY_FEED": "sqlite:///~nobody-of-that-name/papers.db"}, "database cannot be made"),
        ({"NETOPSY_FEED_FOLDER": "~nobody-of-that-name"}, "NETOPSY_FEED_FOLDER"),
        ({"NETOPSY_FEED": "postgresql+psycopg://x:y/z"}, "database must be given as"),
        ({"NETOPSY_FEED": "postgresql+psycopg://u@127.0.0.1:9/x"}, "cannot be opened"),
        ({"NETOPSY_MAIL": "pigeon:post"}, "mail must be maildir:FOLDER"),
        ({"NETOPSY_MAIL": "maildir:text"}, "the folder for mail"),
        ({"NETOPSY_MAIL": "smtp://ada@127.0.0.1:25"}, "mail_password_file must name the file"),
        ({"NETOPSY_MAIL": "smtp://ada:secret@127.0.0.1:25"}, "must not hold a password"),
        ({"NETOPSY_MAIL": "smtp+plain://127.0.0.1:PORT"}, "letters cannot go out by mail: [Errno 111]"),
        ({"NETOPSY_MAIL": "smtp://127.0.0.1:PORT"}, "sender must have an address of your own"),
        ({"NETOPSY_MAIL_FROM": "nobody"}, "sender must be like"),
        ({"NETOPSY_MODERATORS": "ada@example.org, bob"}, "moderators must be mail addresses"),
        ({"NETOPSY_SECRET_FILE": "broken"}, "must hold JSON with 'hashing' and 'signing'"),
        ({"NETOPSY_SECRET_FILE": "~nobody-of-that-name/secret"}, "secret_file"),
        ({"NETOPSY_RUNS": "text/runs"}, "runs cannot be written"),
        ({"NETOPSY_SETTINGS": "none.toml"}, "settings in 'none.toml' cannot be read"),
        ({"NETOPSY_SETTINGS": "~nobody-of-that-name/x.toml"}, "cannot be read"),
        ({"NETOPSY_SETTINGS": "wrong.toml"}, "setting 'moderators' must be text, got int"),
        ({"NETOPSY_SETTINGS": "unknown.toml"}, "there is no setting 'colour'"),
        ({"NETOPSY_SETTINGS": "zero.toml"}, "secret_file must be the name of a file"),
    ],
)
def test_a_broken_setting_is_named_in_a_sentence_and_ends_with_2(capsys, monkeypatch, variables, told):
    for name, value in variables.items():
        monkeypatch.setenv(name, value.replace("PORT", str(closed_port())))
    assert main(["feed", "check"]) == 2
    found = capsys.readouterr().err
    assert told in found
    assert "secret@" not in found
    assert "Traceback" not in found


def test_what_is_well_is_told_and_ends_with_0(capsys, tmp_path):
    assert main(["feed", "check"]) == 0
    told = capsys.readouterr()
    assert "into a folder, from netopsy" in told.out
    assert "papers.db" in told.out
    assert told.err == ""
    assert list((tmp_path / "feed" / "mail" / "tmp").iterdir()) == []
    assert set(json.loads((tmp_path / "feed" / "secret").read_text())) == {"hashing", "signing"}


def test_subscribers_in_a_zone_that_is_gone_are_told_of(capsys, tmp_path):
    row = {"id": "a", "address_hash": "a", "address": "a@example.org", "state": "active", "kind": "daily", "salt": "x"}
    row |= {
        "hour": 7,
        "weekday": 0,
        "zone": "Mars/Olympus",
        "interests": "{}",
        "created": datetime(2026, 1, 1, tzinfo=UTC),
    }
    feed = Feed.open()
    with writing(feed.engine) as connection:
        connection.execute(insert(schema.subscriber).values(**row))
    feed.close()
    assert main(["feed", "check"]) == 2
    assert "some subscribers cannot get digests: zone must be" in capsys.readouterr().err
