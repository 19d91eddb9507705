"""`netopsy feed subscribe` and what else is about papers by mail."""

import json

import pytest
from sqlalchemy import select

from netopsy.cli import main
from netopsy.feed import Feed, schema


@pytest.fixture(autouse=True)
def own_feed(tmp_path, monkeypatch):
    monkeypatch.setenv("NETOPSY_FEED", f"sqlite:///{tmp_path}/papers.db")
    monkeypatch.setenv("NETOPSY_SECRET_FILE", str(tmp_path / "secret"))


def test_from_asking_to_forgetting(capsys):
    words = ["--weekly", "--weekday", "2", "--zone", "Asia/Tokyo", "--author", "Frankle", "--without", "zebra"]
    assert main(["feed", "subscribe", "ada@example.org", *words]) == 0
    feed = Feed.open()
    with feed.engine.connect() as connection:
        link = json.loads(connection.scalar(select(schema.delivery.c.payload)))["link"]
    feed.close()
    told = capsys.readouterr()
    assert "ada" not in told.out + told.err
    assert main(["feed", "confirm", link]) == 0
    capsys.readouterr()
    assert main(["feed", "subscribers", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["state"], found["kind"], found["zone"]) == ("active", "weekly", "Asia/Tokyo")
    assert main(["feed", "subscribers"]) == 0
    assert "ada@example.org" in capsys.readouterr().out
    assert main(["feed", "my-data", "ada@example.org"]) == 0
    assert json.loads(capsys.readouterr().out)["subscription"]["interests"] == {
        "authors": ["Frankle"],
        "without": ["zebra"],
    }
    assert main(["feed", "unsubscribe", "ada@example.org"]) == 0
    assert main(["feed", "unsubscribe", "ada@example.org"]) == 1
    assert main(["feed", "confirm", link]) == 1
    assert main(["feed", "forget", "ada@example.org"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["subscribe", "nobody"], "address must be a mail address"),
        (["subscribe", "a@example.org", "--hour", "24"], "hour must be a whole number"),
        (["subscribe", "a@example.org", "--zone", "Mars"], "zone must be the name of a time zone"),
        (["my-data", "nobody"], "address must be a mail address"),
    ],
)
def test_bad_input_is_one_sentence(capsys, arguments, message):
    assert main(["feed", *arguments]) == 2
    assert message in capsys.readouterr().err
