"""The shape of a loss: what is known of a quadratic one, and networks of other kinds."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from netopsy.data import Dataset
from netopsy.examination import Subject, examine
from netopsy.examination.instrument import NotNow
from netopsy.examination.instruments import loss_shape, opposing_signals
from netopsy.examination.instruments._loss import COARSE, FEWEST, FULL, effort_of
from netopsy.landscape.curvature import dense, hessian
from netopsy.models import mlp, small_conv_net

BOTH = ["loss-shape", "opposing-signals"]


def images(n=60, shape=(1, 6, 6), classes=3):
    random = torch.Generator().manual_seed(0)
    labels = torch.arange(n) % classes
    return Dataset(torch.rand(n, *shape, generator=random) + labels.view(-1, *[1] * len(shape)), labels)


def test_sharpness_trace_and_slices_are_those_of_the_whole_matrix():
    model, data = mlp([36, 3], seed=0), images()
    values = torch.linalg.eigvalsh(dense(hessian(model, data)))
    figures = examine(model, data, instruments=["loss-shape"]).findings["loss-shape"].figures
    assert figures["samples"] == 60
    assert figures["eigenvalue 1"] == pytest.approx(values[-1].item(), rel=0.02)
    assert abs(figures["trace"] - values.sum().item()) < 4 * figures["standard error of the trace"]
    assert figures["loss at the end of the top direction"] > figures["loss"]
    assert figures["share of eigenvalues clearly below zero"] == 0  # the loss of a linear network is convex


def test_groups_oppose_each_other_along_the_top_direction():
    random = torch.Generator().manual_seed(0)
    inputs, labels = torch.rand(80, 36, generator=random), torch.arange(80) % 2
    inputs[:8] += 10.0  # one strong feature with labels that contradict each other
    data = Dataset(inputs.view(-1, 1, 6, 6), labels)
    undecided = mlp([36, 2])
    for value in undecided.parameters():
        nn.init.zeros_(value)
    found = opposing_signals._measure(Subject(undecided, data))
    strong = {tuple(row.tolist()) for row in inputs[:8]}
    groups = found.groups
    members = [tuple(found.data.inputs[i].flatten().tolist()) for i in (*groups.up[:4], *groups.down[:4])]
    assert set(members) <= strong
    assert set(found.data.targets[groups.up[:4]].tolist()).isdisjoint(found.data.targets[groups.down[:4]].tolist())
    assert found.own.cosine < -0.5
    for cosine, others, words in ((0.47, 0.7, "do not"), (-0.4, -0.5, "no more than"), (-0.4, 0.1, "each other")):
        own = replace(found.own, cosine=cosine)
        assert words in replace(found, own=own, elsewhere=(others,)).words


class Attends(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(6, 2, 8, batch_first=True)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.layer(x.mean(1)).mean(1))


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (mlp([3 * 6 * 6, 8, 3]), (3, 6, 6)),
        (small_conv_net((4, 4), (1, 1), classes=3), (1, 8, 8)),
        (
            nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(True), nn.Flatten(), nn.Linear(64, 3)),
            (3, 6, 6),
        ),
        (Attends(), (1, 6, 6)),
        (mlp([5, 3]), (5,)),
    ],
)
def test_other_networks_have_a_shape_too(model, shape):
    before = {name: value.clone() for name, value in model.state_dict().items()}
    found = examine(model.train(), images(40, shape), instruments=BOTH, depth="quick").findings
    assert set(found) == set(BOTH)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training


def test_what_is_done_depends_on_the_size_alone():
    small = Subject(mlp([36, 3]), images())
    large = Subject(mlp([36, 3]), images())
    large.__dict__["sample_cost"] = 1e9
    assert replace(effort_of(small), samples=0) == FULL
    assert replace(effort_of(large), samples=0) == COARSE
    assert FEWEST <= effort_of(large).samples < effort_of(small).samples
    assert loss_shape.passes(large) < loss_shape.passes(small)
    assert opposing_signals.passes(large) < opposing_signals.passes(small)


def test_a_large_network_is_looked_at_coarsely_and_says_so():
    model, data = mlp([36, 8, 3], seed=0), images()
    subject = Subject(model, data)
    subject.__dict__["sample_cost"] = 1.5e9  # that of a ResNet-18 for images of 32 pixels
    shape, opposed = loss_shape.examine(subject), opposing_signals.examine(subject)
    some = data[subject.sample(FEWEST)]
    sharpest = torch.linalg.eigvalsh(dense(hessian(model, some)))[-1].item()
    assert shape.figures["samples"] == opposed.figures["samples"] == FEWEST
    assert shape.figures["eigenvalue 1"] == pytest.approx(sharpest, rel=0.02)
    assert opposed.figures["sharpness"] == pytest.approx(sharpest, rel=0.02)
    assert loss_shape.COARSELY in shape.reading
    assert loss_shape.COARSELY not in loss_shape.examine(Subject(model, data)).reading


@pytest.mark.parametrize("instrument", [loss_shape, opposing_signals])
def test_a_network_too_large_for_the_least_of_them_is_left_out(instrument):
    large = Subject(mlp([36, 3]), images())
    large.__dict__["sample_cost"] = 1e10
    for call in (instrument.passes, instrument.examine):
        with pytest.raises(NotNow, match="more than an examination of depth normal spends"):
            call(large)


def test_a_network_without_parameters_or_with_few_samples_has_none():
    few = Subject(mlp([36, 3]), images(12))
    assert opposing_signals.why_not(few) == "there are too few samples to be two groups"
    bare = Subject(nn.Flatten(), images(40, (3,)))
    assert loss_shape.why_not(bare) == "the network has no parameters to move"
