"""The information plane of a trained network: what it says, what it must not pretend, and where it does not apply."""

import math

import pytest
import torch
from torch import nn

from netopsy.data import Dataset
from netopsy.examination import Subject, examine
from netopsy.examination.instruments import information_plane


def test_a_trained_network_says_more_about_the_label_than_an_untrained_one(trained):
    model, _, test = trained
    found = examine(model, test[:300], instruments=["information_plane"]).findings["information_plane"]
    assert found.verdict == "good"
    assert found.figures["I(T;Y)"] > found.figures["I(T;Y), untrained"] > 0
    assert found.figures["I(T;Y)"] <= found.figures["most I(T;Y)"] + 1e-4
    assert len(found.table) > 2
    exec(found.code, {"model": model, "data": test[:300]})


def test_where_every_sample_is_told_apart_it_says_so_and_gives_no_number():
    # All at one distance: of 80 samples, log2(80 / (1 + 79 exp(-4 * 80 / 79))) bits are told apart.
    inputs = torch.eye(80) * 100
    labels = torch.arange(80) % 2
    apart = math.log2(80 / (1 + 79 * math.exp(-4 * 80 / 79)))
    assert information_plane._point("a", inputs, labels).ixt == pytest.approx(apart, abs=1e-6)
    assert not information_plane._point("b", torch.zeros(80, 3), labels).saturated
    assert information_plane._point("b", torch.zeros(80, 3), labels).ixt == pytest.approx(0, abs=1e-9)
    point = information_plane._Point("a", 6.3, 1.0, 6.0, True, True)
    said = information_plane._sentence([point], [point], None, 6.32, 1.0, 80)
    assert "mean nothing" in said
    assert "every layer" in said
    assert "6.3" not in said
    assert set(information_plane._row(point, point)[1:]) == {"saturated"}


def test_tight_classes_are_one_bit_and_the_label_whole():
    rows = torch.tensor([[0.0, 0.0]] * 40 + [[1.0, 1.0]] * 40)
    point = information_plane._point("a", rows, torch.arange(80) // 40)
    # Two points at distance 2 in units of the spread, seen through noise of half of it.
    assert point.ixt == pytest.approx(-torch.tensor((1 + torch.e ** (-4 / 0.5)) / 2).log2().item(), abs=1e-4)
    assert point.ity == pytest.approx(point.ixt)


def test_one_class_or_few_samples_are_declined():
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    for count, labels, reason in ((100, 0, "one class"), (20, 2, "too few")):
        data = Dataset(torch.rand(count, 4), torch.arange(count) % 2 if labels else torch.zeros(count).long())
        assert reason in information_plane.applies(Subject(model, data))


def test_what_another_draw_of_weights_says_is_no_praise(trained, monkeypatch):
    model, _, test = trained
    random = torch.Generator().manual_seed(0)
    shuffled = Dataset(test.inputs[:300], test.targets[:300][torch.randperm(300, generator=random)])
    assert examine(model, shuffled, instruments=["information_plane"]).findings["information_plane"].verdict == "plain"
    one, other = (information_plane._Point("a", 2.0, ity, 1.0, False, False) for ity in (1.02, 0.86))
    lines = iter(([one], [other]))
    monkeypatch.setattr(information_plane, "_points", lambda *given: next(lines))
    found = information_plane.examine(Subject(model, test[:300]))
    assert found.verdict == "plain"
