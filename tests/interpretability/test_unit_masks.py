import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import jaccard_score

from netopsy import InputError
from netopsy.interpretability import unit_masks
from netopsy.interpretability.unit_masks import overlap, upsampled


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 3), st.integers(0, 1000))
def test_equals_scikit_learn_and_adds_up_over_batches(n, units, concepts, seed):
    random = torch.Generator().manual_seed(seed)
    above = torch.rand(n, units, 3, 4, generator=random) > 0.6
    masks = torch.rand(n, concepts, 3, 4, generator=random) > 0.5
    together = overlap(above, masks)
    parts = [overlap(above[i : i + 1], masks[i : i + 1]) for i in range(n)]
    summed = parts[0]
    for part in parts[1:]:
        summed = summed + part
    assert torch.equal(together.intersection, summed.intersection)
    for unit in range(units):
        for concept in range(concepts):
            one, other = above[:, unit].flatten().numpy(), masks[:, concept].flatten().numpy()
            expected = jaccard_score(other, one, zero_division=0)
            assert together.iou()[unit, concept] == pytest.approx(expected, abs=1e-12)
            assert summed.iou()[unit, concept] == pytest.approx(expected, abs=1e-12)


def test_images_that_do_not_count_are_left_out():
    above = torch.ones(2, 1, 2, 2, dtype=torch.bool)
    masks = torch.ones(2, 2, 2, 2, dtype=torch.bool)
    counted = torch.tensor([[True, False], [True, True]])
    found = overlap(above, masks, counted)
    assert found.intersection.tolist() == [[8, 4]]
    assert found.units.tolist() == [[8, 4]]
    assert found.concepts.tolist() == [8, 4]


def test_counts_are_exact_where_single_precision_is_not(monkeypatch):
    monkeypatch.setattr(unit_masks, "_EXACT", 8)
    above = torch.ones(5, 2, 2, 2, dtype=torch.bool)
    assert overlap(above, above).intersection.tolist() == [[20, 20], [20, 20]]


def test_upsampling_keeps_the_mean_and_the_symmetry_of_pixel_areas():
    maps = torch.rand(2, 3, 4, 4)
    large = upsampled(maps, (8, 8))
    flipped = upsampled(maps.flip(-1), (8, 8)).flip(-1)
    torch.testing.assert_close(large, flipped)
    assert np.isclose(large[..., 1:-1, 1:-1].mean(), large[..., 1:-1, 1:-1].flip(-1).mean())
    assert upsampled(maps, (4, 4)) is maps


def test_bad_shapes_are_named(unchecked):
    above = torch.ones(2, 1, 2, 2, dtype=torch.bool)
    with pytest.raises(InputError, match=r"masks must be \[2, concepts, 2, 2\]"):
        overlap(above, torch.ones(2, 1, 3, 2, dtype=torch.bool))
    with pytest.raises(InputError, match="counted must be"):
        overlap(above, above, torch.ones(2, 2, dtype=torch.bool))
    with pytest.raises(InputError, match="maps must be"):
        upsampled(torch.zeros(2, 2, 2), (4, 4))
