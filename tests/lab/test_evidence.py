import json

import pytest
import torch

from netopsy import InputError
from netopsy.catalogue import paper
from netopsy.lab import CellsFailedError, evidence, load_evidence, run, runs
from netopsy.lab.evidence import UNKNOWN_CODE, Evidence, record_evidence, stale, standing
from netopsy.lab.judging import criterion_hash
from netopsy.lab.version import code_keys


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
    assert list(entry) == ["paper", "preset", "seeds", "seconds", "environment", "code", "verdicts"]
    assert entry["verdicts"][0]["verdict"] == "undecided"  # two seeds have no interval
    assert entry["verdicts"][0]["interval"] is None
    import platform

    assert platform.node() not in text
    assert str(tmp_path) not in text
    circumstances = entry["environment"]
    assert "/" not in "".join(str(value) for name, value in circumstances.items() if name != "processor")
    assert circumstances["processor"]
    assert circumstances["instructions"] == torch.backends.cpu.get_cpu_capability()
    assert circumstances["threads"] == torch.get_num_threads()


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


def record(toy, **changes) -> Evidence:
    criterion = paper("teddy").claim("teddy-1").criterion
    verdicts = [
        {"claim": "teddy-1", "verdict": "holds", "criterion": criterion, "criterion_hash": criterion_hash(criterion)},
        {"claim": "of another catalogue", "verdict": "undecided", "criterion": "any"},
    ]
    fields = {"environment": {}, "verdicts": verdicts, "figures": {}, "code": code_keys([toy.measure, toy.threads])}
    return Evidence(**{"paper": "teddy", "preset": "laptop", "seeds": 3, "seconds": 1.0} | fields | changes)


def test_a_record_of_today_is_not_stale(toy):
    assert stale(record(toy)) == []
    assert standing(record(toy)) == "1 of 2 hold"


def test_what_changed_since_the_record_is_named(toy):
    code = record(toy).code | {"netopsy_toy:measure": "another", "netopsy_toy:removed": "key"}
    moved = [{"claim": "teddy-1", "verdict": "holds", "criterion": "moved since"}]
    found = stale(record(toy, code=code, verdicts=moved))
    assert found == ["netopsy_toy:measure", "netopsy_toy:removed", "teddy-1"]
    assert stale(record(toy, code={})) == [UNKNOWN_CODE]


def test_the_code_comes_back_and_old_records_have_none(toy, tmp_path):
    target = record_evidence(record(toy), tmp_path)
    assert load_evidence(tmp_path)["teddy"].code == record(toy).code
    entry = json.loads(target.read_text())
    del entry["code"]
    target.write_text(json.dumps(entry))
    assert load_evidence(tmp_path)["teddy"].code == {}


def test_a_figure_too_large_for_a_page_is_named_and_nothing_is_written(toy, tmp_path):
    large = tmp_path / "large.svg"
    large.write_bytes(b" " * 150_001)
    with pytest.raises(InputError, match="figure 'examples' of teddy takes 150 kB as SVG"):
        record_evidence(record(toy, figures={"examples": large}), tmp_path / "evidence")
    assert not (tmp_path / "evidence").exists()


def test_a_record_and_its_figures_change_together(toy, tmp_path, kill_after):
    drawn = tmp_path / "drawn.svg"
    drawn.write_text("<svg>old</svg>")
    old = record(toy, figures={"first": drawn, "second": drawn}, seconds=1.0)
    new = record(toy, figures={"second": tmp_path / "later.svg", "third": drawn}, seconds=2.0)
    (tmp_path / "later.svg").write_text("<svg>new</svg>")

    def found(folder):
        known = load_evidence(folder)["teddy"]
        return known.seconds, {name: path.read_text() for name, path in known.figures.items()}

    states = []
    for after in range(1000):
        folder = tmp_path / str(after)
        record_evidence(old, folder)
        before = found(folder)
        ended = not kill_after(after, lambda folder=folder: record_evidence(new, folder))
        states.append(found(folder))
        assert sorted(path.name for path in folder.iterdir()) == ["teddy", "teddy.json"]
        if ended:
            break
    assert len(states) > 10
    assert states[-1] == (2.0, {"second": "<svg>new</svg>", "third": "<svg>old</svg>"})
    assert [state for state in states if state not in (before, states[-1])] == []
    assert states[0] == before


def test_a_smaller_run_replaces_a_larger_record_only_when_told(toy, tmp_path, checkout):
    def go(preset, **options):
        return run(toy.study(), preset, out=tmp_path / preset, workers=0, record=True, **options)

    go("laptop")
    before = (checkout / "toy.json").read_bytes()
    message = "toy has a larger record, laptop with 4 seeds, than smoke with 4 seeds would make; replace"
    with pytest.raises(InputError, match=message):
        go("smoke")
    with pytest.raises(InputError, match="than laptop with 3 seeds would make"):
        go("laptop", seeds=3)
    assert not (tmp_path / "smoke").exists()
    assert (checkout / "toy.json").read_bytes() == before
    go("smoke", replace=True)
    assert load_evidence(checkout)["toy"].preset == "smoke"
    go("laptop", seeds=5)
    assert load_evidence(checkout)["toy"].seeds == 5
