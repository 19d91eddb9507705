"""What is known of an address, handed out and deleted."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from netopsy import InputError
from netopsy.feed import privacy, schema, subscriptions
from netopsy.feed.digest import plan_due
from netopsy.feed.secrets import Secret
from netopsy.feed.settings import Settings

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
OWN = Secret("00" * 32, ("11" * 32,))
HERE = Settings()


def begun(feed):
    wanted = {"words": ["pruning"]}
    subscriptions.subscribe(feed.engine, HERE, OWN, "ada@example.org", interests=wanted, now=NOW)
    with feed.engine.connect() as connection:
        payload = json.loads(connection.scalar(select(schema.delivery.c.payload)))
    assert subscriptions.confirm(feed.engine, OWN, payload["link"].rpartition("/")[2], now=NOW)
    assert plan_due(feed.engine, HERE, None, now=NOW + timedelta(days=1)) == 1


def test_all_that_is_known_is_handed_out_without_what_acts(feed):
    begun(feed)
    found = privacy.my_data(feed.engine, OWN, "Ada@example.org")
    json.dumps(found)
    assert found["subscription"]["address"] == "ada@example.org"
    assert found["subscription"]["interests"] == {"words": ["pruning"]}
    assert [each["kind"] for each in found["letters"]] == ["confirm", "digest"]
    assert len(found["papers"]) == 20
    assert "/confirm/" not in json.dumps(found)


def test_all_of_it_is_deleted_and_only_a_confirmation_brings_it_back(feed):
    begun(feed)
    assert privacy.forget(feed.engine, OWN, "ADA@example.org", NOW)
    with feed.engine.connect() as connection:
        for table in (schema.delivery, schema.delivery_paper, schema.bounce):
            assert connection.execute(select(table)).all() == []
        (row,) = connection.execute(select(schema.subscriber)).all()
    assert (row.state, row.address, row.interests) == ("gone", None, "{}")
    assert "ada@" not in str(tuple(row))
    subscriptions.subscribe(feed.engine, HERE, OWN, "ada@example.org", now=NOW + timedelta(days=1))
    assert privacy.my_data(feed.engine, OWN, "ada@example.org")["subscription"]["state"] == "pending"


def test_nothing_is_known_of_others(feed):
    assert privacy.my_data(feed.engine, OWN, "bob@example.org") == {
        "subscription": None,
        "letters": [],
        "papers": [],
        "bounces": [],
        "account": None,
    }
    assert not privacy.forget(feed.engine, OWN, "bob@example.org", NOW)
    with pytest.raises(InputError, match="address must be"):
        privacy.my_data(feed.engine, OWN, "bob")
