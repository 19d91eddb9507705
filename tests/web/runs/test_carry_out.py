"""Jobs carried out in this process: what instruments, studies and examinations give becomes files."""

import importlib
from types import SimpleNamespace

import pytest

from netopsy.core.errors import InputError
from netopsy.core.finding import Finding, Picture
from netopsy.lab.recipes import IMAGE, NETWORK, PaperRecipe
from netopsy.web.runs import carry_out as module
from netopsy.web.runs.carry_out import BUDGETS, carry_out
from netopsy.web.runs.job import Given, Job
from netopsy.web.runs.results import read_results, result_file, write_whole

SEEN = Finding("It looks at the middle.", "x", pictures=(Picture("<svg viewBox='0 0 75 30'/>", "A map"),))
INSTRUMENT = SimpleNamespace(title="A map")
LATE = SimpleNamespace(instrument=INSTRUMENT, reason="It takes about 135 s here; `--budget 136` brings it in.")


@pytest.fixture
def asked(monkeypatch):
    """What the examination is asked for; at normal depth it has no time."""
    calls = []

    def examine(**wanted):
        calls.append(wanted)
        seen = wanted["depth"] in depths
        readings = (SimpleNamespace(instrument=INSTRUMENT, finding=SEEN),) if seen else ()
        return SimpleNamespace(readings=readings, absences=(LATE,), name="A network", warning="")

    depths = ["normal", "quick"]
    recipe = PaperRecipe("toy", "Look", "x", (NETWORK,), instruments=("eigen-cam",))
    monkeypatch.setattr(importlib.import_module("netopsy.examination.examine"), "examine", examine)
    monkeypatch.setattr("netopsy.web.runs.inputs.ready", lambda *_: SimpleNamespace(as_subject=dict))
    monkeypatch.setattr(module, "recipe_named", lambda name: recipe)
    return SimpleNamespace(calls=calls, depths=depths)


def test_instruments_that_have_no_time_do_less_and_then_say_so(asked, tmp_path):
    found = carry_out(Job("recipe", "toy", seed=3), tmp_path)
    assert found.findings == (("A map", SEEN),)
    assert found.absences == ("A map: It takes about 135 s here",)
    asked.depths.remove("normal")
    assert carry_out(Job("recipe", "toy", seed=3), tmp_path).findings == (("A map", SEEN),)
    told = [(each["depth"], each["budget"], each["seed"], each["instruments"]) for each in asked.calls]
    assert told == [(depth, BUDGETS["recipe"], 3, ("eigen-cam",)) for depth in ("normal", "normal", "quick")]
    asked.depths.clear()
    with pytest.raises(InputError, match="^It takes about 135 s here$"):
        carry_out(Job("recipe", "toy"), tmp_path)


def test_instruments_follow_what_a_picture_has_shown_and_are_not_missed_where_they_have_no_time(
    asked, monkeypatch, tmp_path
):
    picture = Finding("It is a three.", "x")
    recipe = PaperRecipe("toy", "Look", "x", (NETWORK, IMAGE), lambda *_, seed: picture, instruments=("eigen-cam",))
    monkeypatch.setattr(module, "recipe_named", lambda name: recipe)
    found = carry_out(Job("recipe", "toy"), tmp_path)
    assert found.findings == (("This picture", picture), ("A map, over held-out images", SEEN))
    asked.depths.clear()
    assert carry_out(Job("recipe", "toy"), tmp_path).findings == (("This picture", picture),)
    assert [each["depth"] for each in asked.calls] == ["quick", "quick"]


def test_more_inputs_than_a_recipe_takes_are_refused(asked, tmp_path):
    with pytest.raises(InputError, match="toy takes 1 inputs, got 2"):
        carry_out(Job("recipe", "toy", (Given(), Given())), tmp_path)


def test_a_study_becomes_a_table_of_its_verdicts_and_its_rows(tmp_path):
    write_whole(carry_out(Job("study", "netopsy_run_study:QUICK", preset="smoke"), tmp_path), tmp_path)
    told = read_results(tmp_path)
    (finding,) = told["findings"]
    assert finding["sentence"] == "1 of 1 claims hold with the preset smoke."
    assert finding["table"][1][:2] == ["toy-1", "holds"]
    assert told["files"] == ["rows.csv", "table-1.csv", "result.json"]
    assert (tmp_path / "result" / "rows.csv").read_text().splitlines()[0].startswith("cell,")
    assert result_file(tmp_path, "rows.csv").is_file()
    assert result_file(tmp_path, "verdicts.json") is None
    assert not (tmp_path / "result.part").exists()


def test_pictures_know_their_sizes(asked, tmp_path):
    write_whole(carry_out(Job("recipe", "toy"), tmp_path), tmp_path)
    (picture,) = read_results(tmp_path)["findings"][0]["pictures"]
    assert (picture["width"], picture["height"], picture["file"]) == (100, 40, "picture-1-1.svg")
