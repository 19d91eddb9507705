"""For every test and every example in a docstring: the same random numbers each run, and what makes a run cheap."""

from collections.abc import Generator

import bare
import pytest
import shape_checks
import torch
import unlaid
from from_both_ends import begin_at_the_end

shape_checks.install()
unlaid.install()
bare.install()


def pytest_configure(config: pytest.Config) -> None:
    bare.configure(config)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    return (yield from bare.collecting())


def pytest_collectstart(collector: pytest.Collector) -> None:
    if isinstance(collector, pytest.Session):
        begin_at_the_end(collector)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.default_generator.manual_seed(0)  # that of a GPU, too, is twenty times as long


@pytest.fixture
def laid_out(monkeypatch):
    """Figures are laid out, as they are outside of tests."""
    monkeypatch.setattr(unlaid, "LAID_OUT", [True])
