"""Where keypoints lie, what they say of pixels, and what is refused."""

import math

import pytest
import torch

from netopsy import InputError
from netopsy.robustness.feature_guided_attack import (
    Keypoints,
    feature_guided_search,
    keypoint_partition,
    saliency_map,
    sift_keypoints,
)


def keypoints(places, sizes, responses=None):
    return Keypoints(
        torch.tensor(places), torch.tensor(sizes), torch.tensor(responses) if responses else torch.ones(len(sizes))
    )


def blob(row, column, radius=2.0, height=40, width=60):
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    return torch.exp(-((rows - row) ** 2 + (columns - column) ** 2) / (2 * radius**2))


@pytest.mark.parametrize("enlarge", ["auto", 3])
def test_a_bright_blob_has_its_keypoint_at_column_and_row(enlarge):
    strongest = sift_keypoints(blob(12, 41), enlarge=enlarge, max_keypoints=1)
    assert strongest.found
    torch.testing.assert_close(strongest.xy, torch.tensor([[41.0, 12.0]]), atol=0.3, rtol=0)
    # The difference of Gaussians of a blob is greatest near the blob's own scale.
    assert float(strongest.size) == pytest.approx(4, rel=0.3)


def test_keypoints_are_different_places_or_sizes_the_strongest_first():
    found = sift_keypoints(blob(10, 10) + 0.5 * blob(28, 45, 3.0))
    triples = torch.cat([found.xy, found.size[:, None]], 1)
    assert len(triples.unique(dim=0)) == len(found) >= 2
    assert found.response.diff().max() <= 0


def test_colours_are_seen_by_their_brightness():
    grey = blob(12, 41)
    torch.testing.assert_close(sift_keypoints(grey.expand(3, -1, -1)).xy, sift_keypoints(grey).xy, atol=1e-3, rtol=0)


@pytest.mark.parametrize("shape", [(12, 20), (1, 1), (3, 5, 7)])
def test_an_image_without_any_has_one_in_each_quadrant_and_says_so(shape):
    found = sift_keypoints(torch.full(shape, 0.5))
    assert not found.found
    height, width = shape[-2:]
    assert found.xy.tolist() == [[x * (width - 1), y * (height - 1)] for y in (0.25, 0.75) for x in (0.25, 0.75)]


def test_salience_falls_with_a_normal_density_whose_deviation_is_the_size():
    found = saliency_map(keypoints([[2.0, 3.0]], [2.0]), (8, 8))
    assert float(found[3, 4] / found[3, 2]) == pytest.approx(math.exp(-0.5), abs=1e-5)
    assert float(found.max()) == pytest.approx(0.0468465, abs=1e-7) == float(found[3, 2])
    assert float(found.sum()) == pytest.approx(1)


def test_responses_weight_the_salience_and_not_the_partition():
    weak, strong = (keypoints([[1.0, 2.0], [6.0, 2.0]], [1.0, 1.0], [1.0, weight]) for weight in (1.0, 9.0))
    assert float(saliency_map(strong, (5, 8))[2, 6]) > 1.7 * float(saliency_map(weak, (5, 8))[2, 6])
    assert torch.equal(keypoint_partition(strong, (5, 8)), keypoint_partition(weak, (5, 8)))


def test_two_of_one_size_share_the_image_along_their_bisector():
    one, other = (3.0, 2.0), (9.0, 7.0)
    found = keypoint_partition(keypoints([one, other], [1.5, 1.5]), (11, 13))
    for row in range(11):
        for column in range(13):
            gaps = [math.dist((column, row), place) for place in (one, other)]
            if abs(gaps[0] - gaps[1]) > 1e-9:
                assert int(found[row, column]) == int(gaps[1] < gaps[0])


def test_far_from_all_keypoints_the_nearest_still_counts():
    found = keypoint_partition(keypoints([[0.0, 0.0], [5.0, 0.0]], [0.05, 0.05]), (1, 900))
    assert found[0, -1] == 1


NET = lambda images: torch.stack([images.mean((1, 2, 3)), 1 - images.mean((1, 2, 3))], 1)  # noqa: E731
IMAGE = torch.rand(1, 6, 6, generator=torch.Generator().manual_seed(0))
BAD = {
    "image beyond 1": (lambda: feature_guided_search(NET, 2 * IMAGE), "image must lie within 0 to 1"),
    "image of integers": (lambda: feature_guided_search(NET, (IMAGE * 9).int()), "image must be a float tensor"),
    "a batch": (lambda: feature_guided_search(NET, IMAGE[None]), r"image must be \[channels, height, width\]"),
    "NaN": (lambda: feature_guided_search(NET, IMAGE * torch.nan), "image hold NaN or infinite values"),
    "norm": (lambda: feature_guided_search(NET, IMAGE, norm=3), "norm must be 0, 1 or 2, got 3"),
    "label": (lambda: feature_guided_search(NET, IMAGE, 2), "label must be a class number from 0 to 1, got 2"),
    "model": (lambda: feature_guided_search("net", IMAGE), "model must be a network or a function"),
    "player": (lambda: feature_guided_search(NET, IMAGE, player="nature"), "unknown player 'nature'"),
    "mode": (lambda: feature_guided_search(NET, IMAGE, mode="x"), "unknown mode 'x'"),
    "queries": (lambda: feature_guided_search(NET, IMAGE, max_queries=0), "max_queries must be an int of at least 1"),
    "tau": (lambda: feature_guided_search(NET, IMAGE, tau=0.0), "tau must be a number > 0, got 0.0"),
    "budget": (lambda: feature_guided_search(NET, IMAGE, budget=-1), "budget must be a number > 0, got -1"),
    "stride": (lambda: feature_guided_search(NET, IMAGE, backup="game", stride=2), "stride must be 1"),
    "regions": (lambda: feature_guided_search(NET, IMAGE, regions=torch.zeros(5, 6).long()), "regions must be ints"),
    "no region": (
        lambda: feature_guided_search(NET, IMAGE, regions=torch.full((6, 6), -1)),
        "regions must hold a pixel that can be changed",
    ),
    "scores": (lambda: feature_guided_search(lambda images: images, IMAGE), r"must return scores \[batch, classes\]"),
    "seed": (lambda: feature_guided_search(NET, IMAGE, seed=-1), "seed must be"),
    "sift": (lambda: sift_keypoints(torch.rand(2, 3, 4, 5)), "image must be floats"),
    "enlarge": (lambda: sift_keypoints(IMAGE, enlarge=0), "enlarge must be an int of at least 1, got 0"),
    "size": (lambda: saliency_map(keypoints([[0.0, 0.0]], [0.0]), (2, 2)), "sizes of keypoints must be positive"),
    "shape": (lambda: keypoint_partition(keypoints([[0.0, 0.0]], [1.0]), (2, 0)), "shape must be a height and a width"),
    "none": (lambda: keypoint_partition(Keypoints(torch.zeros(0, 2), torch.zeros(0), torch.zeros(0)), (2, 2)), "one"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_named(name, unchecked):
    call, says = BAD[name]
    with pytest.raises(InputError, match=says):
        call()
