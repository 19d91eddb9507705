"""The study of representational geometry: its stacks, its pairing, and what its judge makes of known tables."""

import dataclasses

import pytest
import torch
from torch import nn

from netopsy.lab import Tables
from netopsy.representations.representational_geometry import unstructured_task
from netopsy.studies.representations.representational_geometry import STUDY
from netopsy.studies.representations.representational_geometry.images import dichotomy, images
from netopsy.studies.representations.representational_geometry.judge import judge
from netopsy.studies.representations.representational_geometry.plan import (
    ACCURACY,
    CAPPED,
    GENERAL,
    HARD_TANH,
    INPUT,
    LINEAR,
    PARALLEL,
    RELU,
    TANH,
    TARGET,
    Images,
)
from netopsy.studies.representations.representational_geometry.stack import Stack

CONFIG = dataclasses.replace(STUDY.configuration("smoke"), seeds=5)
TARGETS = {TANH: 0.98, RELU: 0.85, HARD_TANH: 0.97, CAPPED: 0.9, LINEAR: 0.95}


def tables(*, targets=None, five=0.0, at_zero=-0.2):
    rows, targets = [], {**TARGETS, **(targets or {})}
    for seed in range(5):
        more = 0.002 * seed
        for name, target in targets.items():
            own = {"measure": "unstructured", "seed": seed, "activation": name}
            values = {TARGET: target, INPUT: 1.4 - target, PARALLEL: 0.5, GENERAL: 1.0}
            for step in (0, CONFIG.unstructured.steps):
                for metric, value in {**values, ACCURACY: 1.0}.items():
                    tanh = more * (name == TANH)
                    rows.append({**own, "step": step, "metric": metric, "value": value + tanh})
        for name in (TANH, RELU):
            tanh = name == TANH
            for metric in (TARGET, INPUT, PARALLEL, ACCURACY):
                for trained in (False, True):
                    own = {"seed": seed, "activation": name, "metric": metric, "trained": trained}
                    for bits in CONFIG.bits:
                        for share in CONFIG.shares:
                            at = {"bits": bits, "share": share, "rank": CONFIG.ranks[0], "depth": 1}
                            value = 0.6 + tanh * (more + (0.15 if bits == 1 else five))
                            rows.append({"measure": "aligned", **own, **at, "value": value})
                    for delta in CONFIG.deltas:
                        value = 0.5 + tanh * (more + (0.4 if delta else at_zero))
                        rows.append({"measure": "nudged", **own, "delta": delta, "value": value})
                    rows.append({"measure": "images", **own, "value": 0.5 + tanh * (more + 0.2)})
    return Tables(rows)


def answers(found):
    parts = {}
    for claim, part in judge(found, CONFIG):
        if not isinstance(part, str):
            parts.setdefault(claim[-1], []).append(part.answer)
    return {claim: min(each, key=["does not hold", "undecided", "holds"].index) for claim, each in parts.items()}


def test_all_claims_can_hold_and_each_can_fail():
    assert set(answers(tables()).values()) == {"holds"}
    assert answers(tables(targets={RELU: 0.97}))["1"] == "does not hold"
    assert answers(tables(five=0.14))["2"] == "does not hold"
    assert answers(tables(at_zero=0.1))["3"] == "does not hold"
    assert answers(tables(targets={CAPPED: 0.84}))["4"] == "does not hold"


def test_activations_start_from_the_same_weights_and_see_the_same_samples():
    tasks = [unstructured_task(12, seed=seed) for seed in (0, 1)]
    one, other = (Stack(tasks, name, CONFIG.unstructured, seed=3) for name in (TANH, RELU))
    assert all(torch.equal(a, b) for a, b in zip(one.weights + one.biases, other.weights + other.biases, strict=True))
    assert torch.equal(one.sample(9)[0], other.sample(9)[0])
    assert not torch.equal(one.weights[0][0], one.weights[0][1])


@pytest.mark.parametrize("fixed", [False, True])
def test_a_network_of_a_stack_trains_as_it_would_alone(fixed):
    setting = dataclasses.replace(CONFIG.unstructured, fixed_readout=fixed, steps=3)
    tasks = [unstructured_task(12, seed=seed) for seed in (0, 1)]
    stack, twin = (Stack(tasks, TANH, setting, seed=3) for _ in range(2))
    alone = [each[1].clone().requires_grad_() for each in (*twin.weights, *twin.biases)]
    for step in stack.train({0}):
        assert step == 0
    for _ in range(setting.steps):
        inputs, number = twin.sample(setting.batch)
        hidden = torch.tanh(inputs[1] @ alone[0] + alone[2])
        wanted = (tasks[1].labels[number[1]] + 1) / 2
        loss = nn.functional.binary_cross_entropy_with_logits(hidden @ alone[1] + alone[3], wanted)
        gradients = torch.autograd.grad(loss, alone)
        with torch.no_grad():
            for place, (each, slope) in enumerate(zip(alone, gradients, strict=True)):
                if not fixed or place in (0, 2):
                    each -= setting.lr * slope
    for ours, each in zip((*stack.weights, *stack.biases), alone, strict=True):
        torch.testing.assert_close(ours[1].detach(), each.detach(), atol=1e-6, rtol=1e-5)


def test_dichotomies_of_images_are_learned():
    setting = Images("digits", widths=(4, 8), hidden=16, steps=120, batch=50, lr=0.05)
    rows = list(images(TANH, 0, setting))
    found = {(row["metric"], row["trained"]): row["value"] for row in rows}
    assert found[ACCURACY, True] > 0.8
    assert found[TARGET, True] > found[TARGET, False] + 0.1
    labels = dichotomy(10, seed=0)
    assert labels.sum() == 0
    assert not torch.equal(labels, dichotomy(10, seed=1))


def test_the_paper_preset_plans_images_and_the_judge_tells_of_them():
    config = STUDY.configuration("paper")
    assert sum(cell.measure == "images" for cell in STUDY.cells(config)) == 2 * config.seeds
    told = [part for _, part in judge(tables(), dataclasses.replace(CONFIG, images=Images())) if isinstance(part, str)]
    assert told[-1].endswith("tanh minus ReLU, alignment with the labels: 0.204 [0.202, 0.206].")
