"""The study of convergent learning: what its controls are, and what its judge makes of known tables."""

import dataclasses

import pytest
import torch

from netopsy.lab import Tables
from netopsy.representations.convergent_learning import statistics_of
from netopsy.studies.representations import convergent_learning as study

CONFIG = study.STUDY.configuration("smoke")


def row(measure, seed, method, value, **more):
    return {"measure": measure, "seed": seed, "method": method, "value": value, **more}


def tables(*, few=0.14, agreement=0.8, relabelled=0.5):
    rows = []
    for seed in range(4):
        rows.append(row("accuracy", seed, "", 0.98, network=0))
        for layer in study.layers_of(CONFIG):
            for method, value in ((study.TRAINED, 0.7), (study.UNTRAINED, 0.4), (study.SHUFFLED, 0.05)):
                value += 0.01 * seed * (method == study.TRAINED)
                rows.append(row("matched", seed, method, value, layer=layer, units=20, high=0.3, low=0.2))
            for method, value in ((study.ONE, 0.22), (study.DENSE, 0.1), (study.FROM_UNTRAINED, 0.3)):
                rows.append(row("maps", seed, method, value + 0.001 * seed * (method == study.ONE), layer=layer))
            for used, value in ((12.0, 0.105), (5.0, few), (2.0, 0.3)):
                rows.append(row("path", seed, study.FEW, value + 0.001 * seed, layer=layer, used=used))
                rows.append(row("path", seed, study.RANDOM, 0.4, layer=layer, used=used))
            rows.append(row("clusters", seed, study.TRAINED, 0.9 + 0.01 * seed, layer=layer))
            rows.append(row("clusters", seed, "relabelled", relabelled, layer=layer))
            rows.append(row("information", seed, "agreement", agreement + 0.01 * seed, layer=layer, near=0.9))
    return Tables(rows)


def answers(found):
    parts = {}
    for claim, part in study.judge(found, CONFIG):
        if not isinstance(part, str):
            parts.setdefault(claim[-1], []).append(part.answer)
    return {claim: min(each, key=["does not hold", "undecided", "holds"].index) for claim, each in parts.items()}


def test_all_claims_can_hold_and_each_can_fail():
    assert set(answers(tables()).values()) == {"holds"}
    assert answers(tables(few=0.2))["3"] == "does not hold"
    assert answers(tables(relabelled=0.95))["4"] == "does not hold"
    assert answers(tables(agreement=0.5))["5"] == "does not hold"


def test_few_are_of_the_smallest_penalty_that_keeps_to_six_weights():
    part = next(part for claim, part in study.judge(tables(), CONFIG) if claim.endswith("-3"))
    assert part.estimate.value == pytest.approx(0.0415)
    assert part.beside["weights a unit"].value == 5


def test_networks_of_a_pair_differ_and_pairs_do_too():
    nets = [study.network(CONFIG, 1, 8, 10, seed) for seed in (0, 1)]
    assert not torch.equal(nets[0].weights1.weight, nets[1].weights1.weight)
    wide = dataclasses.replace(CONFIG, widths=(3, 4, 5, 6, 7))
    assert study.network(wide, 3, 32, 10, 0)(torch.rand(2, 3, 32, 32)).shape == (2, 10)
    assert study.layers_of(wide) == ["conv1", "conv2", "conv3", "conv4", "conv5", "fc"]


def test_images_in_another_order_leave_nothing_but_chance():
    torch.manual_seed(0)
    model, images = study.network(CONFIG, 1, 8, 10, 0), torch.rand(200, 1, 8, 8)
    order = torch.randperm(200)
    stats = study._of_shuffled([model, model], "fc", images, order)
    assert stats.correlation(0, 1).diagonal().abs().max() < 0.3


def test_random_units_with_their_best_weights_are_least_squares():
    random = torch.Generator().manual_seed(0)
    a = torch.randn(300, 4, generator=random, dtype=torch.float64)
    b = a @ torch.randn(4, 2, generator=random, dtype=torch.float64)
    stats = statistics_of([a, b])
    assert study._random_units(stats, stats, 4, 0) == pytest.approx(0, abs=1e-9)
    assert 0 < study._random_units(stats, stats, 2, 0) < 0.5
