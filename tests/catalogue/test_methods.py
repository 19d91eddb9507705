"""One line on how a method is called, read from its signature."""

import pytest

from netopsy import InputError
from netopsy.catalogue import methods


def plain(a, b=2):
    """Adds
    the two.

    And more."""


def keyword_only(x, *, scale=0.5, kind="conv", act=max, shape=(1, 2), nothing=None):
    """Scales."""


def starred(*args, flag=True, **options):
    """Takes anything."""


def undocumented(): ...


class Estimator:
    """Fits."""

    def __init__(self, rate: float = 0.1, *, seed: int) -> None: ...


@pytest.mark.parametrize(
    ("method", "call", "does"),
    [
        (plain, "plain(a, b=2)", "Adds the two."),
        (
            keyword_only,
            "keyword_only(x, *, scale=0.5, kind='conv', act=max, shape=(1, 2), nothing=None)",
            "Scales.",
        ),
        (starred, "starred(*args, flag=True, **options)", "Takes anything."),
        (undocumented, "undocumented()", ""),
        (Estimator, "Estimator(rate=0.1, *, seed)", "Fits."),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_line_shows_the_call_and_the_first_sentence(method, call, does, monkeypatch):
    monkeypatch.setattr(methods, "resolve", lambda _: method)
    line = methods.describe(f"some.module.{method.__name__}")
    assert (line.module, line.name, line.call, line.does) == ("some.module", method.__name__, call, does)


def test_a_name_that_is_not_there_is_an_input_error_and_a_module_that_is_not_there_an_import_error():
    with pytest.raises(InputError, match="unknown method of netopsy.core.errors 'requiree': did you mean 'require'"):
        methods.resolve("netopsy.core.errors.requiree")
    with pytest.raises(ImportError):
        methods.resolve("netopsy.no_such_room.method")
