"""What every instrument keeps: names from outside stay names, and the lines of Python that it shows run."""

from dataclasses import replace

import pytest
import torch
import unlaid
from hurried import hurry
from report_pages import check_harmless, check_whole
from torch import nn

from netopsy.catalogue import paper
from netopsy.data import digits_split
from netopsy.examination import examine
from netopsy.examination.chapters import CHAPTERS
from netopsy.examination.instrument import instruments
from netopsy.models import small_conv_net
from netopsy.training import Recipe, fit, stack

ATTACK = "<img src=y onerror=alert(4)>"
NAMES = (
    *(r"cat$\x$", r"$\nonsense$", "bell\x07\x00\x1b[31m", "n" * 300, "$", "a\nb\u202e", "", "100 %", "猫$\\x$"),
    '"><script>alert(1)</script></svg><b onclick="alert(2)">{{ 7*7 }}',
)
EVERY = {each.name: each for each in instruments()}


@pytest.fixture(scope="module")
def examined():
    """A trained network whose layers and classes have names that are no formulas, with its data and its examination."""
    train, _, test = (replace(part, classes=NAMES) for part in digits_split())
    trained = small_conv_net((8, 8), (1, 2))
    fit(trained, train, Recipe(steps=240, lr=2e-2, schedule="onecycle"))
    train, test = train[:200], test[:100]
    model = nn.Sequential()
    for name, part in trained.named_children():
        model.add_module(rf"{name}$\x${ATTACK}", part)
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.MonkeyPatch.context() as few:
        hurry(few)
        few.setattr(unlaid, "LAID_OUT", [True])
        few.setattr(stack, "traced", lambda function, *_: function)  # a recording takes longer than five steps
        recipe = Recipe(steps=5, batch_size=16)
        options = {"recipe": recipe, "initialisation": "he_normal", "budget": 1e6, "depth": "quick"}
        found = examine(model, test, train=train, **options)
    left = model.training and all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    return model.eval(), test, found, left


def test_the_examined_network_is_left_as_it_was(examined):
    assert examined[3]


@pytest.mark.parametrize("name", EVERY)
def test_it_is_known_by_what_it_shows(name):
    instrument = EVERY[name]
    assert instrument.title
    assert instrument.chapter in CHAPTERS
    assert all(paper(slug) for slug in instrument.papers)


@pytest.mark.parametrize("name", EVERY)
def test_names_that_are_no_formulas_are_drawn(name, examined):
    absent = {absence.instrument.name: absence.reason for absence in examined[2].absences}
    assert name not in absent, absent[name]
    finding = examined[2].findings[name]
    assert finding.sentence
    assert "\x1b" not in finding.sentence
    assert all(picture.description for picture in finding.pictures)


@pytest.mark.parametrize("name", EVERY)
def test_its_lines_of_python_run(name, examined):
    model, test, found, _ = examined
    code = found.findings[name].code
    assert code
    exec(compile(code, name, "exec"), {"model": model, "data": test})


@pytest.fixture(scope="module")
def page(examined):
    return examined[2].to_html()


def test_the_page_shows_the_names_as_they_are(page):
    assert r"\$" not in page
    assert r"cat$\x$" in page
    assert "{{ 7*7 }}" in page


def test_the_page_of_all_instruments_is_whole_and_harmless(examined, page):
    assert len(page) < 3_000_000
    check_harmless(page)
    check_whole(page, {paper(slug).url for each in examined[2].readings for slug in each.instrument.papers})
