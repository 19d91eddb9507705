"""Keys, settings, mail addresses and quotas."""

import json
import stat
from datetime import UTC, datetime, timedelta

import pytest

from netopsy import InputError
from netopsy.feed import quotas
from netopsy.feed.addresses import mail_address
from netopsy.feed.database import writing
from netopsy.feed.secrets import Secret, secret_at
from netopsy.feed.settings import settings

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
OWN = Secret("00" * 32, ("11" * 32,))


def test_the_file_of_keys_is_made_once_and_for_its_owner_alone(tmp_path):
    file = tmp_path / "deep" / "secret"
    first = secret_at(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert secret_at(file) == first
    assert [each.name for each in file.parent.iterdir()] == ["secret"]
    assert first.hashing not in repr(first)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"hashing": "00", "signing": []}', '{"hashing": 1, "signing": [2]}'])
def test_a_file_that_holds_no_keys_is_named(tmp_path, text):
    (tmp_path / "secret").write_text(text)
    with pytest.raises(InputError, match="the file of keys"):
        secret_at(tmp_path / "secret")


def test_a_token_is_good_for_its_purpose_its_time_and_its_key():
    token = OWN.signed("confirm", {"who": "a"}, now=NOW)
    assert OWN.read("confirm", token, now=NOW + timedelta(hours=23), seconds=86400.0) == {"who": "a"}
    assert OWN.read("confirm", token, now=NOW + timedelta(hours=25), seconds=86400.0) is None
    assert OWN.read("confirm", token, now=NOW + timedelta(days=9999)) == {"who": "a"}
    assert OWN.read("sign-in", token, now=NOW) is None
    assert Secret("00" * 32, ("22" * 32,)).read("confirm", token, now=NOW) is None
    assert Secret("00" * 32, ("11" * 32, "22" * 32)).read("confirm", token, now=NOW) == {"who": "a"}
    for odd in ("", "a", token[:-1], "é", "a.b.c", token + "\0"):
        assert OWN.read("confirm", odd, now=NOW) is None
    assert "=" not in token


@pytest.mark.parametrize("typed", ["", "a", "a@", "@b.org", "a b@c.org", "a@b.org\r\nBcc: c@d.org", "a@b..org"])
def test_what_is_no_address_is_named(typed):
    with pytest.raises(InputError, match="address must be a mail address"):
        mail_address(typed)


def test_settings_come_from_a_file_and_the_environment_over_it(tmp_path):
    (tmp_path / "netopsy.toml").write_text('base_url = "https://a.example/"\nmail = "maildir:out"\n')
    found = settings(tmp_path / "netopsy.toml", {"NETOPSY_MAIL": "smtp://b.example"})
    assert (found.base_url, found.mail) == ("https://a.example", "smtp://b.example")


@pytest.mark.parametrize("text", ["colour = 'red'", "mail = 3", "mail =", "base_url = 'ftp://a'"])
def test_a_setting_that_is_none_is_named(tmp_path, text):
    (tmp_path / "netopsy.toml").write_text(text)
    with pytest.raises(InputError, match=r"setting|base_url"):
        settings(tmp_path / "netopsy.toml", {})


def test_a_quota_counts_by_day_and_is_forgotten(feed):
    with writing(feed.engine) as connection:
        assert [quotas.take(connection, "a", "mail", 3, NOW) for _ in range(5)] == [True] * 3 + [False] * 2
        assert quotas.take(connection, "b", "mail", 3, NOW)
        assert quotas.take(connection, "a", "mail", 3, NOW + timedelta(days=1))
        assert not quotas.take(connection, "c", "mail", 0, NOW)
        assert quotas.forget_before(connection, NOW + timedelta(days=3)) == 2


def test_the_keys_are_json(tmp_path):
    secret_at(tmp_path / "secret")
    assert set(json.loads((tmp_path / "secret").read_text())) == {"hashing", "signing"}
