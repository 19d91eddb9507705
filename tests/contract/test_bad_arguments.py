"""Whatever a function of the lower floors is given in place of one argument: it takes it, or says what is wrong."""

import inspect
import warnings

import pytest
import torch

from netopsy import data, lab, training
from netopsy.core import masks, parameters
from netopsy.core.arguments import checked
from netopsy.core.errors import InputError
from netopsy.data import Dataset
from netopsy.lab import statistics
from netopsy.models import mlp

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
def test_it_takes_what_it_is_given_or_says_what_is_wrong(function, unchecked):
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
