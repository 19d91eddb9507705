"""`netopsy feed save`, `shelf` and `drop`."""

import json

import pytest

from netopsy.cli import main

pytestmark = pytest.mark.usefixtures("own_feed")


def out(capsys, *arguments):
    assert main(["feed", *arguments]) == 0
    return capsys.readouterr().out


def test_a_paper_is_saved_found_handed_out_and_dropped(capsys):
    out(capsys, "save", "grokking", "--tag", "Phases", "--tag", "later", "--note", "why so late", "--read")
    out(capsys, "save", "2310.06110", "--tag", "phases")
    (found,) = json.loads(out(capsys, "shelf", "LATE", "--tag", "phases", "--format", "json"))
    assert (found["slug"], found["tags"], found["note"]) == ("grokking", ["phases"], "why so late")
    assert found["read"]
    out(capsys, "save", "grokking", "--unread")
    assert json.loads(out(capsys, "shelf", "--format", "json"))[0]["read"] is None
    assert "arxiv:2310.06110" in out(capsys, "shelf")
    assert out(capsys, "shelf", "--format", "bibtex").startswith("@")
    out(capsys, "drop", "grokking")
    assert main(["feed", "drop", "grokking"]) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("save", "zebras"), "zebras"),
        (("save", "grokking", "--tag", "x" * 41), "a tag has at most 40 letters"),
        (("shelf", "--format", "exe"), "unknown format 'exe'"),
    ],
)
def test_what_cannot_be_is_one_sentence(capsys, arguments, said):
    assert main(["feed", *arguments]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told
