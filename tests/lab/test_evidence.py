import json

import pytest

from netopsy import InputError
from netopsy.lab import CellsFailedError, evidence, load_evidence, run, runs


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    folder = tmp_path / "docs" / "evidence"
    monkeypatch.setattr(runs, "checkout_folder", lambda: folder)
    return folder


def test_a_recorded_run_comes_back(toy, tmp_path, checkout):
    done = run(toy.study(nap=0.01), "smoke", out=tmp_path / "run", workers=0, record=True)
    found = load_evidence(checkout)["toy"]
    assert (found.paper, found.preset, found.seeds) == ("toy", "smoke", 4)
    assert found.verdicts == [verdict.to_json() for verdict in done.verdicts]
    assert found.environment == done.environment
    assert found.figures["growth"].read_bytes() == done.figures["growth"].read_bytes()
    assert found.seconds >= 0.12


def test_the_file_is_valid_json_and_names_no_machine(toy, tmp_path, checkout):
    run(toy.study(seeds=2), "smoke", out=tmp_path / "run", workers=0, record=True)
    text = (checkout / "toy.json").read_text()

    def refuse(constant):
        raise AssertionError(constant)

    entry = json.loads(text, parse_constant=refuse)
    assert list(entry) == ["paper", "preset", "seeds", "seconds", "environment", "verdicts"]
    assert entry["verdicts"][0]["verdict"] == "undecided"  # two seeds have no interval
    assert entry["verdicts"][0]["interval"] is None
    import platform

    assert platform.node() not in text
    assert str(tmp_path) not in text
    assert "/" not in "".join(map(str, entry["environment"].values()))


def test_seconds_add_up_over_resumed_sessions(toy, tmp_path, checkout):
    run(toy.study(nap=0.02), "smoke", seeds=2, out=tmp_path / "run", workers=0)
    done = run(toy.study(nap=0.02), "smoke", seeds=4, out=tmp_path / "run", workers=0, record=True)
    assert done.computed == 6
    assert done.seconds >= 12 * 0.02


def test_recording_replaces_old_figures(toy, tmp_path, checkout):
    (checkout / "toy").mkdir(parents=True)
    (checkout / "toy" / "old.svg").write_text("<svg/>")
    run(toy.study(), "smoke", out=tmp_path / "run", workers=0, record=True)
    assert [path.name for path in (checkout / "toy").iterdir()] == ["growth.svg"]


def test_a_failed_run_records_nothing(toy, tmp_path, checkout):
    with pytest.raises(CellsFailedError):
        run(toy.study(bad=("size 1 seed 0",)), "smoke", out=tmp_path / "run", workers=0, record=True)
    assert not checkout.exists()


def test_recording_needs_a_checkout(toy, tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "checkout_folder", lambda: None)
    with pytest.raises(InputError, match="record needs netopsy from a source checkout"):
        run(toy.study(), "smoke", out=tmp_path / "run", workers=0, record=True)
    assert not (tmp_path / "run").exists()


def test_where_evidence_lies(tmp_path, monkeypatch):
    assert evidence.evidence_folder().parts[-2:] == ("docs", "evidence")
    package = tmp_path / "lib" / "site-packages" / "netopsy"
    package.mkdir(parents=True)
    monkeypatch.setattr(evidence.netopsy, "__file__", str(package / "__init__.py"))
    assert evidence.evidence_folder() is None
    assert load_evidence() == {}
    (package / "_evidence").mkdir()
    assert evidence.evidence_folder() == package / "_evidence"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"paper": "toy"}'])
def test_evidence_that_cannot_be_read_is_named(tmp_path, text):
    (tmp_path / "toy.json").write_text(text)
    with pytest.raises(InputError, match=r"evidence file .*toy\.json cannot be read"):
        load_evidence(tmp_path)
