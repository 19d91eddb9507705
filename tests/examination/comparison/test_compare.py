"""Two networks side by side: what is found, what is refused, and what does not depend on anything else."""

import copy
import dataclasses
import json
import re

import pytest
import torch
from torch import nn

from netopsy import InputError, compare
from netopsy.data import Dataset
from netopsy.examination import Subject
from netopsy.examination.comparison import Pair, comparison_instruments
from netopsy.examination.comparison.differences import differences
from netopsy.examination.comparison.instruments import places, units
from netopsy.examination.comparison.walk import between
from netopsy.examination.weighted_layers import weighted_layers
from netopsy.models import mlp, small_conv_net
from netopsy.training import Recipe, evaluate, fit

NAMES = (r"cat$\x$", "bell\x07\x1b[31m", "n" * 300, "$", "a\nb\u202e", "", "100 %", "猫", "<b>x</b>", "$$")


@pytest.fixture(scope="module")
def three(trained):
    """A trained network, another of the same architecture, and a perceptron; test data with names that try much."""
    model, train, test = trained
    other = small_conv_net((8, 8), (1, 2), seed=7)
    fit(other, train, Recipe(steps=120, lr=2e-2, schedule="onecycle"), seed=1)
    flat = nn.Sequential(nn.Flatten(), mlp([64, 24, 10], seed=0))
    fit(flat, train, Recipe(steps=200, lr=1e-2))
    return model, other, flat, dataclasses.replace(test, classes=NAMES)[:200]


@pytest.fixture(scope="module")
def compared(three):
    a, b, _, test = three
    a.train()
    before = [{name: value.clone() for name, value in model.state_dict().items()} for model in (a, b)]
    found = compare(a, b, test, names=("<i>old</i>", "new"))
    for model, state in zip((a, b), before, strict=True):
        assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert a.training
    a.eval()
    return found


def test_every_instrument_says_something_and_nothing_from_outside_becomes_markup(compared):
    assert {each.name for each in comparison_instruments()} == set(compared.findings)
    page = compared.to_html()
    assert "<b>x</b>" not in page
    assert "<i>old</i>" not in page
    assert "\x1b" not in page
    assert "Two trained networks side by side" in page
    assert "given <code>model_a</code>, <code>model_b</code> and <code>data</code>" in page


@pytest.mark.parametrize("name", [each.name for each in comparison_instruments()])
def test_its_lines_of_python_run(name, compared, three, capsys):
    a, b, _, test = three
    code = compared.findings[name].code
    exec(compile(code, name, "exec"), {"model_a": a, "model_b": b, "data": test})


def test_the_numbers_are_those_of_the_networks(compared, three):
    a, b, _, test = three
    right = [evaluate(model, test).outputs.argmax(1) == test.targets for model in (a, b)]
    found = compared.findings["answers"].figures
    assert found["accuracy, B"] == pytest.approx(float(right[1].float().mean()), abs=1e-4)
    assert found["only A right"] == int((right[0] & ~right[1]).sum())
    wanted = 100 * float(right[1].float().mean() - right[0].float().mean())
    assert compared.differences["accuracy"].value == pytest.approx(wanted, abs=1e-4)
    assert compared.differences["parameters"].value == 0


def test_a_report_and_its_tables_are_written(compared, tmp_path):
    page = compared.save(tmp_path / "out")
    told = json.loads(page.with_suffix(".json").read_text())
    assert set(told["differences"]) >= {"accuracy", "ece", "nll", "brier", "agreement", "lost", "gained"}
    rows = page.with_name("changes.csv").read_text().splitlines()
    assert rows[0].startswith("sample,label,answer of A")
    shares = compared.findings["answers"].figures
    assert len(rows) - 1 == round((100 - shares["same answer (%)"]) / 100 * shares["samples"])


def test_a_network_beside_itself_is_the_same_everywhere(three):
    a, *_, test = three
    found = compare(a, copy.deepcopy(a), test)
    assert found.differences["accuracy"].value == found.differences["nll"].value == found.differences["ece"].value == 0
    assert found.differences["agreement"].value == 100
    assert found.findings["line"].figures["barrier of the error (points)"] == 0
    assert found.findings["places"].figures["rank correlation on one image"] == pytest.approx(1)
    assert found.findings["layers"].figures["mean CKA of layers at one place"] == pytest.approx(1, abs=1e-3)
    assert "the same samples right" in found.findings["changes"].sentence


def test_a_broken_network_is_found_out(three):
    a, *_, test = three
    broken = copy.deepcopy(a)
    with torch.no_grad():
        list(broken.modules())[-1].bias[3] += 4.0
    found = compare(a, broken, test)
    assert found.findings["answers"].verdict == "doubtful"
    assert found.beyond("accuracy < -0.5")
    assert found.beyond("accuracy.high < 0")
    assert compare(broken, a, test, instruments=["answers"]).findings["answers"].verdict == "good"


def test_other_architectures_leave_out_what_needs_one(three):
    a, _, flat, test = three
    found = compare(a, flat, test)
    assert {"answers", "changes", "confidence", "sizes", "places", "layers"} <= set(found.findings)
    reasons = {each.instrument.name: each.reason for each in found.absences}
    assert set(reasons) == {"line", "aligned", "line-by-layer", "units"}
    assert "one architecture" in reasons["line"]
    assert "no layer of one name" in reasons["units"]
    assert found.differences["parameters"].value != 0


def test_outputs_in_another_order_are_told_by_their_names(three):
    a, *_, test = three
    named = dataclasses.replace(test, classes=tuple("abcdefghij"))
    order = torch.arange(9, -1, -1)

    class Turned(nn.Module):
        def forward(self, inputs):
            return a(inputs)[:, order]

    found = compare(a, Turned(), named, labels_b="jihgfedcba", instruments=["answers"])
    assert found.differences["agreement"].value == 100
    assert found.differences["accuracy"].value == 0


def test_the_same_samples_may_be_prepared_for_each(three):
    a, *_, test = three

    class Brighter(nn.Module):
        def forward(self, inputs):
            return a(inputs - 1)

    prepared = dataclasses.replace(test, inputs=test.inputs + 1)
    found = compare(a, Brighter(), test, data_b=prepared, instruments=["answers", "line"])
    assert found.differences["agreement"].value == 100
    assert "line" not in found.findings


def test_networks_that_read_no_images():
    random = torch.Generator().manual_seed(0)
    inputs = torch.randn(300, 6, generator=random)
    data = Dataset(inputs, (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0).long())
    models = [mlp([6, 16, 3], seed=seed) for seed in (0, 1)]
    for seed, model in enumerate(models):
        fit(model, data, Recipe(steps=150, lr=1e-2), seed=seed)
    found = compare(*models, data)
    between = {"line", "aligned", "line-by-layer"}
    assert {"answers", "changes", "confidence", "sizes", "layers", "units", *between} == set(found.findings)


class Recurrent(nn.Module):
    def __init__(self, hidden):
        super().__init__()
        self.embedding, self.recurrent = nn.Embedding(9, 4), nn.LSTM(4, hidden, batch_first=True)
        self.output = nn.Linear(hidden, 3)

    def forward(self, tokens):
        return self.output(self.recurrent(self.embedding(tokens))[0][:, -1])


LAYERED = {"aligned", "line-by-layer"}
FLOATS = Dataset(torch.randn(40, 6), torch.arange(40) % 3)
HALF = Dataset(torch.randn(40, 6).bfloat16(), torch.arange(40) % 3)


@pytest.mark.parametrize(
    ("make", "data", "absent"),
    [
        (lambda: Recurrent(5), Dataset(torch.randint(0, 9, (40, 7)), torch.arange(40) % 3), {"places", "aligned"}),
        (lambda: mlp([6, 8, 3]).bfloat16(), HALF, {"places"}),
        (
            lambda: nn.Linear(6, 3),
            Dataset(torch.randn(40, 6), torch.arange(40) % 3),
            {"places", "layers", "units", *LAYERED},
        ),
        (
            lambda: mlp([6, 8, 3]),
            Dataset(torch.randn(1, 6), torch.tensor([1])),
            {"places", "layers", "line", "units", *LAYERED},
        ),
    ],
    ids=["tokens", "half precision", "a single layer", "a single sample"],
)
def test_odd_networks_and_data_break_no_instrument(make, data, absent):
    every = [each.name for each in comparison_instruments()]
    found = compare(make(), make(), data, instruments=every)
    assert not [each for each in found.absences if each.failed]
    assert {each.instrument.name for each in found.absences} == absent


def test_at_chance_only_what_makes_sense_is_shown(three):
    a, *_, test = three
    found = compare(a, small_conv_net((8, 8), (1, 2), seed=3), test)
    assert found.warning.startswith("B: the network is no better than chance")
    assert "answers" in found.findings
    assert not {"places", "layers", "line"} & set(found.findings)


def test_two_samples_of_a_class_are_never_one(three):
    a, b, _, test = three
    pair = Pair(Subject(a, test), Subject(b, test))
    indices = pair.a.sample(60)
    others = places._others(pair, indices)
    assert (others != torch.arange(60)).all()
    assert torch.equal(pair.a.labels[indices[others]], pair.a.labels[indices])
    assert sorted(others.tolist()) == list(range(60))


def test_half_way_is_the_mean_of_the_weights(three):
    a, b, *_ = three
    half = between(a, b, 0.5)
    for p, q, r in zip(half.parameters(), a.parameters(), b.parameters(), strict=True):
        torch.testing.assert_close(p, (q + r) / 2)


def test_units_in_another_order_are_found_again(three):
    a, *_, test = three
    twin, order = copy.deepcopy(a), torch.randperm(8, generator=torch.Generator().manual_seed(0))
    state = a.state_dict()
    moved = [name for name in state if name.startswith(("features.conv1", "features.norm1")) and state[name].ndim]
    first = {name: state[name][order] for name in moved}
    twin.load_state_dict(state | first | {"features.conv2.weight": state["features.conv2.weight"][:, order]})
    pair = Pair(Subject(a, test), Subject(twin, test))
    found = units.examine(pair)
    assert found.figures["mean correlation with the partner, features.conv1"] == pytest.approx(1, abs=1e-4)
    assert found.figures["units at the same place, features.conv1"] == int((order == torch.arange(8)).sum())


def test_layers_are_spread_over_the_depth(three):
    deep = nn.Sequential(*(nn.Linear(6, 6) for _ in range(40)))
    subject = Subject(deep, Dataset(torch.rand(20, 6), torch.arange(20) % 6))
    names = weighted_layers(subject, 14)
    assert (names[0], names[-1], len(names)) == ("0", "39", 14)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda a, t: compare(a, None, t), "model must be a torch nn.Module"),
        (lambda a, t: compare(a, a, t, data_b=t[:50]), "the same samples, got 200 and 50"),
        (lambda a, t: compare(a, a, t, data_b=t[torch.arange(199, -1, -1)]), "labels are different"),
        (lambda a, t: compare(a, a, t, instruments=["accuracy"]), "unknown instrument 'accuracy'"),
        (lambda a, t: compare(a, a, t, depth="deep"), "unknown depth"),
        (lambda a, t: compare(a, a, t, budget=0), "budget must be a positive number"),
        (
            lambda a, t: compare(a, nn.Sequential(a, nn.Linear(10, 12)), Dataset(t.inputs, t.targets)),
            "give the names of the outputs",
        ),
    ],
)
def test_bad_input(call, message, three):
    with pytest.raises(InputError, match=message):
        call(three[0], three[3])


def test_differences_are_computed_once(three):
    a, b, _, test = three
    pair = Pair(Subject(a, test), Subject(b, test))
    assert differences(pair) is differences(pair)
    assert re.match(r"<Comparison of ", repr(compare(a, b, test, instruments=["sizes"])))
