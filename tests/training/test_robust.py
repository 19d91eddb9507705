"""Adversarial training makes a network stand the noise that it is trained against."""

from __future__ import annotations

import pytest
import torch

from netopsy import InputError
from netopsy.data import Dataset, digits_split
from netopsy.models import lenet
from netopsy.training import Recipe, evaluate, fit
from netopsy.training.attack import Attack, pgd
from netopsy.training.robust import fit_robust

ATTACK = Attack(0.1, 0.04, 4)
RECIPE = Recipe(steps=120, batch_size=50, lr=2e-2, schedule="onecycle")


def _under_attack(model: torch.nn.Module, data: Dataset) -> float:
    moved = pgd(model, data.inputs, data.targets, ATTACK)
    return evaluate(model, Dataset(moved, data.targets, data.classes)).accuracy


def test_it_stands_the_noise_better_than_plain_training_of_as_many_steps() -> None:
    train, test = digits_split(sizes=(600, 300))
    plain, robust = (lenet((4, 8), (32,), kernel=3, size=8, seed=1) for _ in range(2))
    fit(plain, train, RECIPE, seed=2)
    losses = fit_robust(robust, train, RECIPE, ATTACK, seed=2)
    assert losses.isfinite().all()
    assert _under_attack(robust, test) > _under_attack(plain, test) + 0.1


def test_the_same_seed_trains_the_same_network() -> None:
    train, _ = digits_split(sizes=(200, 100))
    short = Recipe(steps=3, batch_size=20)
    first, second = (lenet((4,), (8,), kernel=3, size=8, seed=1) for _ in range(2))
    assert torch.equal(fit_robust(first, train, short, ATTACK), fit_robust(second, train, short, ATTACK))


def test_images_out_of_range_are_refused() -> None:
    train, _ = digits_split(sizes=(200, 100))
    with pytest.raises(InputError, match="images from 0 to 1"):
        fit_robust(lenet((4,), (8,), kernel=3, size=8), train.standardise(), Recipe(steps=1), ATTACK)
