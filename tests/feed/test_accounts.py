"""Accounts beneath the page: what is known of them, what time does to them, and databases of before there were any."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, insert, select, text, update

from netopsy import InputError
from netopsy.feed import accounts, database, privacy, quotas, schema, sessions, shelf, votes
from netopsy.feed.database import open_database, writing
from netopsy.feed.mail.maildir import Maildir
from netopsy.feed.secrets import Secret
from netopsy.feed.settings import Settings, settings
from netopsy.feed.tick import tick

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
OWN = Secret("00" * 32, ("11" * 32,))
HERE = Settings(base_url="https://papers.example.org")
PAPER = "arxiv:2310.06110"


def rows(feed, table):
    with feed.engine.connect() as connection:
        return connection.execute(select(table)).all()


def letter(feed, address="ada@example.org", now=NOW):
    before = {each.id for each in rows(feed, schema.delivery)}
    assert accounts.ask(feed.engine, HERE, OWN, address, visitor="v", now=now)
    (new,) = [each for each in rows(feed, schema.delivery) if each.id not in before]
    return json.loads(new.payload)["link"].rpartition("/")[2]


def session(feed, address="ada@example.org", now=NOW):
    found = accounts.sign_in(feed.engine, OWN, letter(feed, address, now), now=now)
    return sessions.session_of(feed.engine, OWN, found.token, now).account


def kept(feed):
    account = session(feed)
    with writing(feed.engine) as connection:
        votes.cast(connection, PAPER, account, NOW)
        shelf.save(connection, account, PAPER, NOW)
        shelf.change(connection, account, PAPER, tags=["t"], note="n", read=False, now=NOW)
    return account


def test_what_is_kept_is_handed_out_by_address_and_forgotten(feed):
    account = kept(feed)
    found = privacy.my_data(feed.engine, OWN, "ADA@example.org")
    assert found["account"]["votes"] == [{"paper": PAPER, "at": NOW.isoformat()}]
    assert found["account"]["shelf"][0]["tags"] == ["t"]
    assert [each["kind"] for each in found["letters"]] == ["sign-in"]
    assert found == privacy.my_account(feed.engine, OWN, account)
    letter(feed)
    assert privacy.forget(feed.engine, OWN, "ada@example.org", NOW)
    tables = (schema.account, schema.vote, schema.shelf, schema.session, schema.sign_in_link, schema.delivery)
    assert [rows(feed, each) for each in tables] == [[]] * 6
    assert not privacy.forget(feed.engine, OWN, "ada@example.org", NOW)


def test_votes_of_whoever_leaves_are_taken_out_of_what_is_trending(feed):
    account = session(feed, now=NOW - timedelta(days=3))
    with writing(feed.engine) as connection:
        votes.cast(connection, PAPER, "other", NOW)
        votes.cast(connection, PAPER, account, NOW)
    assert feed.show(PAPER, now=NOW).trending == pytest.approx(2.0)
    privacy.forget_account(feed.engine, OWN, account, NOW)
    assert feed.show(PAPER, now=NOW).trending == pytest.approx(1.0)


def test_an_account_without_an_address_is_handed_out_and_deleted_too(feed):
    accounts.make_local(feed.engine, accounts.LOCAL, NOW)
    assert privacy.my_account(feed.engine, OWN, accounts.LOCAL)["account"]["created"] == NOW.isoformat()
    privacy.forget_account(feed.engine, OWN, accounts.LOCAL, NOW)
    assert privacy.my_account(feed.engine, OWN, accounts.LOCAL) == {"account": None}


def test_the_tick_counts_votes_and_drops_what_is_over(feed, tmp_path):
    account = kept(feed)
    letter(feed)
    box = Maildir(tmp_path / "mail")
    tick(feed, HERE, box, now=NOW + timedelta(hours=23))
    assert (len(rows(feed, schema.sign_in_link)), feed.show(PAPER).votes) == (0, 0)
    tick(feed, HERE, box, now=NOW + timedelta(hours=24))
    tick(feed, HERE, box, now=NOW + timedelta(hours=25))
    assert feed.show(PAPER).votes == 1
    assert feed.show(PAPER, now=NOW + timedelta(hours=24)).trending == pytest.approx(0.5)
    with writing(feed.engine) as connection:
        connection.execute(update(schema.account).values(banned_until=NOW + timedelta(days=95)))
    tick(feed, HERE, box, now=NOW + timedelta(days=90))
    assert rows(feed, schema.session) == []
    privacy.forget_account(feed.engine, OWN, account, NOW + timedelta(days=90))
    assert [each.address for each in rows(feed, schema.account)] == [None]
    tick(feed, HERE, box, now=NOW + timedelta(days=95))
    assert rows(feed, schema.account) == []


def test_different_things_are_counted_once_each(feed):
    def count(thing, now=NOW):
        with writing(feed.engine) as connection:
            return quotas.take_another(connection, "who", "thing", thing, 2, now)

    assert [count(each) for each in "aabbcaab"] == [True, True, True, True, False, True, True, True]
    assert count("c", NOW + timedelta(days=1))


def test_a_database_of_before_keeps_its_votes(tmp_path):
    url = f"sqlite:///{tmp_path}/old.db"
    engine = create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(database.Path(database.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0002")
        values = {"seq": 1, "title": "T", "version": 1, "text_rank": 1, "text_version": 1, "hidden": False}
        texts = dict.fromkeys(("authors", "abstract", "keywords", "categories"), "")
        connection.execute(insert(schema.paper).values(id="arxiv:1", **values, **texts))
        connection.execute(text("insert into account (id, created) values ('ann', '2026-11-01T00:00:00.000000+00:00')"))
        line = "insert into vote (paper, account, at) values ('arxiv:1', 'ann', '2026-11-02T00:00:00.000000+00:00')"
        connection.execute(text(line))
    engine.dispose()
    opened = open_database(url)
    with opened.connect() as connection:
        (vote,) = connection.execute(select(schema.vote))
        (account,) = connection.execute(select(schema.account))
    assert (vote.counted, account.address, account.banned_until) == (True, None, None)
    opened.dispose()


@pytest.mark.parametrize("wrong", ["ada", "ada@example.org;bob@example.org", "ada@example.org, @"])
def test_moderators_are_addresses(wrong):
    assert settings(environment={"NETOPSY_MODERATORS": " a@x.org, B@x.org ,"}).moderators
    with pytest.raises(InputError, match="moderators must be mail addresses with commas between"):
        settings(environment={"NETOPSY_MODERATORS": wrong})


@pytest.mark.parametrize(
    ("base", "local"),
    [
        ("http://127.0.0.1:8051", True),
        ("http://localhost", True),
        ("http://[::1]:80", True),
        ("https://localhost", False),
        ("http://papers.lan", False),
        ("http://127.0.0.1.example.org", False),
        ("http://localhost@example.org", False),
    ],
)
def test_who_uses_the_page_on_its_own_machine(base, local):
    assert Settings(base_url=base).local is local
