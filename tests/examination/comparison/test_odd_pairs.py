"""Pairs that are seldom seen: what is said of them is true."""

import copy
import dataclasses

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from netopsy import compare
from netopsy.data import Dataset
from netopsy.examination import Subject
from netopsy.examination.comparison import Pair
from netopsy.examination.comparison.instruments import layers, line, places, sizes, units
from netopsy.examination.comparison.walk import between
from netopsy.examination.untrained import untrained
from netopsy.lab.statistics import mean_interval
from netopsy.training import Recipe, fit


class Perceptron(nn.Module):
    def __init__(self, hidden=16, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.hidden, self.output = nn.Linear(8, hidden), nn.Linear(hidden, 4)

    def forward(self, inputs):
        return self.output(self.hidden(inputs).relu())


def pair_of(a, b, data, **other):
    return Pair(Subject(a, data), Subject(b, data, **other))


@pytest.fixture(scope="module")
def learned():
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(160) % 4
    inputs = torch.randn(160, 8, generator=random)
    inputs[torch.arange(160), labels] += 3
    data = Dataset(inputs, labels, classes=tuple("abcd"))
    model = Perceptron()
    fit(model, data, Recipe(steps=150, lr=1e-2))
    return model.eval(), data


class TokensFirst(nn.Module):
    """Tokens along the first axis, and attention whose weights no `reset_parameters` draws."""

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.embed, self.place = nn.Linear(4, 8), nn.Parameter(torch.randn(5, 1, 8))
        self.block = nn.TransformerEncoderLayer(8, 2, 16)
        self.output = nn.Linear(8, 3)

    def forward(self, inputs):
        return self.output(self.block(self.embed(inputs.transpose(0, 1)) + self.place).mean(0))


class Folded(nn.Module):
    """All tokens of all samples as rows of one matrix, and a layer that no sample reaches."""

    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.embed, self.bias, self.output = nn.Linear(4, 6), nn.Linear(2, 30), nn.Linear(30, 3)

    def forward(self, inputs):
        rows = self.embed(inputs.reshape(-1, 4)).relu().view(len(inputs), -1)
        return self.output(rows + self.bias(torch.ones(1, 2)))


@pytest.mark.parametrize("make", [TokensFirst, Folded])
def test_samples_are_found_wherever_a_layer_holds_them(make):
    data = Dataset(torch.randn(70, 5, 4, generator=torch.Generator().manual_seed(0)), torch.arange(70) % 3)
    a = make(0).eval()
    found = compare(a, copy.deepcopy(a), data, instruments=["layers", "units"])
    assert not found.absences
    assert found.findings["layers"].figures["mean CKA of layers at one place"] == pytest.approx(1, abs=1e-3)
    assert found.findings["units"].glance.startswith("100 %")


def test_nothing_that_was_learned_is_left_in_the_untrained_control():
    model = TokensFirst(0)
    fresh = untrained(Subject(model, Dataset(torch.randn(12, 5, 4), torch.arange(12) % 3)))
    for (name, before), after in zip(model.named_parameters(), fresh.parameters(), strict=True):
        assert before.std() == 0 or not torch.equal(before, after), name
    assert fresh.place.std().item() == pytest.approx(model.place.std().item(), rel=0.6)


def test_a_masked_network_is_drawn_anew_too(learned):
    model, data = learned
    masked = copy.deepcopy(model)
    prune.l1_unstructured(masked.hidden, "weight", 0.5)
    fresh = untrained(Subject(masked, data))
    assert not torch.equal(fresh.hidden.weight_orig, masked.hidden.weight_orig)


def test_a_layer_that_is_dead_in_b_is_a_gap_and_no_number(learned):
    model, data = learned
    dead = copy.deepcopy(model)
    nn.init.zeros_(dead.hidden.weight)
    finding = layers.examine(pair_of(model, dead, data))
    assert finding.table[1][:3] == ("hidden", "–", "–")
    assert all(value == value for value in finding.figures.values() if isinstance(value, float))


def test_training_is_not_praised_for_what_it_has_not_done(learned):
    model, data = learned
    assert "has brought none" in layers.examine(pair_of(model, Perceptron(seed=5), data)).sentence


def test_units_without_a_partner_count(learned):
    model, data = learned
    small = Perceptron(4)
    with torch.no_grad():
        small.hidden.weight.copy_(model.hidden.weight[:4])
        small.hidden.bias.copy_(model.hidden.bias[:4])
    finding = units.examine(pair_of(model, small, data))
    assert finding.figures["units alike, hidden"] == 4
    assert finding.glance.startswith("25 %")


def test_no_line_between_outputs_in_another_order(learned):
    model, data = learned
    turned, order = copy.deepcopy(model), torch.tensor([3, 1, 2, 0])
    with torch.no_grad():
        for weight in turned.output.parameters():
            weight.copy_(weight[order].clone())
    pair = pair_of(model, turned, data, outputs=tuple("dbca"))
    assert torch.equal(*pair.answers)
    assert "another order" in line.applies(pair)
    some = data[(data.targets == 1) | (data.targets == 2)]  # of which the numbers are the same in both
    assert torch.equal(*pair_of(model, turned, some, outputs=tuple("dbca")).answers)


def test_a_network_that_is_merely_worse_lies_behind_no_ridge(learned):
    model, data = learned
    worse = copy.deepcopy(model)
    with torch.no_grad():
        worse.output.bias[2] -= 100
    finding = line.examine(pair_of(model, worse, data))
    assert finding.figures["barrier of the error (points)"] > 5
    assert finding.figures["barrier of the loss"] == pytest.approx(0, abs=1e-3)
    assert "no ridge" in finding.sentence


def test_units_in_another_order_make_a_ridge(learned):
    model, data = learned
    turned = copy.deepcopy(model)
    with torch.no_grad():
        turned.hidden.weight.copy_(model.hidden.weight.flip(0))
        turned.hidden.bias.copy_(model.hidden.bias.flip(0))
        turned.output.weight.copy_(model.output.weight.flip(1))
    pair = pair_of(model, turned, data)
    finding = line.examine(pair)
    half = between(model, turned, 0.5)
    wrong = float((half(data.inputs).argmax(1) != data.targets).float().mean())
    assert finding.figures["error half way (%)"] == pytest.approx(100 * wrong, abs=0.01)
    assert ("a ridge" in finding.sentence) == (wrong > 0.1)
    assert finding.figures["barrier of the error, low"] <= finding.figures["barrier of the error (points)"]


def test_few_samples_are_no_ridge(learned):
    pair = pair_of(learned[0], learned[0], learned[1][:12])
    some = torch.zeros(12).double().numpy()
    some[0] = 1.0
    errors, rise = torch.tensor([0.0, 1 / 12, 0.0]).numpy(), torch.tensor([0.0, 1 / 12, 0.0]).numpy()
    assert line._shape(errors, rise, mean_interval(some)) == "unsure"
    assert "linearly connected" in line.examine(pair).sentence


def test_a_pruned_network_has_zeros_and_parameters_in_another_order(learned):
    model, data = learned
    pruned = copy.deepcopy(model)
    for layer in (pruned.hidden, pruned.output):
        prune.l1_unstructured(layer, "weight", 0.5)
    with torch.no_grad():
        pruned(data.inputs)  # so that it can be copied
    masked = copy.deepcopy(pruned)
    for layer in (pruned.hidden, pruned.output):
        prune.remove(layer, "weight")
    apart = sum(
        float((p - q).square().sum())
        for p, q in ((model.hidden.weight, pruned.hidden.weight), (model.output.weight, pruned.output.weight))
    )
    pair = pair_of(model, pruned, data)
    assert line.examine(pair).figures["distance of the weights"] == pytest.approx(apart**0.5, abs=1e-3)
    for other in (pruned, masked):
        finding = sizes.examine(pair_of(model, other, data))
        assert finding.figures["weights that are 0 (%), B"] == 50
        assert "Of the weights of B 50 % are 0" in finding.sentence


def test_a_small_difference_of_size_is_one(learned):
    model, data = learned

    class Scaled(Perceptron):
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

    assert "+0.47 % parameters" in sizes.examine(pair_of(model, Scaled(), data)).sentence


def test_a_compiled_network_is_of_one_architecture_with_its_source(learned):
    model, data = learned
    pair = pair_of(model, torch.compile(copy.deepcopy(model), backend="eager"), data)
    assert pair.one_architecture
    assert "linearly connected" in line.examine(pair).sentence


def test_an_image_alone_in_its_class_is_no_control_for_itself():
    inputs = torch.rand(24, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 12))
    alone = Dataset(inputs[:12], torch.arange(12))
    with pytest.raises(places.NotNow, match="of one class"):
        places.examine(pair_of(net, copy.deepcopy(net), alone))
    some = dataclasses.replace(alone, inputs=inputs[:16], targets=torch.tensor([*range(12), 0, 0, 1, 1]))
    assert places.examine(pair_of(net, copy.deepcopy(net), some)).figures["images"] <= 6


class OfTokens(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(1, 8, 4, 4)
        self.layer = nn.TransformerEncoderLayer(8, 2, 8, dropout=0.0, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, images):
        return self.head(self.layer(self.patch(images).flatten(2).transpose(1, 2)).mean(1))


def test_views_on_one_network_alone_are_no_other_architecture():
    data = Dataset(torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 3)
    both = Pair(Subject(OfTokens(), data), Subject(OfTokens(), data))
    both.a.model.layer.add_module("grid", nn.Identity())
    assert both.one_architecture
