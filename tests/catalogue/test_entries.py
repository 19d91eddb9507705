"""The catalogue is whole: every entry has what a reader and a study need."""

import re
import subprocess
import sys
import tomllib
from collections import Counter
from importlib.resources import files

import pytest

from netopsy import InputError
from netopsy.catalogue import ROOMS, Claim, Paper, claim, in_room, paper, papers
from netopsy.catalogue.methods import describe, resolve

ALL = pytest.mark.parametrize("entry", papers(), ids=lambda entry: entry.slug)
READY = pytest.mark.parametrize("entry", [p for p in papers() if p.status == "ready"], ids=lambda entry: entry.slug)


def test_the_51_papers_are_there_once_each():
    assert len(papers()) == 51
    for field in ("slug", "title", "arxiv", "summary"):
        assert len({getattr(entry, field) for entry in papers()}) == 51, field


def test_every_room_has_the_papers_of_the_plan():
    assert Counter(entry.room for entry in papers()) == {
        "interpretability": 7,
        "robustness": 4,
        "sparsity": 6,
        "landscape": 4,
        "representations": 3,
        "theory": 6,
        "learning": 5,
        "restoration": 5,
        "vision": 5,
        "graphs": 6,
    }
    assert {entry.slug for room in ROOMS for entry in in_room(room)} == {entry.slug for entry in papers()}


@ALL
def test_an_entry_can_be_read_and_looked_up(entry: Paper):
    assert paper(entry.slug) is entry
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", entry.slug)
    assert re.fullmatch(r"\d{4}\.\d{4,5}", entry.arxiv)
    assert entry.url == f"https://arxiv.org/abs/{entry.arxiv}"
    assert 2000 + int(entry.arxiv[:2]) <= entry.year <= 2026
    assert 80 <= len(entry.summary.split()) <= 120
    assert re.fullmatch(r"([\w.-]+/[\w.-]+)?", entry.code)
    assert entry.venue
    assert entry.authors
    assert 3 <= len(entry.keywords) <= 8
    assert entry.status in ("planned", "ready")


@ALL
def test_text_is_clean(entry: Paper):
    for text in (entry.title, entry.summary, *(c.text + c.criterion + c.paper_value for c in entry.claims)):
        assert text == " ".join(text.split())
        assert not re.search(r"TODO|FIXME|\?\?|lorem", text)
    assert entry.summary.endswith(".")


def test_no_two_summaries_share_a_long_run_of_words():
    seen: dict[tuple[str, ...], str] = {}
    for entry in papers():
        words = re.findall(r"\w+", entry.summary.lower())
        for start in range(len(words) - 7):
            run = tuple(words[start : start + 8])
            assert seen.setdefault(run, entry.slug) == entry.slug, run


@READY
def test_a_ready_paper_has_claims_with_criteria(entry: Paper):
    assert entry.claims
    assert len({c.id for c in entry.claims}) == len(entry.claims)
    for c in entry.claims:
        assert claim(entry.slug, c.id) is c
        assert c.text
        assert c.paper_value
        assert len(c.criterion.split()) >= 8


@READY
def test_the_methods_of_a_ready_paper_can_be_called_as_shown(entry: Paper):
    assert entry.methods
    for dotted in entry.methods:
        assert dotted.startswith((f"netopsy.{entry.room}.", "netopsy.core."))
        assert callable(resolve(dotted))
        line = describe(dotted)
        assert line.call.startswith(dotted.rpartition(".")[2] + "(")
        assert line.does, f"{dotted} has no docstring"


def test_the_criteria_of_the_first_two_papers_name_their_thresholds():
    for slug, name, number in [
        ("norm-grad", "norm-grad-1", "0.10"),
        ("norm-grad", "norm-grad-2", "-0.01"),
        ("norm-grad", "norm-grad-3", "0.10"),
        ("norm-grad", "norm-grad-4", "0.7"),
        ("lottery-ticket", "lottery-ticket-1", "+0.2"),
        ("lottery-ticket", "lottery-ticket-2", "log 1.1"),
        ("lottery-ticket", "lottery-ticket-3", "above 0"),
        ("lottery-ticket", "lottery-ticket-4", "0.01"),
    ]:
        assert number in claim(slug, name).criterion


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: paper("norm-grda"), "unknown paper 'norm-grda': did you mean 'norm-grad'?"),
        (lambda: paper(""), "unknown paper ''"),
        (lambda: claim("norm-grad", "norm-grad-9"), "unknown claim of norm-grad 'norm-grad-9': did you mean"),
        (lambda: claim("poincare-resnet", "norm-grad-1"), "there is none to choose from"),
        (lambda: in_room("graph"), "did you mean 'graphs'?"),
        (lambda: resolve("netopsy.catalogue.paperz"), "did you mean 'paper"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest_ones(call, says):
    with pytest.raises(InputError) as refused:
        call()
    assert says in str(refused.value)


def test_entries_cannot_be_changed():
    with pytest.raises(AttributeError):
        paper("norm-grad").title = "another"  # type: ignore[misc]
    with pytest.raises(TypeError):
        ROOMS["kitchen"] = "?"  # type: ignore[index]


def test_a_table_with_an_unknown_field_is_an_error():
    table = tomllib.loads(files("netopsy.catalogue").joinpath("papers/norm-grad.toml").read_text())
    with pytest.raises(TypeError):
        Paper(**table, colour="blue")
    with pytest.raises(TypeError):
        Claim(id="x", text="x", criterion="x")  # type: ignore[call-arg]


def test_reading_the_catalogue_imports_nothing_heavy():
    script = (
        "import sys; from netopsy.catalogue import papers; papers();"
        "print([m for m in ('torch', 'numpy', 'pandas', 'sklearn', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
