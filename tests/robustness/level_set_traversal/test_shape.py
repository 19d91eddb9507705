"""Segments, stars, triangles, widths and grids against closed forms and counts."""

import matplotlib
import pytest
import torch
from tests.robustness.level_set_traversal.made_up import Constant, Logistic, network, pair, pairs
from torch import nn

from netopsy.core.errors import InputError
from netopsy.robustness.level_set_traversal import (
    blind_spot_grid,
    hull_metrics,
    hull_summary,
    image_distances,
    level_set_star,
    level_set_traversal,
    level_set_width,
    path_confidence,
    triangle_confidence,
    triangle_weights,
)

matplotlib.use("agg")
ZERO = torch.tensor([0])


def test_the_triangle_has_every_point_of_its_grid():
    weights = triangle_weights(10)
    assert weights.shape == (66, 3)
    torch.testing.assert_close(weights.sum(1), torch.ones(66))
    listed = {tuple(round(10 * each) for each in row) for row in weights.tolist()}
    assert {(0, 8, 2), (0, 9, 1), (10, 0, 0), (0, 10, 0), (0, 0, 10)} <= listed
    assert len(listed) == 66
    assert weights[0].tolist() == [1, 0, 0]


def test_a_constant_network_keeps_its_confidence_everywhere():
    images = torch.rand(3, 2, 1, 4, 4, dtype=torch.float64)
    found = triangle_confidence(Constant(), *images, torch.tensor([0, 1]))
    own = torch.tensor([1.0, 0.0, -1.0], dtype=torch.float64).softmax(0)[:2]
    metrics = hull_metrics(found, own)
    torch.testing.assert_close(metrics["mean"], own)
    torch.testing.assert_close(metrics["edges"], own)
    assert metrics["within 0"].tolist() == [0, 0]  # strictly above
    assert metrics["within 0.1"].tolist() == [1, 1]
    torch.testing.assert_close(metrics["lowest"], torch.zeros(2, dtype=torch.float64), atol=1e-12, rtol=0)


@pytest.mark.parametrize("batch_size", [5, 70, 1024])
def test_triangles_and_segments_of_a_linear_network(batch_size):
    random = torch.Generator().manual_seed(0)
    a, b, c = torch.rand(3, 4, 1, 1, 2, generator=random, dtype=torch.float64)
    net, label = Logistic(), torch.tensor([0, 1, 0, 1])
    found = triangle_confidence(net, a, b, c, label, batch_size=batch_size)
    paths = path_confidence(net, a, b, label, batch_size=batch_size)
    sign = 1 - 2 * label.double()
    w = net.weight.detach()
    for row in range(4):
        odds = torch.stack([each[row].flatten() @ w for each in (a, b, c)])
        expected = torch.sigmoid(sign[row] * (found.weights.double() @ odds))
        torch.testing.assert_close(found.confidence[row], expected, rtol=1e-6, atol=1e-6)
        share = torch.arange(11, dtype=torch.float64) / 10
        along = torch.sigmoid(sign[row] * ((1 - share) * odds[0] + share * odds[1]))
        torch.testing.assert_close(paths.confidence[row], along, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(paths.lowest, paths.confidence.min(1).values)


def test_pushed_out_points_lie_farther_from_the_source_and_within_bounds():
    source, first, second = (torch.full((1, 1, 1, 2), each, dtype=torch.float64) for each in (0.1, 0.3, 0.9))
    net = Logistic((1.0, 1.0))
    pushed = triangle_confidence(net, source, first, second, ZERO, n=1, push=1.5)
    expected = torch.sigmoid(2 * torch.tensor([0.1, 1.0, 0.4], dtype=torch.float64))  # 0.1 + 1.5 x 0.8 is cut to 1
    torch.testing.assert_close(pushed.confidence[0], expected)


def test_hull_metrics_by_hand():
    values = torch.tensor([[0.9, 0.7, 0.85, 0.5, 0.95, 0.6]])
    weights = triangle_weights(2)
    found = hull_metrics(triangle_confidence(Constant(), *torch.rand(3, 1, 1, 2, 2), ZERO, n=2), torch.tensor([0.9]))
    assert set(found) == {"source", "mean", "within 0", "within 0.1", "within 0.2", "within 0.3", "edges", "lowest"}
    from netopsy.robustness.level_set_traversal import TriangleConfidence

    found = hull_metrics(TriangleConfidence(weights, values), torch.tensor([0.9]), drops=(0.0, 0.1))
    edge = [place for place, row in enumerate(weights.tolist()) if row[1] == 0 or row[2] == 0]
    assert len(edge) == 5
    assert float(found["within 0"]) == pytest.approx(1 / 6)
    assert float(found["within 0.1"]) == pytest.approx(3 / 6)
    assert float(found["edges"]) == pytest.approx(float(values[0, edge].mean()))
    assert float(found["lowest"]) == pytest.approx(float(values[0, edge].min()) - 0.9)
    summary = hull_summary(
        {"mean": torch.tensor([0.2, 0.4, 0.9]), "lowest": torch.tensor([-0.3, -0.1, 0.0])}, torch.tensor([5, 5, 7])
    )
    assert summary["mean"] == pytest.approx((0.6, 0.424264), abs=1e-5)
    assert summary["lowest"][0] == pytest.approx(-0.15)


def test_the_width_of_a_linear_network_is_that_of_its_normal():
    """In two dimensions the only directions orthogonal to the walk are those across the level lines."""
    source, target, _ = pair()
    net = Logistic()
    found = level_set_width(net, source, ZERO, target, radii=(0.1, 0.4), directions=64)
    odds = float((source.flatten() @ net.weight).detach())
    for place, radius in enumerate((0.0, 0.1, 0.4)):
        expected = torch.sigmoid(torch.tensor([odds - 5 * radius, odds + 5 * radius]))
        torch.testing.assert_close(found.quantiles[0, place].float(), expected, rtol=0, atol=1e-6)
    assert found.radii.tolist() == pytest.approx([0, 0.1, 0.4])
    assert found.plot().get_xlabel()


def test_the_grid_is_the_walks_of_all_ordered_pairs():
    net = network()
    images, labels, _ = pairs(net, 4)
    options = {"steps": 15, "step_size": 0.1, "init_noise": 0}
    found = blind_spot_grid(net, images, **options)
    assert torch.equal(found.labels, labels)
    for row in range(4):
        torch.testing.assert_close(found.final[row, row], images[row])
        for column in range(4):
            if row != column:
                one = level_set_traversal(net, images[[row]], labels[[row]], images[[column]], **options)
                torch.testing.assert_close(found.final[row, column], one.final[0])
                torch.testing.assert_close(found.confidence[row, column], one.final_conf[0])
    assert len(found.plot(["a", "b", "c", "d"]).axes) == 16
    with pytest.raises(InputError, match="images must be two or more, got 1"):
        blind_spot_grid(net, images[:1])


def test_the_star_has_a_ray_to_every_end():
    net = network()
    images, labels, _ = pairs(net, 6)
    found = level_set_star(net, images[0], int(labels[0]), images[1:], n=5)
    expected = path_confidence(net, images[:1].expand(5, 1, 5, 5), images[1:], labels[:1].expand(5), n=5)
    torch.testing.assert_close(found.paths.confidence, expected.confidence)
    torch.testing.assert_close(found.lengths, (images[1:] - images[0]).flatten(1).square().mean(1).sqrt())
    ax = found.plot()
    assert len(ax.collections) == 5
    assert len(ax.child_axes) == 6
    paths = expected.plot(name="ends")
    assert len(paths.lines) == 6


def test_the_triangle_is_drawn_with_its_corners():
    images = torch.rand(3, 2, 1, 4, 4)
    found = triangle_confidence(Constant(), *images, torch.tensor([0, 1]))
    assert [each.get_text() for each in found.plot(1).texts] == ["source", "end 1", "end 2"]
    with pytest.raises(InputError, match="which must be below 2, got 2"):
        found.plot(2)


def test_distances_by_hand():
    first, second = torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)
    second[0, 0, 0, 0] = 0.8
    found = image_distances(
        first, second, features=lambda images: torch.stack([images.amax((1, 2, 3)) + 1, images.amin((1, 2, 3)) + 1], 1)
    )
    assert float(found.rmse) == pytest.approx(0.1)
    assert float(found.largest) == pytest.approx(0.8)
    ours, theirs = torch.tensor([1.0, 1.0]), torch.tensor([1.8, 1.0])
    expected = (ours / ours.norm() - theirs / theirs.norm()).square().sum()
    assert float(found.features) == pytest.approx(float(expected))
    noise = torch.rand(2, 3, 16, 16)
    assert float(image_distances(noise, noise).ssim.min()) == pytest.approx(1)
    assert float(image_distances(noise, noise.flip(3)).ssim.max()) < 0.5
    with pytest.raises(InputError, match="3 pixels a side"):
        image_distances(torch.zeros(1, 1, 2, 8), torch.zeros(1, 1, 2, 8))
    with pytest.raises(InputError, match="features must return a tensor"):
        image_distances(noise, noise, features=lambda images: images.sum())


BAD = {
    "n": (lambda net, s: path_confidence(net, s, s, ZERO, n=1), "n must be an int of at least 2"),
    "label": (lambda net, s: path_confidence(net, s, s, torch.tensor([2])), "label must be a class number from 0 to 1"),
    "push": (lambda net, s: triangle_confidence(net, s, s, s, ZERO, push=0), "push must be a number above 0"),
    "second": (lambda net, s: triangle_confidence(net, s, s, s[..., :1], ZERO), "second must have the shape of source"),
    "radii": (lambda net, s: level_set_width(net, s, ZERO, s, radii=()), "radii must hold at least one"),
    "radius": (lambda net, s: level_set_width(net, s, ZERO, s, radii=(-1,)), "every entry of radii must be a number"),
    "levels": (lambda net, s: level_set_width(net, s, ZERO, s, levels=(2,)), "levels must be numbers from 0 to 1"),
    "batch": (lambda net, s: path_confidence(net, s, s, ZERO, batch_size=0), "batch_size must be an int"),
    "ends": (lambda net, s: level_set_star(net, s[0], 0, s[0]), "ends must be"),
    "class": (lambda net, s: level_set_star(net, s[0], -1, s), "label must be a class number from 0 up"),
    "conf": (
        lambda net, s: hull_metrics(triangle_confidence(net, s, s, s, ZERO), torch.ones(2)),
        "one entry a triangle",
    ),
    "of": (lambda net, s: hull_summary({"mean": torch.ones(2)}, ZERO), "source must have one entry a triangle"),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_used_is_said(what, unchecked):
    call, says = BAD[what]
    with pytest.raises(InputError, match=says):
        call(Logistic(), pair()[0])


def test_black_boxes_have_segments_and_triangles_too():
    def answers(images):
        return nn.functional.one_hot((images.mean((1, 2, 3)) > 0.5).long(), 2).numpy() * 10.0

    dark, bright = torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2)
    found = path_confidence(answers, dark, bright, ZERO)
    assert (found.confidence[0] > 0.5).tolist() == [True] * 6 + [False] * 5
