"""Paths from a caller: what the system cannot take is told, and no pipe is waited for."""

import os

import pytest

from netopsy.core.errors import InputError
from netopsy.core.paths import file_from, path_from
from netopsy.data import load_data
from netopsy.data.feature_files import read_features
from netopsy.data.graph_files import read_graph
from netopsy.examination.labels import read_labels
from netopsy.examination.weights import load_weights
from netopsy.lab import load_evidence
from netopsy.models import mlp

TAKING = {
    "data": load_data,
    "graph": read_graph,
    "features": lambda path: read_features(path, ["a"]),
    "labels": read_labels,
    "weights": lambda path: load_weights(mlp([2, 2]), path),
    "evidence": load_evidence,
}
HOPELESS = {
    "5,000 characters": "a" * 5000,
    "nobody's home": "~nobody-of-that-name/x",
    "NUL": "a\0b",
    "bytes": b"a",
    "number": 3,
}


@pytest.mark.parametrize("given", HOPELESS.values(), ids=HOPELESS)
@pytest.mark.parametrize("take", TAKING.values(), ids=TAKING)
def test_a_path_that_cannot_be_is_refused_in_a_short_sentence(take, given, unchecked):
    with pytest.raises(InputError) as raised:
        take(given)
    assert len(str(raised.value)) < 400
    assert len(str(raised.value).splitlines()) == 1


def test_a_file_is_no_folder_and_no_pipe(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(InputError, match="graph file .*must be a file, and is a pipe"):
        file_from(tmp_path / "pipe.csv", "graph file")
    with pytest.raises(InputError, match="is a folder"):
        file_from(tmp_path, "graph file")
    with pytest.raises(InputError, match="there is no graph file '.*gone': it does not exist"):
        file_from(tmp_path / "gone", "graph file")


def test_the_home_folder_has_a_short_name(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert path_from("~/x", "data") == tmp_path / "x"
