from functools import partial

import pytest
import torch
from torch import nn

from netopsy.data import Dataset
from netopsy.examination import Subject, examine
from netopsy.examination.instruments import patterns
from netopsy.interpretability.pattern_net import PatternMiner
from netopsy.models import mlp


def corners(n=200):
    """Class 1 has red beside green, class 0 red far from green; a network that sees single colours and their sum."""
    random = torch.Generator().manual_seed(0)
    images, labels = 0.05 * torch.rand(n, 3, 10, 10, generator=random), torch.arange(n) % 2
    for number, label in enumerate(labels.tolist()):
        y, x = torch.randint(0, 4, (2,), generator=random).tolist()
        images[number, 0, y, x] = 1
        images[number, 1, y + (1 if label else 6), x] = 1
    return Dataset(images * (1 + torch.rand(n, 3, 1, 1, generator=random)), labels, ("apart", "together"))


def network():
    net = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(300, 2))
    net[0].weight.data = torch.eye(3)[:, :, None, None].clone()
    return net


def test_shares_are_those_on_the_other_half(monkeypatch):
    monkeypatch.setattr(patterns, "PatternMiner", partial(PatternMiner, quantile=0.05))
    data = corners()
    subject = Subject(network(), data)
    finding = patterns.examine(subject)
    known, unseen = subject.halves(subject.sample(patterns.MOST))
    miner = PatternMiner(network(), "1", quantile=0.05).fit(data.inputs[known], data.targets[known])
    assert [one.cls for one in miner.patterns_] == [1]
    fired, own = miner.fires(data.inputs[unseen])[:, 0], data.targets[unseen] == 1
    assert finding.figures["share of the class's images"] == pytest.approx(float(fired[own].float().mean()), abs=1e-4)
    assert finding.figures["share of other images"] == pytest.approx(float(fired[~own].float().mean()), abs=1e-4)
    assert "units 0 and 1 together stand for together" in finding.sentence
    assert len(finding.pictures) == 1


def test_the_trained_network_has_patterns_and_the_code_runs(trained):
    model, _, test = trained
    finding = examine(model, test, instruments=["patterns"]).findings["patterns"]
    assert finding.figures["classes with a pattern"] >= 1
    given = {"model": model, "data": test}
    exec(finding.code, given)
    assert given["miner"].layer_ in finding.code
    assert len(given["miner"].patterns_) == finding.figures["patterns"]
    held = test.targets[given["unseen"]]
    shares = [
        round(float(given["fires"][held == one.cls, number].float().mean()), 4)
        for number, one in enumerate(given["miner"].patterns_)
    ]
    assert finding.figures["share of the class's images"] in shares


def test_none_is_a_finding_too():
    noise = Dataset(torch.rand(80, 3, 10, 10), torch.arange(80) % 2)
    finding = examine(network(), noise, instruments=["patterns"]).findings["patterns"]
    assert finding.sentence.startswith("No few units")
    assert "the largest support seen is" in finding.reading


def test_vectors_and_single_classes_are_said_not_to_do():
    (absence,) = examine(
        mlp([64, 8, 2]), Dataset(torch.rand(30, 64), torch.arange(30) % 2), instruments=["patterns"]
    ).absences
    assert "reads no images" in absence.reason
    one = Dataset(torch.rand(80, 3, 10, 10), torch.zeros(80, dtype=torch.long))
    (absence,) = examine(network(), one, instruments=["patterns"]).absences
    assert "two classes" in absence.reason


def test_in_few_images_of_a_class_only_pairs_are_looked_for():
    few, many = (Subject(network(), corners(count)) for count in (20, 60))
    sizes = [patterns._largest(each, each.halves(torch.arange(len(each.data)))[0]) for each in (few, many)]
    assert sizes == [2, 3]
