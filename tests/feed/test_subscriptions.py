"""Who wants mail: links, their purposes and times, quotas, and what is not told."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from netopsy import InputError
from netopsy.feed import schema, subscriptions
from netopsy.feed.database import writing
from netopsy.feed.secrets import Secret
from netopsy.feed.settings import Settings

NOW = datetime(2026, 11, 27, 22, 30, tzinfo=UTC)
OWN = Secret("00" * 32, ("11" * 32,))
HERE = Settings(base_url="https://papers.example.org", sender="netopsy <post@papers.example.org>")


def ask(feed, address="ada@example.org", now=NOW, **given):
    return subscriptions.subscribe(feed.engine, HERE, OWN, address, now=now, **given)


def tokens(feed):
    with feed.engine.connect() as connection:
        query = select(schema.delivery.c.payload).where(schema.delivery.c.kind == "confirm")
        links = [json.loads(each)["link"] for each in connection.scalars(query.order_by(schema.delivery.c.planned))]
    assert all(each.startswith("https://papers.example.org/confirm/") for each in links)
    return [each.rpartition("/")[2] for each in links]


def row(feed):
    with feed.engine.connect() as connection:
        return connection.execute(select(schema.subscriber)).one()


def leaving(feed):
    return subscriptions.unsubscribe_token(OWN, row(feed).id, row(feed).salt, NOW)


def test_nothing_begins_until_the_link_is_pressed_and_pressing_twice_is_fine(feed):
    assert ask(feed, zone="Asia/Tokyo", interests={"authors": ["Ada L."]})
    (token,) = tokens(feed)
    assert (row(feed).state, row(feed).next_due) == ("pending", None)
    assert subscriptions.look(feed.engine, OWN, token, now=NOW) == subscriptions.Link("confirm", True)
    assert row(feed).state == "pending"
    assert subscriptions.confirm(feed.engine, OWN, token, now=NOW)
    first = row(feed)
    assert (first.state, first.next_due) == ("active", datetime(2026, 11, 28, 22, tzinfo=UTC))
    assert subscriptions.confirm(feed.engine, OWN, token, now=NOW + timedelta(hours=1))
    assert row(feed) == first


def test_a_link_is_good_for_a_day_and_for_its_purpose(feed):
    ask(feed)
    (token,) = tokens(feed)
    late = NOW + timedelta(hours=24, seconds=1)
    assert not subscriptions.confirm(feed.engine, OWN, token, now=late)
    assert subscriptions.look(feed.engine, OWN, token, now=late) == subscriptions.Link("confirm", False)
    assert not subscriptions.unsubscribe(feed.engine, OWN, token, now=NOW)
    assert not subscriptions.confirm(feed.engine, OWN, leaving(feed), now=NOW)
    for odd in (
        "",
        "é",
        token[:-2],
        OWN.signed("confirm", {"a": 1}, now=NOW),
        OWN.signed("confirm", [1, 2, 3], now=NOW),
    ):
        assert not subscriptions.confirm(feed.engine, OWN, odd, now=NOW)
        found = subscriptions.look(feed.engine, OWN, odd, now=NOW)
        assert found is None or not found.good
    assert row(feed).state == "pending"


def test_an_active_subscriber_keeps_all_until_the_link_of_the_change_is_pressed(feed):
    ask(feed)
    (first,) = tokens(feed)
    subscriptions.confirm(feed.engine, OWN, first, now=NOW)
    before = row(feed)
    ask(feed, "ADA@example.org", kind="weekly", weekday=2, hour=9, now=NOW + timedelta(hours=1))
    assert row(feed) == before
    second = tokens(feed)[1]
    assert subscriptions.confirm(feed.engine, OWN, second, now=NOW + timedelta(hours=2))
    assert (row(feed).kind, row(feed).hour) == ("weekly", 9)
    assert subscriptions.confirm(feed.engine, OWN, first, now=NOW + timedelta(hours=3))
    assert row(feed).kind == "weekly"


def test_the_link_of_a_letter_begins_what_that_letter_was_asked_for(feed):
    ask(feed, hour=8)
    ask(feed, hour=3, now=NOW + timedelta(minutes=1))
    assert subscriptions.confirm(feed.engine, OWN, tokens(feed)[0], now=NOW + timedelta(hours=1))
    assert row(feed).hour == 8


def test_three_letters_a_day_go_to_one_address_in_any_spelling(feed):
    for each in range(6):
        assert ask(feed, "Ada@example.org" if each % 2 else "ada@EXAMPLE.org")
    assert len(tokens(feed)) == 3
    ask(feed, "bob@example.org")
    ask(feed, now=NOW + timedelta(days=1))
    assert len(tokens(feed)) == 5


def test_leaving_leaves_a_hash_and_coming_back_needs_a_new_letter(feed):
    ask(feed, interests={"words": ["pruning"]})
    (token,) = tokens(feed)
    subscriptions.confirm(feed.engine, OWN, token, now=NOW)
    leave = leaving(feed)
    years = NOW + timedelta(days=4000)
    assert subscriptions.look(feed.engine, OWN, leave, now=years) == subscriptions.Link("unsubscribe", True)
    for _ in range(2):
        assert subscriptions.unsubscribe(feed.engine, OWN, leave, now=years)
        assert (row(feed).state, row(feed).address, row(feed).interests) == ("gone", None, "{}")
    assert not subscriptions.confirm(feed.engine, OWN, token, now=NOW)
    with feed.engine.connect() as connection:
        assert subscriptions.subscribers(connection) == []
    ask(feed, now=NOW + timedelta(days=1))
    assert row(feed).state == "pending"
    assert not subscriptions.unsubscribe(feed.engine, OWN, leave, now=NOW)
    assert not subscriptions.confirm(feed.engine, OWN, token, now=NOW)


def test_the_operator_sees_and_ends_subscriptions(feed):
    ask(feed)
    with feed.engine.connect() as connection:
        (found,) = subscriptions.subscribers(connection)
    assert (found["address"], found["state"], found["bounces"]) == ("ada@example.org", "pending", 0)
    assert subscriptions.unsubscribe_address(feed.engine, OWN, " ADA@example.org", NOW)
    assert not subscriptions.unsubscribe_address(feed.engine, OWN, "ada@example.org", NOW)
    with feed.engine.connect() as connection:
        assert connection.execute(select(schema.delivery)).all() == []


def test_an_address_that_never_answers_is_not_kept(feed):
    ask(feed)
    for days, count in ((1, 0), (3, 1), (4, 0)):
        with writing(feed.engine) as connection:
            assert subscriptions.drop_unconfirmed(connection, NOW + timedelta(days=days)) == count
    assert row(feed).address is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"address": "nobody"}, "address must be a mail address"),
        ({"kind": "hourly"}, "kind"),
        ({"hour": 24}, "hour must be a whole number"),
        ({"weekday": 7}, "weekday must be from 0"),
        ({"zone": "Europe/Atlantis"}, "zone must be the name"),
        ({"zone": "../etc/passwd"}, "zone must be the name"),
        ({"interests": {"colours": ["red"]}}, "there is no interest 'colours'"),
        ({"interests": {"words": "red"}}, "words must be a list of texts"),
        ({"interests": {"words": [3]}}, "words must be a list of texts"),
        ({"interests": {"words": [str(each) for each in range(51)]}}, "words must be at most 50"),
        ({"interests": {"authors": ["a" * 101]}}, "at most 100 characters"),
        ({"interests": {"papers": ["nothing"]}}, "a paper is named by"),
    ],
)
def test_what_cannot_be_asked_for_is_named_and_nothing_is_planned(common_feed, given, message):
    with pytest.raises(InputError, match=message):
        ask(common_feed, **given)
    with common_feed.engine.connect() as connection:
        assert connection.execute(select(schema.subscriber)).all() == []
