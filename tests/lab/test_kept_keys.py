"""Code keys that are kept are those that would be found out again, and go with any change of the package."""

import json
import os

import pytest

from netopsy.lab import kept_keys, version
from netopsy.lab.kept_keys import code_keys_at
from netopsy.lab.version import code_key_of

PLACES = ("netopsy.lab.statistics:mean_interval", "netopsy.lab.statistics:no_such_function")


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """The places that were really looked at."""
    seen = []
    monkeypatch.setenv("NETOPSY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(kept_keys, "code_key_of", lambda place: seen.append(place) or code_key_of(place))
    return seen


def test_they_are_found_out_once(asked):
    expected = {place: code_key_of(place) for place in PLACES}
    assert code_keys_at(PLACES) == code_keys_at(PLACES) == expected
    assert asked == list(PLACES)
    assert code_keys_at([]) == {}


def test_a_change_of_the_package_is_noticed(asked, tmp_path, monkeypatch):
    package = tmp_path / "netopsy"
    package.mkdir()
    (package / "a.py").write_text("x = 1\n")
    monkeypatch.setattr(version, "root", lambda: package)
    monkeypatch.setattr(kept_keys, "code_key_of", lambda place: asked.append(place) or str(len(asked)))
    assert code_keys_at(["netopsy.a:x"]) == code_keys_at(["netopsy.a:x"]) == {"netopsy.a:x": "1"}
    (package / "a.py").write_text("x = 22\n")
    assert code_keys_at(["netopsy.a:x"]) == {"netopsy.a:x": "2"}
    (package / "b.py").write_text("")
    assert code_keys_at(["netopsy.a:x"]) == {"netopsy.a:x": "3"}


def test_what_lies_outside_is_found_out_each_time(asked):
    assert code_keys_at(["json:loads"]) == code_keys_at(["json:loads"])
    assert asked == ["json:loads"] * 2


@pytest.mark.parametrize("text", ["", "[]", '{"state": 3}', '{"state": "s", "keys": [1]}', '{"state": "s", "keys": 4}'])
def test_a_broken_file_is_written_anew(asked, tmp_path, monkeypatch, text):
    monkeypatch.setattr(kept_keys, "_state", lambda: "s")
    file = tmp_path / "cache" / "code-keys.json"
    file.parent.mkdir()
    file.write_text(text)
    assert code_keys_at(PLACES) == {place: code_key_of(place) for place in PLACES}
    assert json.loads(file.read_text())["state"] == "s"


def test_a_cache_that_cannot_be_written_costs_time_alone(asked, tmp_path):
    (tmp_path / "cache").write_text("no folder")
    assert code_keys_at(PLACES) == code_keys_at(PLACES)
    assert len(asked) == 4
    assert os.listdir(tmp_path) == ["cache"]
