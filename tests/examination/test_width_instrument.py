"""How narrow a network could be: units that do nothing can go, and what goes is gone for real."""

import pytest
import torch
from torch import nn

from netopsy.core.operations import layers_of
from netopsy.data import Dataset
from netopsy.examination import Subject, examine
from netopsy.examination.instruments import width
from netopsy.models import mlp, small_conv_net


def padded(idle=15):
    """Two classes by the sign of the mean, with units of next to no weight beside those that decide."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 5 + idle), nn.ReLU(), nn.Linear(5 + idle, 2))
    torch.manual_seed(0)
    with torch.no_grad():
        for value in net.parameters():
            value.normal_(std=1e-3)
        net[1].weight[:5], net[1].bias[:5] = 1.0, 1.0
        net[3].weight[0, :5], net[3].weight[1, :5] = -1.0, 1.0
        net[3].bias.copy_(torch.tensor([5.0, -5.0]))
    return net


def halves(n=80, shape=(4,)):
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % 2
    sign = (2 * labels - 1).view(-1, *[1] * len(shape))
    return Dataset(sign * (0.1 + 0.5 * torch.rand(n, *shape, generator=random)) / 4, labels)


def test_idle_units_can_go_and_random_ones_cannot():
    finding = examine(padded(), halves(), instruments=["width"]).findings["width"]
    found = finding.figures
    assert found["accuracy"] == 1
    assert found["hidden units"] == 20
    assert found[f"kept, {width.NORM}"] == 0.3
    assert found[f"kept, {width.RANDOM}"] > 0.3
    assert (found["parameters, whole"], found["parameters, narrow"]) == (
        4 * 20 + 20 + 20 * 2 + 2,
        4 * 6 + 6 + 6 * 2 + 2,
    )
    assert found["multiplications for one sample, narrow"] == 4 * 6 + 6 * 2
    assert "the 30 % of its 20 hidden units that have the largest norm are enough" in finding.sentence
    assert not any("ms" in str(value) or "time" in name for name, value in found.items())
    assert finding.table[-1][0] == "time for 32 samples"


def test_what_is_measured_is_the_narrow_network():
    subject = Subject(padded(), halves())
    space = width._space(subject)
    found, asked = width._measure(subject, space, (1.0, 0.5), 20)
    assert len(asked) == 20
    assert found.networks[0.5][1].out_features == 10
    assert sum(x.flops for x in layers_of(found.networks[0.5], asked.inputs[:1])) == 2 * (4 * 10 + 10 * 2)
    assert len(found.curves[width.RANDOM][0.5]) == width.DRAWS
    searched = found.curves[width.SEARCHED][0.5][0]
    assert 0 <= searched <= 1


def test_a_search_never_sees_what_it_is_asked():
    subject = Subject(padded(), halves())
    searched, asked = width._samples(subject, 20)
    rows = {tuple(row.tolist()) for row in searched.inputs}
    assert not rows & {tuple(row.tolist()) for row in asked.inputs}
    trained = Subject(padded(), halves(40), train=halves(60))
    searched, asked = width._samples(trained, 30)
    assert (len(searched), len(asked)) == (30, 30)


@pytest.mark.parametrize(
    ("model", "shape"),
    [(mlp([3 * 6 * 6, 8, 2]), (3, 6, 6)), (small_conv_net((4, 4), (1, 1), classes=2, channels=3), (3, 8, 8))],
)
def test_other_networks_are_narrowed_too(model, shape):
    finding = examine(model.eval(), halves(24, shape), instruments=["width"], depth="quick").findings["width"]
    assert finding.figures["hidden units"] > 4
    assert finding.sentence.endswith(".")


class Deciding(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(x) if x.sum() < 1e9 else x[:, :2]


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.norm = nn.Linear(4, 6), nn.LayerNorm(6)
        self.second, self.output = nn.Linear(6, 8), nn.Linear(8, 2)

    def forward(self, x):
        return self.output(self.second(self.norm(self.first(x))).relu())


def test_where_nothing_can_be_removed_it_says_why():
    assert "cannot be traced: torch.fx stops in layer 'model'" in width.why_not(Subject(Deciding(), halves()))
    assert "no hidden units that can be removed" in width.why_not(Subject(nn.Linear(4, 2), halves()))
    tied = examine(Tied(), halves(24), instruments=["width"], depth="quick").findings["width"]
    assert tied.figures["hidden units"] == 8
    assert "The units of first stay" in tied.reading
