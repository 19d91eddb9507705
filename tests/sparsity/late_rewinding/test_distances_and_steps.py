"""Steps as people write them, and distances over surviving weights."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from netopsy import InputError
from netopsy.sparsity.late_rewinding import masked_l2, parse_step
from netopsy.sparsity.late_rewinding.distances import masked_cosine


def test_steps_are_epochs_and_iterations_added_up():
    assert parse_step("3ep20it", 12) == 56
    assert parse_step("500it") == parse_step(500) == 500
    assert parse_step("160ep", 391) == 62_560
    assert parse_step("0it") == 0


@given(st.integers(0, 1000), st.integers(0, 10**6), st.integers(1, 5000))
def test_a_written_step_is_read_as_it_was_written(epochs, iterations, length):
    assert parse_step(f"{epochs}ep{iterations}it", length) == epochs * length + iterations


@pytest.mark.parametrize("written", ["ep3", "", "3", "3it2ep", "-3it", "3 ep", "1.5ep", None, True, 2.0])
def test_other_texts_are_refused(written, unchecked):
    with pytest.raises(InputError, match="a step must be a number or written as '3ep20it'"):
        parse_step(written, 12)


@pytest.mark.parametrize(
    ("step", "length", "says"),
    [
        (-1, None, "a step must not be negative, got -1"),
        ("3ep", None, "step '3ep' counts epochs, for which steps_per_epoch is needed"),
        ("3ep", 0, "steps_per_epoch must be an int of at least 1, got 0"),
    ],
)
def test_steps_that_cannot_be_are_refused(step, length, says):
    with pytest.raises(InputError, match=says):
        parse_step(step, length)


def states():
    random = torch.Generator().manual_seed(0)
    shapes = {"a": (3, 4), "b": (5,), "norm.running_mean": (2,)}
    return [{name: torch.randn(shape, generator=random) for name, shape in shapes.items()} for _ in range(3)]


def test_only_survivors_count():
    first, second, origin = states()
    masks = {"a": torch.rand(3, 4) < 0.5, "b": torch.tensor([1, 0, 1, 1, 0])}
    masks["a"][0, 0] = True
    picked = [
        np.concatenate([state[name].numpy()[mask.numpy().astype(bool)] for name, mask in masks.items()])
        for state in (first, second, origin)
    ]
    assert masked_l2(first, second, masks) == pytest.approx(math.dist(picked[0], picked[1]))
    one, other = picked[0] - picked[2], picked[1] - picked[2]
    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert masked_cosine(first, second, origin, masks) == pytest.approx(expected)
    assert math.isnan(masked_cosine(origin, second, origin, masks))
    first["norm.running_mean"] += 100
    first["a"][~masks["a"]] += 100
    assert masked_l2(first, second, masks) == pytest.approx(math.dist(picked[0], picked[1]))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda state, masks: masks.clear(), "masks is empty"),
        (lambda state, masks: state.pop("b"), "unknown masked parameter of second 'b'"),
        (lambda state, masks: state.update(b=torch.ones(4)), r"second\['b'\] must have the shape of its mask, \(5,\)"),
        (lambda state, masks: masks.update(b=torch.full((5,), 0.5)), r"masks\['b'\] must hold only 0 and 1"),
        (lambda state, masks: state.update(b=[1.0]), "second must map names to tensors"),
    ],
)
def test_states_and_masks_that_do_not_fit_are_refused(change, says, unchecked):
    first, second, _ = states()
    masks = {"a": torch.ones(3, 4, dtype=torch.bool), "b": torch.ones(5)}
    change(second, masks)
    with pytest.raises(InputError, match=says):
        masked_l2(first, second, masks)
