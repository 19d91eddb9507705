"""Tasks with a set alignment: exact kernels, closed forms of the nudged exclusive or, and bad input."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import hadamard

from netopsy import InputError
from netopsy.representations.representational_geometry import (
    aligned_kernel,
    aligned_task,
    label_kernel,
    nudged_xor,
    unstructured_task,
)
from netopsy.representations.similarity import kernel_alignment


def bits(conditions, count, first=1):
    return torch.from_numpy(hadamard(conditions)).float()[:, first : first + count]


@given(
    st.sampled_from([(4, 1), (8, 2), (16, 1), (16, 5)]),
    st.floats(0.01, 1),
    st.integers(0, 3),
    st.sampled_from([0, 0.5, 2]),
    st.integers(0, 50),
)
@settings(max_examples=60, deadline=None)
def test_a_kernel_has_the_alignment_asked_for(shape, alignment, extra, scale, seed):
    labels = bits(*shape)
    rank = min(shape[1] + 1 + extra, shape[0] - 1)
    kernel = aligned_kernel(labels, alignment, rank=rank, scale=scale, seed=seed)
    assert kernel_alignment(kernel, label_kernel(labels)).item() == pytest.approx(alignment, abs=1e-8)
    values = torch.linalg.eigvalsh(kernel)
    assert values[0] > -1e-9
    assert int((values > 1e-7).sum()) <= rank + shape[1]
    assert kernel.sum(1).abs().max() < 1e-9
    assert kernel.trace().item() == pytest.approx(shape[0])


def test_alignment_zero_and_one_and_unbalanced_labels():
    labels = bits(8, 2)
    assert kernel_alignment(aligned_kernel(labels, 0.0, rank=2), label_kernel(labels)).abs() < 1e-9
    torch.testing.assert_close(aligned_kernel(labels, 1.0), label_kernel(labels), atol=1e-6, rtol=0)
    uneven = torch.tensor([[1.0], [1.0], [1.0], [-1.0], [-1.0]])
    found = aligned_kernel(uneven, 0.3, seed=3)
    assert kernel_alignment(found, label_kernel(uneven)).item() == pytest.approx(0.3, abs=1e-8)
    assert not torch.equal(aligned_kernel(labels, 0.2, seed=1), aligned_kernel(labels, 0.2, seed=2))


@pytest.mark.parametrize(("conditions", "count"), [(4, 1), (32, 5)])
def test_isotropic_inputs_have_the_alignment_of_the_formula(conditions, count):
    found = kernel_alignment(torch.eye(conditions).double(), label_kernel(bits(conditions, count))).item()
    assert found == pytest.approx(math.sqrt(count / (conditions - 1)))


def test_a_task_has_the_kernel_it_was_made_from():
    task = aligned_task(16, 2, 0.25, n_features=40, seed=2)
    assert task.alignment == pytest.approx(0.25, abs=1e-5)
    assert task.input_kernel.trace().item() == pytest.approx(16 * 40, rel=1e-5)
    assert task.labels.sum(0).abs().max() == 0
    assert torch.equal(task.labels.T @ task.labels, 16 * torch.eye(2))
    inputs, conditions = task.sample(20_000, seed=1)
    own = inputs[conditions == 3]
    assert (own.mean(0) - task.means[3]).abs().max() < 0.2
    assert own.std(0).mean().item() == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("delta", [0.0, 0.5, 1.0])
def test_the_nudged_exclusive_or_has_the_alignment_of_the_formula(delta):
    task = nudged_xor(60, delta, seed=4)
    assert task.alignment == pytest.approx(delta**2 / math.sqrt(2 + delta**4), abs=1e-6)
    assert {0.5: 0.17408, 1.0: 0.57735}.get(delta, 0.0) == pytest.approx(task.alignment, abs=1e-5)
    directions = torch.stack([task.means[0] + task.means[1], task.means[0] + task.means[2]])
    assert (directions[0] * directions[1] == 0).all() or delta > 0


def test_random_means_are_drawn_anew_for_every_seed():
    first, again, other = (unstructured_task(30, seed=seed).means for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: aligned_kernel(bits(8, 2), 1.2), "between 0 and 1"),
        (lambda: aligned_kernel(bits(8, 2), 0.1, rank=2), "rank must exceed"),
        (lambda: aligned_kernel(bits(8, 2), 0.1, rank=8), "rank must lie"),
        (lambda: aligned_kernel(bits(4, 3), 0.2), "out of reach"),
        (lambda: aligned_kernel(bits(4, 3), 0.0), "out of reach"),
        (lambda: aligned_kernel(torch.ones(4, 1), 0.2), "both values in every bit"),
        (lambda: aligned_kernel(torch.zeros(4, 1), 0.2), "-1 or 1"),
        (lambda: aligned_kernel(torch.ones(1, 1), 0.2), "at least 2"),
        (lambda: aligned_kernel(bits(8, 1), 0.2, scale=-1), "scale"),
        (lambda: aligned_task(12), "power of 2"),
        (lambda: aligned_task(8, 8), "bits must lie"),
        (lambda: aligned_task(32, n_features=8), "n_features"),
        (lambda: aligned_task(8, noise=-1), "noise"),
        (lambda: nudged_xor(2), "n_features"),
        (lambda: nudged_xor(9, -1), "delta"),
        (lambda: nudged_xor(9).sample(0), "count"),
    ],
)
def test_bad_input_is_refused(call, words):
    with pytest.raises(InputError, match=words):
        call()
