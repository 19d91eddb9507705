"""Small networks to examine, and data with names that try to break out of a page."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import nn

from netopsy.core import drawing, finding
from netopsy.data import Dataset, digits_split
from netopsy.examination import Subject
from netopsy.models import small_conv_net
from netopsy.training import Recipe, fit

HOSTILE = "<script>alert(1)</script>"


class Answering(nn.Module):
    """Gives each input the scores that are written in it."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return inputs.flatten(1)


@pytest.fixture(scope="module", autouse=True)
def _without_shape_checks(at_own_speed) -> None:
    """Every instrument runs under the shape checks in the contract's examination."""


@pytest.fixture
def answering() -> Callable[..., Subject]:
    """A subject with the given scores ``[n, classes]`` and labels; its inputs are no images."""

    def make(scores, labels, classes=(), **options) -> Subject:
        data = Dataset(torch.as_tensor(scores, dtype=torch.float32), torch.as_tensor(labels), tuple(classes))
        return Subject(Answering(), data, **options)

    return make


@pytest.fixture(scope="module", autouse=True)
def _unrendered(request) -> Iterator[None]:
    """Pictures are empty but where a module says ``RENDERED``: to turn figures into SVG is most of an examination."""
    empty = b'<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"></svg>'
    with pytest.MonkeyPatch.context() as patch:
        if not getattr(request.module, "RENDERED", False):
            patch.setattr(finding, "render", lambda drawn, ending: empty)
        yield


@pytest.fixture
def rendered(monkeypatch) -> None:
    """Pictures are drawn, for a test that looks at them."""
    monkeypatch.setattr(finding, "render", drawing.render)


@pytest.fixture(scope="session")
def trained() -> tuple[nn.Module, Dataset, Dataset]:
    """A small network that knows digits well and not perfectly, its training and its test data."""
    train, _, test = digits_split()
    model = small_conv_net((8, 8), (1, 2))
    fit(model, train, Recipe(steps=240, lr=2e-2, schedule="onecycle"))
    return model, train, test
