import json
import os
import shutil
from dataclasses import dataclass
from importlib.metadata import version

import pandas as pd
import pytest

from netopsy import InputError
from netopsy.core import drawing
from netopsy.core.progress import reporting
from netopsy.lab import Cell, CellsFailedError, StorageError, Study, run, runs
from netopsy.lab.store import CellStore


@pytest.fixture
def rendered():
    """Figures are drawn, which takes longer than all else that the toy does."""


@pytest.fixture(autouse=True)
def _unrendered(monkeypatch, request):
    if "rendered" not in request.fixturenames:
        monkeypatch.setattr(drawing, "render", lambda figure, ending: b"<svg/>")


@pytest.fixture
def go(tmp_path):
    """Run in this process, in one folder."""

    def start(study, **options):
        return run(study, "smoke", **{"out": tmp_path / "run", "workers": 0, **options})

    return start


@pytest.fixture(scope="module")
def first_run(tmp_path_factory):
    """The folder of a run of the toy as it stands; for tests of what comes after, to be copied."""
    import netopsy_toy

    folder = tmp_path_factory.mktemp("first") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "render", lambda figure, ending: b"<svg/>")
        assert run(netopsy_toy.study(), "smoke", out=folder, workers=0).computed == 12
    return folder


@pytest.fixture
def ran(first_run, tmp_path):
    """The toy as it stands has run in the folder that `go` runs in."""
    return shutil.copytree(first_run, tmp_path / "run")


def test_a_run_leaves_one_folder(toy, go, tmp_path, rendered):
    done = go(toy.study())
    folder = tmp_path / "run"
    assert sorted(path.name for path in folder.iterdir()) == [
        "cells",
        "environment.json",
        "figures",
        "lock",
        "rows.parquet",
        "run.json",
        "verdicts.json",
    ]
    assert sorted(path.name for path in (folder / "figures").iterdir()) == ["growth.png", "growth.svg"]
    assert len(list((folder / "cells").iterdir())) == done.computed == 12
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "rows.parquet"), done.rows)
    (verdict,) = json.loads((folder / "verdicts.json").read_text())
    assert verdict == done.verdicts[0].to_json()
    assert verdict["verdict"] == "holds"
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["seeds"] == 4
    assert environment["torch"]


def test_rows_follow_the_plan(toy, go):
    rows = go(toy.study(seeds=2)).rows
    assert list(rows.cell.drop_duplicates()) == [
        f"measure, size {size}, seed {seed}" for size in (1, 2, 3) for seed in (0, 1)
    ]
    assert list(rows["size"]) == [1] * 4 + [2] * 4 + [3] * 4


def test_processes_give_the_same_bytes(toy, go, tmp_path, rendered):
    go(toy.study())
    run(toy.study(), "smoke", out=tmp_path / "other", workers=2)
    for name in ("rows.parquet", "verdicts.json", "figures/growth.svg"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()


def test_nothing_is_measured_twice(toy, go, tmp_path, measured):
    study = toy.study(log=str(tmp_path / "log"))
    first, second = go(study), go(study)
    assert (first.computed, second.computed) == (12, 0)
    assert set(measured().values()) == {1}
    assert first.seconds == second.seconds
    more = go(study, seeds=5)
    assert more.computed == 3
    assert more.seeds == 5
    assert go(study, fresh=True).computed == 12
    assert measured()["size 1 seed 0"] == 2


def test_a_damaged_cell_is_measured_again(toy, go, tmp_path, measured, caplog):
    study = toy.study(log=str(tmp_path / "log"))
    before = go(study)
    victim = sorted((tmp_path / "run" / "cells").glob("*.json"))[3]
    whole = victim.read_bytes()
    victim.write_bytes(whole[:-10])
    after = go(study)
    assert after.computed == 1
    assert sorted(measured().values()) == [1] * 11 + [2]
    assert (tmp_path / "run" / "cells" / "damaged" / victim.name).read_bytes() == whole[:-10]
    assert "is measured again" in caplog.text
    pd.testing.assert_frame_equal(before.rows, after.rows)


def test_a_cell_that_raises_is_named_and_the_others_finish(toy, go, tmp_path):
    study = toy.study(bad=("size 2 seed 1", "size 3 seed 0"))
    with pytest.raises(
        CellsFailedError, match=r"'measure, size 2, seed 1' failed: ArithmeticError: .* \(and 1 more"
    ) as caught:
        go(study)
    assert [failure.cell for failure in caught.value.failures] == ["measure, size 2, seed 1", "measure, size 3, seed 0"]
    assert "in misbehave" in caught.value.failures[0].traceback
    assert "in misbehave" in (tmp_path / "run" / "failures.txt").read_text()
    assert len(list((tmp_path / "run" / "cells").glob("*.json"))) == 10
    assert not (tmp_path / "run" / "verdicts.json").exists()


def test_old_conclusions_do_not_outlive_a_failed_run(toy, go, ran, tmp_path):
    with pytest.raises(CellsFailedError):
        go(toy.study(bad=("size 2 seed 1",)))
    assert not (tmp_path / "run" / "rows.parquet").exists()
    go(toy.study())
    assert (tmp_path / "run" / "rows.parquet").exists()
    assert not (tmp_path / "run" / "failures.txt").exists()


def test_a_full_disk_ends_the_run_and_harms_nothing(toy, go, tmp_path, monkeypatch):
    import errno
    import os

    left, flush = [7], os.fsync

    def fsync(handle):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(StorageError, match="No space left on device; what was stored before is unharmed"):
        go(toy.study())
    monkeypatch.undo()
    files = sorted((tmp_path / "run" / "cells").iterdir())
    assert len(files) == 6  # the seventh flush was for run.json
    store = CellStore(tmp_path / "run" / "cells")
    assert all(store.read(path.stem) for path in files)
    assert go(toy.study()).computed == 6


def test_progress_is_reported(toy, go):
    seen = []

    class Listener:
        def start(self, description, total):
            seen.append((description, total))
            return 0

        def advance(self, task, steps=1, note=None):
            seen.append(steps)

        def finish(self, task):
            seen.append("finished")

    with reporting(Listener()):
        go(toy.study())
        go(toy.study())
    assert seen == [("measuring toy", 12), 0, *[1] * 12, "finished", ("measuring toy", 12), 12, "finished"]


def test_two_runs_do_not_share_a_folder_at_once(toy, go, tmp_path):
    from netopsy.lab.folder import opened

    with opened(tmp_path / "run", "toy"), pytest.raises(InputError, match="another process is at work in"):
        go(toy.study())
    go(toy.study())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seeds": 0}, "seeds must be a positive int, got 0"),
        ({"workers": -1}, "workers must be a number of processes, 0 or more, got -1"),
        ({"cluster": "nowhere", "workers": None}, "cluster must be the address of a running dask scheduler"),
        ({"cluster": "tcp://127.0.0.1:1"}, "exclude each other"),
    ],
)
def test_bad_options_touch_nothing(toy, go, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        go(toy.study(), **options)
    assert not (tmp_path / "run").exists()


def test_bad_preset(toy, tmp_path):
    with pytest.raises(InputError, match="unknown preset 'smok': did you mean 'smoke'"):
        run(toy.study(), "smok", out=tmp_path / "run")


def snapshot(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_foreign_folders_are_refused_and_left_alone(toy, go, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "thesis.tex").write_text("years of work")
    before = snapshot(tmp_path)
    with pytest.raises(InputError, match="out must be a new folder or one of toy's runs, and .* such as 'thesis.tex'"):
        go(toy.study())
    with pytest.raises(InputError, match="is a file"):
        go(toy.study(), out=folder / "thesis.tex")
    with pytest.raises(InputError, match="is a file"):
        go(toy.study(), out=folder / "thesis.tex" / "below")
    assert snapshot(tmp_path) == before


def test_a_folder_of_another_paper_is_refused(toy, go, ran, tmp_path):
    before = snapshot(tmp_path)
    other = Study("other", {"smoke": toy.Config()}, toy.plan, (toy.measure,), toy.judge, toy.draw)
    with pytest.raises(InputError, match="belongs to toy"):
        go(other)
    assert snapshot(tmp_path) == before


def test_an_empty_folder_is_taken(toy, go, tmp_path):
    (tmp_path / "run").mkdir()
    assert go(toy.study()).computed == 12


@dataclass(frozen=True)
class NoSeeds:
    """A configuration without seeds."""


def nothing():
    return []


def study_of(cells, measure=nothing):
    return Study("odd", {"smoke": NoSeeds()}, lambda config: cells, (measure,), lambda *_: [], lambda *_: {})


@pytest.mark.parametrize(
    ("cells", "options", "message"),
    [
        ([], {}, "the plan of odd holds no cell"),
        ([Cell("nothing"), Cell("nothing")], {}, "the plan of odd holds the cell 'nothing' twice"),
        ([Cell("other")], {}, "unknown measure of odd 'other'"),
        ([Cell("nothing")], {"seeds": 3}, "seeds cannot be set for odd"),
        ([Cell("nothing")], {}, "the study measured no row"),
    ],
)
def test_bad_studies(go, cells, options, message):
    with pytest.raises(InputError, match=message):
        go(study_of(cells), **options)


def test_a_column_of_mixed_kinds_is_named(go):
    def mixed():
        return [{"it": "text"}, {"it": 1}]

    with pytest.raises(InputError, match="mixes kinds of values"):
        go(study_of([Cell("mixed")], mixed))


def results(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_fresh_run_leaves_the_old_one_until_it_is_whole(toy, go, tmp_path, measured, monkeypatch):
    log = str(tmp_path / "log")
    go(toy.study(log=log))
    before = results(tmp_path / "run")
    write = CellStore.write

    def interrupted(self, key, cell, result):
        if len(list(self.folder.iterdir())) == 5:
            raise KeyboardInterrupt
        write(self, key, cell, result)

    monkeypatch.setattr(CellStore, "write", interrupted)
    with pytest.raises(KeyboardInterrupt, match="5 of 12 cells are stored"):
        go(toy.study(log=log), fresh=True)
    monkeypatch.setattr(CellStore, "write", write)
    now = results(tmp_path / "run")
    assert {name: now[name] for name in before} == before
    assert go(toy.study(log=log)).computed == 0
    assert go(toy.study(log=log), fresh=True).computed == 7
    assert not (tmp_path / "run" / "fresh").exists()
    assert go(toy.study(log=log)).computed == 0
    assert sum(measured().values()) == 12 + 12 + 1
    assert go(toy.study(log=log), fresh=True).computed == 12


def test_another_torch_is_told(toy, go, ran, monkeypatch, caplog):
    go(toy.study())
    assert not caplog.records
    monkeypatch.setattr(runs, "versions", lambda libraries: dict.fromkeys(libraries, "99"))
    go(toy.study(), seeds=5)
    message = f"12 of the stored cells of toy were measured with torch {version('torch')}, and this is 99; fresh"
    assert [message in record.getMessage() for record in caplog.records] == [True, False]
    caplog.clear()
    go(toy.study(), seeds=5, fresh=True)
    go(toy.study(), seeds=5)
    assert not caplog.records


def test_results_change_together(toy, go, ran, tmp_path):
    before = results(tmp_path / "run")

    def judge(tables, config):
        raise ArithmeticError

    study = toy.study()
    with pytest.raises(ArithmeticError):
        go(Study("toy", study.presets, toy.plan, study.measures, judge, toy.draw, study.claims))
    assert results(tmp_path / "run") == before


PLACES = ("lock", "run.json", "rows.parquet", "verdicts.json", "environment.json", "failures.txt", "figures", "cells")


def put(kind, place, outside):
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    if kind == "folder":
        place.mkdir()
    elif kind == "pipe":
        os.mkfifo(place)
    elif kind == "link":
        place.symlink_to(outside)
    else:
        place.write_text("a file")


@pytest.mark.parametrize("name", [*PLACES, "fresh", ".x.part"])
@pytest.mark.parametrize("kind", ["folder", "pipe", "link", "file"])
def test_what_is_no_file_of_a_run_is_told_and_never_followed(toy, go, ran, tmp_path, name, kind):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "thesis.tex").write_text("years of work")
    folder = name in ("figures", "cells", "fresh")
    put(kind, tmp_path / "run" / name, outside)
    if (kind == ("folder" if folder else "file") and name != "run.json") or (name == ".x.part" and kind != "folder"):
        go(toy.study())
    else:
        with pytest.raises(InputError, match=f"{name}|something else"):
            go(toy.study())
    assert results(outside) == {"thesis.tex": b"years of work"}


@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
def test_what_is_no_file_of_a_cell_is_set_aside(toy, go, ran, tmp_path, kind):
    outside = tmp_path / "outside.json"
    outside.write_text("years of work")
    put(kind, next((tmp_path / "run" / "cells").glob("*.json")), outside)
    assert go(toy.study()).computed == 1
    assert outside.read_text() == "years of work"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
@pytest.mark.parametrize("name", PLACES)
def test_what_may_not_be_read_is_told(toy, go, ran, tmp_path, name):
    (tmp_path / "run" / name).chmod(0)
    with pytest.raises(InputError, match=name):
        go(toy.study())
    (tmp_path / "run" / name).chmod(0o700)


@pytest.mark.parametrize("name", ["x" * 5000, "a/" * 3000, "nul\0"])
def test_a_folder_that_cannot_be_is_told(toy, go, tmp_path, name):
    with pytest.raises(InputError, match="out must be a new folder or one of toy's runs") as caught:
        go(toy.study(), out=tmp_path / name)
    assert len(str(caught.value)) < 500
