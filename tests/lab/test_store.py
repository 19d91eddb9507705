import errno
import json
import math
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netopsy.lab import Cell, StorageError
from netopsy.lab.store import CellStore, Result

CELL = Cell("widths", {"x": 1})
KEY = CELL.key("paper", "version")
RESULT = Result([{"value": 0.1, "name": "α", "odd": math.inf, "count": 3, "yes": True, "none": None}], 1.25)


@pytest.fixture
def store(tmp_path):
    found = CellStore(tmp_path / "cells")
    found.write(KEY, CELL, RESULT)
    return found


def content(store):
    return (store.folder / f"{KEY}.json").read_bytes()


@given(st.lists(st.dictionaries(st.text(), st.floats() | st.integers() | st.text() | st.none() | st.booleans())))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None)
def test_results_come_back_exactly(tmp_path, rows):
    store = CellStore(tmp_path / "cells")
    store.write(KEY, CELL, Result(rows, 0.1))
    found = CellStore(tmp_path / "cells").read(KEY)
    assert found is not None
    assert repr(found) == repr(Result(rows, 0.1))  # repr tells -0.0 and nan apart, and is exact for floats


def test_what_is_not_stored(store):
    assert store.read("0" * 32) is None
    assert "0" * 32 not in store
    assert KEY in store


def test_every_truncation_is_noticed(store, caplog):
    whole = content(store)
    for length in range(len(whole)):
        (store.folder / f"{KEY}.json").write_bytes(whole[:length])
        assert store.read(KEY) is None
        assert (store.folder / "damaged" / f"{KEY}.json").read_bytes() == whole[:length]
        assert KEY not in store
    assert len(caplog.records) == len(whole)
    assert "set aside" in caplog.text


def test_every_flipped_byte_is_noticed(store):
    whole = content(store)
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 1 << (position % 8)
        (store.folder / f"{KEY}.json").write_bytes(damaged)
        assert store.read(KEY) is None, position


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_other_content_is_noticed(store, noise):
    (store.folder / f"{KEY}.json").write_bytes(noise)
    assert store.read(KEY) is None


def test_another_cells_file_is_noticed(store):
    other = "f" * 32
    (store.folder / f"{other}.json").write_bytes(content(store))
    assert store.read(other) is None
    assert store.read(KEY) == RESULT


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("step", ["fsync", "replace", "write_bytes"])
def test_a_disk_that_does_not_take_it(store, monkeypatch, number, step):
    before = content(store)

    def refuse(*arguments, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path if step == "write_bytes" else os, step, refuse)
    other = Cell("another", {"x": 2})
    with pytest.raises(StorageError, match=rf"{os.strerror(number)}; what was stored before is unharmed"):
        store.write("e" * 32, other, RESULT)
    monkeypatch.undo()
    assert [path.name for path in store.folder.iterdir()] == [f"{KEY}.json"]
    assert content(store) == before


def test_what_a_killed_writer_left_is_removed(store):
    (store.folder / f".{KEY}.json.abc.part").write_text("half")
    CellStore(store.folder)
    assert [path.name for path in store.folder.iterdir()] == [f"{KEY}.json"]


def test_cell_files_are_readable_by_people(store):
    body = json.loads(content(store).split(b"\n")[1])
    assert body["cell"] == {"measure": "widths", "x": 1}
