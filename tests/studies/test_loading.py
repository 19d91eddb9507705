import subprocess
import sys

import pytest

import netopsy.studies
from netopsy import InputError
from netopsy.core.errors import UnknownNameError
from netopsy.lab import Study
from netopsy.studies import available, load


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A further room with a study, a broken study, and a file that is none."""
    folder = tmp_path / "toyroom"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "_shared.py").touch()
    (folder / "a_small_paper.py").write_text(
        "from netopsy.lab import Study\nSTUDY = Study('a-small-paper', {}, None, (), None, None)\n"
    )
    (folder / "no_study.py").write_text("STUDY = 3\n")
    monkeypatch.setattr(netopsy.studies, "__path__", [*netopsy.studies.__path__, str(tmp_path)])


def test_studies_are_found_by_being_there(room, unchecked):
    assert available()["a-small-paper"] == "netopsy.studies.toyroom.a_small_paper"
    assert not [slug for slug in available() if "shared" in slug]
    assert load("a-small-paper").paper == "a-small-paper"


def test_all_studies_belong_to_their_slug():
    for slug in available():
        assert load(slug).paper == slug


def test_a_study_of_ones_own(room, unchecked):
    assert isinstance(load("netopsy.studies.toyroom.a_small_paper:STUDY"), Study)


def test_unknown_slugs_suggest_near_ones(room):
    with pytest.raises(UnknownNameError, match="unknown study 'a-small-papper': did you mean 'a-small-paper'"):
        load("a-small-papper")


@pytest.mark.parametrize("name", ["nowhere.at_all:STUDY", "math:STUDY", ":", "math:", "no-study", "math:pi"])
def test_what_is_no_study(room, name):
    with pytest.raises(InputError, match=f"study '{name}'"):
        load(name)


def test_listing_imports_no_torch():
    code = (
        "import sys, netopsy.studies as s; s.available(); sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
