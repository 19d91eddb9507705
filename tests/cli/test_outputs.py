"""The folder of results: written whole or left as it was, and never taken from anything else."""

import json
import os
import signal

import pandas as pd
import pytest

from netopsy import InputError
from netopsy.cli.outputs import results, results_place
from netopsy.cli.summary import report_place
from netopsy.core.drawing import figure
from netopsy.examination import Examination
from netopsy.lab.errors import StorageError


def snapshot(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write(place, *names, command="toy", ending="csv", **told):
    with results(place, command) as folder:
        for name in names:
            folder.table(name, pd.DataFrame({"x": [1, 2]}), ending)
        folder.summary(**told)


def test_tables_figures_and_a_summary_that_lists_them(tmp_path):
    place = tmp_path / "new" / "deeper"
    with results(place, "toy") as folder:
        folder.table("a", pd.DataFrame({"x": [1, 2]}), "parquet")
        folder.figure("b", figure()[0])
        folder.path("c.txt").write_text("of its own")
        folder.summary(found=3)
        folder.summary(more="yes")
    files = ["a.parquet", "b.png", "b.svg", "c.txt"]
    summary = json.loads((place / "summary.json").read_text())
    assert summary == {"command": "toy", "found": 3, "more": "yes", "finished": True, "files": files}
    assert sorted(path.name for path in place.iterdir()) == [*files, "summary.json"]
    assert pd.read_parquet(place / "a.parquet")["x"].tolist() == [1, 2]


def test_another_run_removes_what_the_earlier_one_wrote_and_nothing_else(tmp_path):
    write(tmp_path / "out", "a", "b")
    (tmp_path / "out" / "notes.txt").write_text("mine")
    write(results_place(tmp_path / "out", "toy"), "b", ending="parquet")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"b.parquet", "notes.txt", "summary.json"}


def test_a_list_of_files_reaches_no_further_than_its_folder(tmp_path):
    (tmp_path / "precious.txt").write_text("mine")
    write(tmp_path / "out", "a")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    (tmp_path / "out" / "summary.json").write_text(json.dumps(summary | {"files": ["../precious.txt", "a.csv"]}))
    write(tmp_path / "out", "b")
    assert (tmp_path / "precious.txt").exists()
    assert not (tmp_path / "out" / "a.csv").exists()


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("before", [False, True])
def test_a_run_cut_short_leaves_everything_as_it_was(tmp_path, before, error):
    if before:
        write(tmp_path / "new" / "out", "a", told=1)
    was = snapshot(tmp_path)

    def cut_short():
        with results(tmp_path / "new" / "out", "toy") as folder:
            folder.table("a", pd.DataFrame({"x": [3]}), "csv")
            raise error

    with pytest.raises(error):
        cut_short()
    assert snapshot(tmp_path) == was
    assert (tmp_path / "new").exists() == before


def test_files_are_moved_together_even_when_an_interrupt_comes_meanwhile(tmp_path, monkeypatch):
    replace = os.replace

    def interrupted(source, target):
        signal.raise_signal(signal.SIGINT)
        replace(source, target)

    write(tmp_path / "out", "a", "b", run=1)
    with results(tmp_path / "out", "toy") as folder:
        folder.table("c", pd.DataFrame({"x": [1]}), "csv")
        monkeypatch.setattr(os, "replace", interrupted)
    monkeypatch.undo()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"c.csv", "summary.json"}


def test_what_a_killed_run_left_is_nothing(tmp_path):
    (tmp_path / "out" / ".abc.part").mkdir(parents=True)
    (tmp_path / "out" / ".abc.part" / "a.csv").write_text("half")
    write(results_place(tmp_path / "out", "toy"), "a")


@pytest.mark.parametrize("text", ["{", "[]", '{"command": "other"}', "{}"])
def test_a_folder_of_something_else_is_refused(tmp_path, text):
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(InputError, match="left as it is"):
        results_place(tmp_path, "toy")
    assert snapshot(tmp_path) == {(tmp_path / "summary.json").relative_to(tmp_path): text.encode()}


def test_a_file_in_the_way_is_told(tmp_path):
    (tmp_path / "file").write_text("mine")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="is a file"):
            results_place(place, "toy")


def test_a_disk_that_fails_is_one_sentence_and_harms_nothing(tmp_path):
    write(tmp_path / "out", "a")
    was = snapshot(tmp_path)

    def failing():
        with results(tmp_path / "out", "toy"):
            raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="No space left on device"):
        failing()
    assert snapshot(tmp_path) == was


@pytest.mark.parametrize("name", ["new", "new/deeper", "page.html", "empty", "ours", "ours/report.html"])
def test_new_empty_and_own_places_are_fine(name, tmp_path):
    (tmp_path / "empty").mkdir()
    Examination("net", (), ()).save(tmp_path / "ours")
    assert report_place(tmp_path / name) == tmp_path / name


@pytest.mark.parametrize("name", ["notes.txt", "notes.txt/report", "photos", "site", "site/report.html", "odd.html"])
def test_what_others_keep_is_left_as_it_is(name, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"mine")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "report.html").write_text("<html>mine</html>")
    (tmp_path / "odd.html").mkdir()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(InputError) as caught:
        report_place(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
