"""Boxes from maps against scikit-image and brute force."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import measure

from netopsy import InputError
from netopsy.interpretability.localisation import (
    box_iou,
    largest_part,
    localisation_error,
    localise,
    localised,
    tight_boxes,
)
from netopsy.interpretability.maps import rescaled


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**20), st.integers(1, 9), st.integers(1, 9), st.sampled_from([0.1, 0.4, 0.6, 0.9]))
def test_the_box_is_that_of_scikit_images_largest_region(seed, rows, columns, threshold):
    maps = torch.rand(4, rows, columns, generator=torch.Generator().manual_seed(seed))
    for box, one in zip(localise(maps, threshold).tolist(), rescaled(maps), strict=True):
        if rows * columns == 1:
            assert box == [-1] * 4
            continue
        regions = measure.regionprops(measure.label((one >= threshold).numpy(), connectivity=2))
        largest = max(region.area for region in regions)
        assert tuple(box) in {region.bbox for region in regions if region.area == largest}


def test_parts_touch_at_corners_and_never_across_images():
    masks = torch.zeros(3, 4, 4, dtype=torch.bool)
    masks[0, 0, 0] = masks[0, 1, 1] = masks[0, 3, 3] = True
    masks[1, 3, 3] = masks[1, 3, 0] = masks[1, 2, 0] = True
    found = largest_part(masks)
    assert found[0].nonzero().tolist() == [[0, 0], [1, 1]]
    assert found[1].nonzero().tolist() == [[2, 0], [3, 0]]
    assert not found[2].any()


def test_of_equal_parts_it_is_the_first():
    assert largest_part(torch.tensor([[[True, False, True]]])).tolist() == [[[True, False, False]]]


def test_a_constant_map_has_no_box_and_is_wrong():
    maps, boxes = torch.full((2, 3, 3), 7.0), torch.tensor([[0, 0, 3, 3], [0, 0, 1, 1]])
    assert (localise(maps) == -1).all()
    assert localisation_error(maps, boxes) == 1


def test_known_overlaps():
    a = torch.tensor([[0, 0, 2, 2], [0, 0, 2, 2], [0, 0, 2, 2], [-1, -1, -1, -1], [0, 0, 4, 4]])
    b = torch.tensor([[1, 1, 3, 3], [2, 0, 4, 2], [0, 0, 2, 2], [-1, -1, -1, -1], [1, 1, 3, 3]])
    torch.testing.assert_close(box_iou(a, b), torch.tensor([1 / 7, 0, 1, 0, 1 / 4]))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 5)] * 4, *[st.integers(1, 5)] * 4), min_size=1, max_size=5))
def test_overlap_is_a_count_of_pixels(drawn):
    a = torch.tensor([[y, x, y + h, x + w] for y, x, _, _, h, w, _, _ in drawn])
    b = torch.tensor([[y, x, y + h, x + w] for _, _, y, x, _, _, h, w in drawn])
    masks = torch.zeros(2, len(drawn), 12, 12, dtype=torch.bool)
    for number, pair in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        for side, (top, left, bottom, right) in enumerate(pair):
            masks[side, number, top:bottom, left:right] = True
    shared, both = (masks[0] & masks[1]).sum((1, 2)), (masks[0] | masks[1]).sum((1, 2))
    torch.testing.assert_close(box_iou(a, b), shared / both)
    assert torch.equal(tight_boxes(masks[0]), a)
    assert torch.equal(box_iou(a, b), box_iou(b, a))


def test_right_is_an_overlap_of_one_half():
    maps = torch.zeros(2, 4, 4)
    maps[:, :2, :2] = 1
    boxes = torch.tensor([[0, 0, 2, 4], [0, 0, 3, 4]])
    assert localised(maps, boxes).tolist() == [True, False]
    assert localisation_error(maps, boxes) == 0.5
    assert localisation_error(maps, boxes, iou=0.3) == 0


def test_the_threshold_is_a_share_of_the_range():
    maps = torch.tensor([[[5.0, 6.0, 7.0, 9.0]]])
    assert localise(maps, 0.25).tolist() == [[0, 1, 1, 4]]
    assert localise(maps, 1.0).tolist() == [[0, 3, 1, 4]]
    assert torch.equal(localise(maps, 0.5), localise(100 * maps - 3, 0.5))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: localise(torch.rand(4, 4)), r"maps must be a float tensor \[batch, height, width\]"),
        (lambda: localise(torch.rand(1, 4, 4), 0.0), "threshold must be above 0"),
        (lambda: localise(torch.rand(1, 4, 4), 1.5), "threshold must be above 0 and at most 1, got 1.5"),
        (lambda: localise(torch.full((1, 2, 2), torch.nan)), "finite"),
        (lambda: tight_boxes(torch.rand(1, 2, 2)), "masks must be bool"),
        (lambda: box_iou(torch.zeros(1, 3).long(), torch.zeros(1, 4).long()), r"ours must be boxes \[batch, 4\]"),
        (lambda: box_iou(torch.zeros(2, 4).long(), torch.zeros(1, 4).long()), "as many boxes, got 2 and 1"),
        (lambda: localised(torch.rand(2, 3, 3), torch.zeros(1, 4).long()), "as many as maps, 2, got 1"),
        (lambda: localised(torch.rand(1, 3, 3), torch.zeros(1, 4).long(), iou=0), "iou must be above 0"),
    ],
)
def test_bad_input_is_named_in_one_sentence(call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call()
