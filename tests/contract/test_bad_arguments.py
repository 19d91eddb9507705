"""Whatever a function is given in place of one argument: it takes it, or says what is wrong."""

import contextlib
import copy
import doctest
import inspect
import io
import warnings

import pytest
import torch

from netopsy import data, lab, training
from netopsy.catalogue import papers
from netopsy.catalogue.methods import resolve
from netopsy.core import masks, parameters
from netopsy.core.arguments import checked
from netopsy.core.errors import InputError
from netopsy.core.progress import reporting
from netopsy.data import Dataset
from netopsy.lab import statistics
from netopsy.models import mlp
from netopsy.training import stack

BAD = {
    "None": lambda: None,
    "an object": object,
    "a word": lambda: "nonsense",
    "NaN": lambda: float("nan"),
    "a negative number": lambda: -1,
    "zero": lambda: 0,
    "a huge number": lambda: 2**70,
    "a fraction": lambda: 1.5,
    "no list": list,
    "no mapping": dict,
    "words": lambda: ["x"],
    "a generator": lambda: iter(range(2)),
    "an empty tensor": lambda: torch.zeros(0),
    "a tensor of NaN": lambda: torch.full((2, 3, 4, 4), torch.nan),
    "a scalar tensor": lambda: torch.tensor(1.0),
    "a tensor of integers": lambda: torch.ones(2, 2, dtype=torch.int32),
    "bytes": lambda: b"x",
    "a complex number": lambda: 1j,
}
SET = Dataset(torch.rand(12, 4, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 3)
GIVEN = {
    masks.density: {"masks": {"w": torch.ones(2, 2, dtype=torch.bool)}},
    masks.prunable_parameters: {"model": mlp([4, 3])},
    parameters.flatten: {"parameters": dict(mlp([4, 3]).named_parameters())},
    parameters.interpolate: {"start": {"w": torch.ones(2)}, "end": {"w": torch.zeros(2)}, "at": 0.5},
    Dataset: {"inputs": SET.inputs, "targets": SET.targets},
    data.batch_indices: {"n": 8, "batch_size": 2, "seed": 0, "step": 1},
    data.batches_per_epoch: {"n": 8, "batch_size": 2},
    data.epoch_order: {"n": 8, "seed": 0, "epoch": 1},
    data.image_folder: {"path": "nowhere"},
    data.hub_dataset: {"name": "owner"},
    data.load_data: {"spec": "nowhere"},
    data.two_moons: {"n": 8},
    data.two_circles: {"n": 8},
    data.swiss_roll: {"n": 8},
    data.gaussian_blobs: {"n": 8, "classes": 2, "dimension": 2},
    training.evaluate: {"model": mlp([4, 3]), "data": SET},
    training.fit: {"model": mlp([4, 3]), "data": SET, "recipe": training.Recipe(steps=1)},
    statistics.proportion_interval: {"successes": 3, "trials": 4},
    statistics.mean_interval: {"values": [1.0, 2.0, 3.0]},
    lab.above: {"name": "x", "estimate": statistics.mean_interval([1.0, 2.0, 3.0]), "threshold": 0.0},
}


@pytest.mark.parametrize("function", GIVEN, ids=lambda function: function.__name__)
def test_it_takes_what_it_is_given_or_says_what_is_wrong(function, unchecked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a word may be taken for the name of a file to write
    parameters = inspect.signature(function).parameters
    given, wrong = GIVEN[function], []
    for name, parameter in parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        for what, bad in BAD.items():
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    function(**{**given, name: bad()})
                except InputError as error:
                    if len(str(error).splitlines()) != 1:
                        wrong.append((name, what, "several lines"))
                except Exception as error:
                    wrong.append((name, what, f"{type(error).__name__}: {error}"))
    assert wrong == []


ODD = ("None", "an object", "a word", "NaN", "a negative number", "zero", "no list", "a scalar tensor")
"""Those that methods are given; the rest are of the same kinds."""
UNCALLED = {"IMPResult", "Broker", "missing_links", "effective_regions", "find_ticket", "ugs_tickets"}
"""Without a call of their own in an example; their tests ask the same of them."""
METHODS = [method for paper in papers() if paper.status == "ready" for method in paper.methods]


class AtWorkError(BaseException):
    """Raised by the first step of work: the call was taken for a wish."""


class EndsAtFirstStep:
    """Ends a call where its work tells of progress, which is between two steps: nothing of anybody's is half done.

    Work within work, such as a training in a search, is not begun.
    """

    def __init__(self) -> None:
        self._started = 0

    def start(self, description: str, total: int | None) -> int:
        self._started += 1
        if self._started > 1:
            raise AtWorkError
        return 0

    def advance(self, task: int, steps: int = 1, note: str | None = None) -> None:
        raise AtWorkError

    def finish(self, task: int) -> None:
        pass


class CalledError(BaseException):
    """Raised where a method would be called, with its arguments."""


def good_call(function):
    """The arguments of the first call of a method in its own example, which ends there."""

    def spy(*arguments, **options):
        raise CalledError(arguments, options)

    names = {**vars(inspect.getmodule(function)), function.__name__: spy}
    for example in doctest.DocTestParser().get_examples(inspect.getdoc(function)):
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                exec(compile(example.source, function.__name__, "single"), names)
        except CalledError as called:
            return called.args
        if names.get(function.__name__) is function:  # the example imports it
            names[function.__name__] = spy
    return None


def test_nearly_every_method_is_called_in_its_example():
    assert len(METHODS) > 100
    assert {method.rpartition(".")[2] for method in METHODS} > UNCALLED


@pytest.mark.parametrize("method", [each for each in METHODS if each.rpartition(".")[2] not in UNCALLED])
def test_a_method_takes_what_it_is_given_or_says_what_is_wrong(method, unchecked, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stack, "traced", lambda function, *_: function)  # a recording takes longer than a step
    function = resolve(method)
    signature, good, wrong = inspect.signature(function), good_call(function), []
    arguments, options = copy.deepcopy(good)
    for name, parameter in signature.parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        for what in ODD:
            given = signature.bind(*arguments, **options)
            given.arguments[name] = BAD[what]()
            with warnings.catch_warnings(), reporting(EndsAtFirstStep()):
                warnings.simplefilter("ignore")
                try:
                    function(*given.args, **given.kwargs)
                except InputError as error:
                    if len(str(error).splitlines()) != 1:
                        wrong.append((name, what, "several lines"))
                    continue  # what refuses has changed nothing
                except AtWorkError:
                    pass
                except Exception as error:
                    wrong.append((name, what, f"{type(error).__name__}: {error}"))
            arguments, options = copy.deepcopy(good)
    assert wrong == []


def test_an_argument_of_another_kind_is_named_and_other_errors_stay():
    @checked
    def area(sides: list[int], unit: str | None = None, scale: float = 1.0) -> float:
        return sides[0] * sides[1] * scale

    assert area([2, 3], scale=2) == 12
    with pytest.raises(InputError, match=r"sides must be list\[int\], got NoneType: None"):
        area(None)
    with pytest.raises(InputError, match="scale must be float, got NoneType"):
        area([2, 3], scale=None)
    with pytest.raises(IndexError):
        area([2])
