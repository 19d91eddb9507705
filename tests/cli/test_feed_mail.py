"""`netopsy feed subscribe` and what else is about papers by mail."""

import json

import pytest
from sqlalchemy import select

from netopsy.cli import main
from netopsy.feed import Feed, schema

pytestmark = pytest.mark.usefixtures("own_feed")


def test_from_asking_to_forgetting(capsys):
    words = ["--weekly", "--weekday", "2", "--zone", "Asia/Tokyo", "--author", "Frankle", "--without", "zebra"]
    assert main(["feed", "subscribe", "ada@example.org", *words]) == 0
    feed = Feed.open()
    with feed.engine.connect() as connection:
        link = json.loads(connection.scalar(select(schema.delivery.c.payload)))["link"]
    feed.close()
    told = capsys.readouterr()
    assert "ada@" not in told.out + told.err
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


def test_letters_go_to_a_folder_once(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NETOPSY_MAIL", f"maildir:{tmp_path / 'box'}")
    assert main(["feed", "subscribe", "ada@example.org"]) == 0
    assert main(["feed", "send-digest", "--dry-run"]) == 0
    assert "0 digests to plan, 1 letters to send." in capsys.readouterr().out
    assert main(["feed", "tick"]) == 0
    assert main(["feed", "send-digest"]) == 0
    assert len(list((tmp_path / "box" / "new").iterdir())) == 1
    capsys.readouterr()
    assert main(["feed", "outbox"]) == 0
    shown = capsys.readouterr().out
    assert "confirm" in shown
    assert "ada@" not in shown
    assert main(["feed", "outbox", "--resend", "nothing"]) == 2


@pytest.mark.parametrize("name", ["digest.eml", "digest.html"])
def test_a_digest_can_be_looked_at_before(tmp_path, name):
    assert main(["feed", "send-digest", "--preview", str(tmp_path / name)]) == 0
    text = (tmp_path / name).read_text()
    assert "Papers of 2025-03-14" in text
    assert "31 more on the page" in text
    assert ("cid:" in text) == name.endswith("eml")
    assert ('src="data:image/png;base64,' in text) == name.endswith("html")


def test_what_is_no_preview_is_named(tmp_path, capsys):
    assert main(["feed", "send-digest", "--preview", str(tmp_path / "a.txt")]) == 2
    assert ".eml or .html" in capsys.readouterr().err


def test_a_server_that_does_not_answer_is_said_and_loses_nothing(monkeypatch, capsys):
    import socket

    with socket.socket() as taken:  # bound and not listening
        taken.bind(("127.0.0.1", 0))
        monkeypatch.setenv("NETOPSY_MAIL", f"smtp+plain://127.0.0.1:{taken.getsockname()[1]}")
        assert main(["feed", "subscribe", "ada@example.org"]) == 0
        assert main(["feed", "tick"]) == 1
    assert "letters wait" in capsys.readouterr().err
    monkeypatch.setenv("NETOPSY_MAIL", "pigeon:loft")
    assert main(["feed", "tick"]) == 2


def test_reports_are_counted_and_odd_ones_named(tmp_path, capsys):
    (tmp_path / "odd").write_bytes(b"hello")
    assert main(["feed", "bounces", str(tmp_path / "odd")]) == 0
    told = capsys.readouterr().err
    assert "odd: it reports no letter" in told
    assert "1 passed over" in told
    assert main(["feed", "bounces", str(tmp_path / "nowhere")]) == 2


def test_all_commands_go_to_the_database_of_the_settings(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("NETOPSY_FEED")
    (tmp_path / "papers.db").unlink()
    (tmp_path / "netopsy.toml").write_text(f'database = "sqlite:///{tmp_path}/other.db"\n')
    monkeypatch.setenv("NETOPSY_SETTINGS", str(tmp_path / "netopsy.toml"))
    assert main(["feed", "check"]) == 0
    assert "other.db" in capsys.readouterr().out
    assert main(["feed", "subscribers"]) == 0
    assert sorted(each.name for each in tmp_path.glob("*.db")) == ["other.db"]


def test_letters_go_out_no_faster_than_is_asked_for(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("NETOPSY_MAIL", f"maildir:{tmp_path / 'box'}")
    for number in range(5):
        assert main(["feed", "subscribe", f"ada{number}@example.org"]) == 0
    waited = []
    monkeypatch.setattr("time.sleep", waited.append)
    assert main(["feed", "send-digest", "--rate", "120"]) == 0
    assert waited == [1.0, 1.0, 1.0]
    assert "5 letters sent" in capsys.readouterr().err
    assert len(list((tmp_path / "box" / "new").iterdir())) == 5
    assert main(["feed", "tick", "--rate", "0"]) == 2
    assert "--rate must be at least 1" in capsys.readouterr().err
