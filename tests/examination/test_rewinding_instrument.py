"""The instrument of late rewinding."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from netopsy.core.seeds import derive
from netopsy.data import Dataset, digits_split
from netopsy.examination import examine
from netopsy.examination.instrument import NotNow
from netopsy.examination.instruments import rewinding
from netopsy.examination.subject import Subject
from netopsy.models import mlp
from netopsy.sparsity.late_rewinding import rewind_sweep
from netopsy.sparsity.lottery_ticket import reinitialise
from netopsy.training import Recipe, evaluate, trainer

TRAIN, _, TEST = (part[:200] for part in digits_split())
RECIPE = Recipe(steps=10, batch_size=40, optimizer="sgd", lr=0.2, momentum=0.9)


def subject(**options):
    given = {"train": TRAIN, "recipe": RECIPE, "initialisation": "he_normal", **options}
    return Subject(mlp([64, 24, 10]), TEST, **given)


def test_its_numbers_are_those_of_the_sweep(unchecked):
    one = subject()
    figures = rewinding.examine(one).figures
    network = reinitialise(one.model, init="he_normal", seed=derive(0, "rewinding"))
    seeds = (derive(0, "order"), derive(0, "other order"))
    options = {"rate": 0.9, "seeds": seeds, "evaluate": lambda model: evaluate(model, TEST).accuracy}
    table = rewind_sweep(network, trainer(TRAIN, RECIPE), (0, 1), 1, compared=(1,), **options).table
    last = table[table["round"] == 1].set_index(["step", "variant"])
    assert figures["weights kept"] == pytest.approx(last["density"].iloc[0], abs=1e-4)
    for step in (0, 1):
        assert figures[f"accuracy, from step {step}"] == pytest.approx(last.loc[(step, "ticket"), "metric"], abs=0.006)
        ratio = last.loc[(step, "ticket"), "to_data_order"] / last.loc[(step, "random"), "to_data_order"]
        assert figures[f"distance over that of the shuffled mask, step {step}"] == pytest.approx(ratio, abs=0.02)


def test_the_depth_says_how_many_steps():
    assert rewinding._steps(subject()) == [0, 1]
    assert rewinding._steps(subject(depth="thorough", recipe=replace(RECIPE, steps=400))) == [0, 20, 80]
    assert rewinding._steps(subject(depth="thorough", recipe=replace(RECIPE, steps=3))) == [0, 1]


def test_too_long_a_training_is_an_absence():
    with pytest.raises(NotNow, match="10 trainings of up to 1,000,000,000 steps are the least"):
        rewinding.examine(subject(recipe=Recipe(steps=10**9)))
    (absence,) = examine(mlp([64, 10]), TEST, instruments=["rewinding"]).absences
    assert "needs the training data" in absence.reason


def test_a_network_that_cannot_run_as_a_stack_is_trained_one_after_the_other():
    class Counting(nn.Module):
        """Its norm averages over all batches it has seen, which a stack cannot."""

        def __init__(self):
            super().__init__()
            self.body, self.norm = nn.Linear(192, 8), nn.BatchNorm1d(8, momentum=None)
            self.head = nn.Linear(8, 2)

        def forward(self, x):
            return self.head(self.norm(self.body(x.flatten(1))).relu())

    random = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 2
    images = torch.rand(60, 3, 8, 8, generator=random) + 0.5 * labels[:, None, None, None]
    data = Dataset(images, labels)
    model = Counting()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    recipe = Recipe(steps=6, batch_size=20, optimizer="sgd", lr=0.1)
    found = rewinding.examine(Subject(model, data, train=data, recipe=recipe))
    assert found.figures["weights kept"] == pytest.approx(0.1, abs=0.01)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_orders_that_end_at_the_same_weights_have_no_ratio():
    assert "nothing to compare" in rewinding._apart({0: 1.5, 2: float("nan")}, 2)
    assert rewinding._apart({0: 1.5, 2: 0.5}, 2).startswith("end 0.50 times as far apart")
