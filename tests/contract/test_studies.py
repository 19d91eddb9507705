"""What every study keeps: presets, a plan whose cells can be measured, an answer for every claim, figures."""

from dataclasses import replace

import matplotlib as mpl
import pytest

from netopsy import InputError
from netopsy.catalogue import paper, papers
from netopsy.core import drawing
from netopsy.core.drawing import LARGEST_SVG, render
from netopsy.lab import kept_keys, run
from netopsy.lab.judging import conclude
from netopsy.lab.version import code_key_of
from netopsy.studies import available, load
from netopsy.training import stack

STUDIES = available()


def test_every_ready_paper_has_its_study_and_no_other():
    assert set(STUDIES) == {each.slug for each in papers() if each.status == "ready"}


@pytest.mark.parametrize("slug", STUDIES)
def test_its_presets_can_be_planned(slug):
    study = load(slug)
    assert study.paper == slug
    assert set(study.presets) == {"smoke", "laptop", "paper"}
    for preset in ("smoke", "laptop"):
        cells = study.cells(study.configuration(preset))
        assert {cell.measure for cell in cells} <= {measure.__name__ for measure in study.measures}
    assert study.configuration("laptop").seeds >= 3
    for measure in study.measures:
        assert measure.__doc__, f"{measure.__name__} says nothing"
        assert code_key_of(f"{measure.__module__}:{measure.__name__}")


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Where small networks that several studies examine are kept for all of them."""
    return tmp_path_factory.mktemp("cache")


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("slug", STUDIES)
def test_its_smoke_run_answers_every_claim(slug, tmp_path, cache, monkeypatch, unchecked):
    monkeypatch.setenv("NETOPSY_CACHE", str(cache))
    monkeypatch.setattr(kept_keys, "_state", lambda: "s")  # no file of the package changes meanwhile
    monkeypatch.setattr(stack, "traced", lambda function, *_: function)  # a recording takes longer than a few steps
    monkeypatch.setattr(drawing, "render", lambda drawn, ending: render(drawn, ending) if ending == "svg" else b"")
    before = dict(mpl.rcParams)
    study, answers = load(slug), []

    def judge(tables, config):
        answers.extend(study.judge(tables, config))
        return iter(answers)

    found = run(replace(study, judge=judge), "smoke", out=tmp_path / "run", workers=0)
    assert [verdict.claim for verdict in found.verdicts] == [claim.id for claim in paper(slug).claims]
    for verdict in found.verdicts:
        units = {part.unit for part in verdict.parts if part.estimate is not None and part.estimate.n > 1}
        assert all(units), f"{verdict.claim} has an interval over something without a name"
        assert not units & {"images", "pixels", "nodes", "scenes", "rotations"}
    assert found.figures
    assert all(path.stat().st_size < LARGEST_SVG for path in found.figures.values())
    assert dict(mpl.rcParams) == before

    gone = found.verdicts[-1].claim
    with pytest.raises(InputError, match=f"claims without an answer: {gone}"):
        conclude(paper(slug).claims, [each for each in answers if each[0] != gone])


def test_the_look_of_figures_is_one():
    from netopsy.core.drawing import figure

    drawn, _ = figure()
    assert render(drawn, "svg") == render(figure()[0], "svg")
