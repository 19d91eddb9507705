"""The study of the information plane: its networks, its gradients, and what its judge makes of known tables."""

import dataclasses

import numpy as np
import pytest
import torch

from netopsy.lab import Tables
from netopsy.studies.representations.information_plane import STUDY, measure
from netopsy.studies.representations.information_plane.judge import judge, turns
from netopsy.studies.representations.information_plane.plan import FULL, RELU, TANH
from netopsy.studies.representations.information_plane.stack import Stack, Training

CONFIG = dataclasses.replace(STUDY.configuration("smoke"), epochs=1000)


def tables(*, tanh=2.0, relu=2.0, full=0.1, peak=100, gap=0.02, slower=-1):
    rows = []
    for seed in range(4):
        for method, fall in ((TANH, tanh), (RELU, relu), (FULL, full)):
            for layer in (1, 2):
                for epoch in (0, 10, 50, 100, 1000):
                    top = epoch == (peak if layer == 2 else peak // 2)
                    ixt = 6.0 - fall - 0.01 * seed + (fall + 0.01 * seed) * top
                    snr = 0.5 if epoch >= (100 if layer == 2 else 50) else 2.0
                    own = {"ixt": ixt, "ity": 0.5, "gap": 0.3 if epoch == 0 else gap, "snr": snr, "saturated": False}
                    rows.append(
                        {"measure": "path", "method": method, "seed": seed, "layer": layer, "epoch": epoch, **own}
                    )
        for depth in range(1, 6):
            took = 500 + slower * 50 * depth + seed
            more = {"depth": depth, "epochs": took, "reached": True}
            rows.append({"measure": "learned", "method": TANH, "seed": seed, **more})
    return Tables(rows)


def answers(found):
    parts = {}
    for claim, part in judge(found, CONFIG):
        if not isinstance(part, str):
            parts.setdefault(claim[-1], []).append(part.answer)
    return {claim: min(each, key=["does not hold", "undecided", "holds"].index) for claim, each in parts.items()}


def test_all_claims_can_hold_and_each_can_fail():
    assert set(answers(tables()).values()) == {"holds"}
    assert answers(tables(tanh=0.1))["1"] == "does not hold"
    assert answers(tables(relu=0.0))["2"] == "does not hold"
    assert answers(tables(full=2.0))["3"] == "does not hold"
    assert answers(tables(peak=1000))["3"] == "does not hold"
    assert answers(tables(gap=0.2))["4"] == "does not hold"
    assert answers(tables(slower=1))["5"] == "does not hold"


def test_the_crossing_is_the_first_epoch_below_one():
    found = turns(tables(), 1000)
    assert found["crossing"].tolist() == [50, 100] * 4
    assert found["peak"].tolist() == [50, 100] * 4
    assert found["crosses"].all()


def test_runs_of_a_stack_are_networks_of_their_own():
    training = Training(widths=(5, 4), epochs=1, batch_size=512)
    whole, second = Stack(training, "tanh", 2, (0, 1)), Stack(training, "tanh", 2, (1,))
    assert whole.weights[0].abs().max() <= 2 / 12**0.5
    for indices, own in zip(whole.batches(), second.batches(), strict=True):
        assert torch.equal(indices[1], own[0])
        whole.set_gradients(indices), second.set_gradients(own)
        for both, alone in zip(whole.weights, second.weights, strict=True):
            assert torch.allclose(both.grad[1], alone.grad[0], atol=1e-6)
        whole.optimizer.step(), second.optimizer.step()
    for both, alone in zip(whole.everything(), second.everything(), strict=True):
        assert torch.allclose(both[1], alone[0], atol=1e-5)


def test_slopes_are_the_mean_and_the_spread_of_the_batches():
    stack = Stack(Training(widths=(3,), epochs=1), "tanh", 1, (0,))
    gradients = [[torch.full_like(each, value) for each in stack.weights] for value in (1.0, 3.0)]
    found = measure._slopes(stack, gradients, full_batch=False)
    entries = stack.weights[0].numel()
    assert found[0, 0, :2] == pytest.approx([2 * entries**0.5, (2 * entries) ** 0.5])
    assert np.isnan(measure._slopes(stack, gradients, full_batch=True)[0, 0, 1])
