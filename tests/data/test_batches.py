"""Batches as a pure function of seed and step."""

from itertools import islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netopsy.core.errors import InputError
from netopsy.data import batch_indices, batches_per_epoch, crop_and_flip, epoch_order, index_batches


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 5), st.integers(0, 30))
def test_resuming_anywhere_gives_the_same_batches(n, size, seed, start):
    straight = list(islice(index_batches(n, size, seed), start + 3))
    resumed = list(islice(index_batches(n, size, seed, start=start), 3))
    for one, two in zip(straight[start:], resumed, strict=True):
        assert torch.equal(one, two)
    assert torch.equal(batch_indices(n, size, seed, start), straight[start])
    assert all(len(batch) == min(n, size) for batch in straight)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 3))
def test_an_epoch_sees_no_sample_twice_and_drops_only_the_rest(n, size, epoch):
    count = batches_per_epoch(n, size)
    seen = torch.cat([batch_indices(n, size, 1, epoch * count + step) for step in range(count)])
    assert len(seen.unique()) == len(seen) == (n if n < size else n - n % size)
    assert torch.equal(seen, epoch_order(n, 1, epoch)[: len(seen)])


def test_orders_are_permutations_that_differ():
    orders = [epoch_order(50, seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert all(order.sort().values.tolist() == list(range(50)) for order in orders)
    assert len({tuple(order.tolist()) for order in orders}) == 4


def test_every_first_place_is_equally_likely():
    first = torch.stack([epoch_order(4, 0, epoch)[0] for epoch in range(1200)])
    assert (first.bincount(minlength=4) - 300).abs().max() < 5 * (1200 * 0.25 * 0.75) ** 0.5


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: epoch_order(0, 0, 0), "n must be at least 1"),
        (lambda: epoch_order(3, 0, -1), "epoch must not be negative"),
        (lambda: batch_indices(3, 0, 0, 0), "batch_size must be at least 1"),
        (lambda: batch_indices(3, 2, 0, -1), "step must not be negative"),
        (lambda: crop_and_flip(torch.rand(2, 3, 4), 0), r"\[batch, channels, height, width\]"),
        (lambda: crop_and_flip(torch.rand(1, 2, 3, 4), 0, padding=-1), "padding must be"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_crops_are_windows_of_the_padded_image_or_their_mirror():
    images = torch.arange(1.0, 1 + 6 * 2 * 4 * 5).reshape(6, 2, 4, 5)
    changed = crop_and_flip(images, 3, padding=2)
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    mirrored = 0
    for number in range(6):
        windows = [padded[number, :, r : r + 4, c : c + 5] for r in range(5) for c in range(5)]
        plain = any(torch.equal(changed[number], window) for window in windows)
        flipped = any(torch.equal(changed[number], window.flip(-1)) for window in windows)
        assert plain != flipped
        mirrored += flipped
    assert 0 < mirrored < 6


def test_cropping_is_seeded_and_a_generator_goes_on(generator):
    images = torch.rand(8, 1, 6, 6)
    assert torch.equal(crop_and_flip(images, 1), crop_and_flip(images, 1))
    assert not torch.equal(crop_and_flip(images, generator), crop_and_flip(images, generator))
    assert torch.equal(crop_and_flip(images, 0, padding=0, flip=False), images)
