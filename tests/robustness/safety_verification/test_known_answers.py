import itertools

import pytest
import torch
from tests.robustness.safety_verification.nets import KINDS, image_for, small, toy
from torch import nn

from netopsy.robustness.safety_verification import (
    Region,
    grid_points,
    input_region,
    min_adversarial_radius,
    propagate_region,
    verify,
    verify_layers,
)

COMPLETE = ("milp", "smt", "grid+cells")


def by_hand(net, image, region):
    """All points of a grid, each made by itself: those of another class, or that tie."""
    label = int(net(image[None]).argmax())
    points = []
    for counts in itertools.product(*(range(-count, count + 1) for count in region.count)):
        point = image.flatten().double().clone()
        for dim, span, count in zip(region.dims, region.span, counts, strict=True):
            point[dim] = (point[dim] + span * count).clamp(0, 1)
        points.append(point.to(image.dtype).reshape(image.shape))
    scores = net(torch.stack(points)).detach()
    others = torch.cat([scores[:, :label], scores[:, label + 1 :]], 1)
    return [point for point, kept in zip(points, scores[:, label] > others.amax(1), strict=True) if not kept]


@pytest.mark.parametrize(
    ("span", "count", "status"),
    [(0.1, 1, "grid-safe"), (0.1, 2, "unsafe"), (0.05, 2, "grid-safe"), (0.05, 3, "unsafe")],
)
def test_grids_of_the_network_whose_radius_is_known(span, count, status):
    net, image = toy()
    found = verify(net, image, input_region(image, n_dims=2, span=span, count=count), method="grid")
    assert found.status == status
    if status == "unsafe":
        assert any(torch.allclose(found.counterexample, one) for one in by_hand(net, image, found.region))
        assert found.found == 1


@pytest.mark.parametrize("method", COMPLETE)
def test_the_exact_radius_is_an_eighth(method):
    net, image = toy()
    answers = [verify(net, image, input_region(image, n_dims=2, span=one), method=method) for one in (0.1249, 0.1251)]
    assert [one.status for one in answers] == ["safe", "unsafe"]
    assert answers[1].found == 1
    assert float(net(answers[1].counterexample[None])[0, 0]) <= 0


@pytest.mark.parametrize("method", COMPLETE)
def test_the_smallest_change_is_enclosed(method):
    net, image = toy()
    found = min_adversarial_radius(net, image, method=method, tolerance=1e-3)
    assert found.proved <= 0.125 <= found.broken
    assert found.broken - found.proved < 3e-3
    assert net(found.counterexample[None]).argmax() == 1 or float(net(found.counterexample[None])[0, 0]) == 0


@pytest.mark.parametrize("method", ["grid", "milp", "smt", "bounds"])
def test_a_linear_classifier_is_unsafe_where_its_lead_is_used_up(method):
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).double()
    net[1].weight.data = torch.tensor([[0.3, -0.2, 0.1, 0.4], [0.0, 0.0, 0.0, 0.0]]).double()
    net[1].bias.data = torch.tensor([0.0, 0.0]).double()
    image = torch.full((1, 2, 2), 0.5).double()  # its lead is 0.3
    for span, count in ((0.05, 2), (0.29, 1), (0.31, 1), (0.1, 4)):
        region = input_region(image, strategy="all", span=span, count=count)
        broken = span * count * 1.0 > 0.3  # the weights' sizes add up to 1
        assert verify(net, image, region, method=method).broken == broken


def test_ties_are_unsafe():
    net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2))
    net[1].weight.data, net[1].bias.data = torch.eye(2), torch.zeros(2)
    image = torch.tensor([[[0.75, 0.25]]])
    region = input_region(image, n_dims=2, span=0.25)  # ends in (0.5, 0.5)
    for method in ("grid", "milp", "smt", "bounds", "grid+cells"):
        found = verify(net, image, region, method=method)
        assert found.status == "unsafe"
        assert found.counterexample.flatten().tolist() == [0.5, 0.5]
    level = torch.tensor([[[0.5, 0.5]]])
    assert verify(net, level, region, method="milp").status == "unsafe"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_a_grid_is_what_brute_force_says(kind, seed):
    net, image = small(kind, seed=seed), image_for(seed)
    with torch.no_grad():
        for span, count in ((0.1, 1), (0.3, 2)):
            region = input_region(image, n_dims=4, span=span, count=count)
            wrong = by_hand(net, image, region)
            found = verify(net, image, region, method="grid")
            assert found.status == ("unsafe" if wrong else "grid-safe")
            if wrong:
                assert any(torch.equal(found.counterexample, one) for one in wrong)


def test_bounds_prove_boxes_of_a_large_grid_and_lose_no_point():
    net, image = small("dense", seed=1), image_for(1)
    region = input_region(image, n_dims=5, span=0.1, count=3)
    found = verify(net, image, region, method="grid")
    plain = verify(lambda images: net(images), image, region, method="grid")
    assert found.status == plain.status == "grid-safe"
    assert found.proved > 0.5 * region.points
    assert found.proved + found.evaluated >= region.points
    assert plain.evaluated >= region.points
    assert plain.proved == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_larger_region_never_turns_unsafe_into_safe(kind):
    net, image = small(kind, seed=5), image_for(5)
    for method in ("grid+cells", "milp"):
        found = [
            verify(net, image, input_region(image, n_dims=4, span=span), method=method).broken
            for span in (0.01, 0.1, 0.3, 0.6, 1.0)
        ]
        assert found == sorted(found)


def test_an_affine_layer_takes_half_widths_spans_and_counts_with_it():
    net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    net[1].weight.data = torch.tensor([[1.0, -2.0], [0.5, 1.0]])
    region = Region((0, 1), (0.1, 0.1), (2, 2))
    for layer in ("1", "2"):
        found = propagate_region(net, torch.zeros(1, 1, 2), region, layer)
        assert found.count == (6, 6)
        assert found.span == pytest.approx((0.1, 0.05), rel=1e-6)
        assert found.layer == layer
    assert propagate_region(net, torch.zeros(1, 1, 2), region, "1", span=0.2).count == (3, 2)


@pytest.mark.parametrize("kind", ["dense", "conv", "pools"])
def test_regions_of_layers_cover_what_the_network_makes_of_the_region(kind):
    from netopsy.core.capture import layer_activations

    net, image = small(kind, seed=2), image_for(2)
    region = input_region(image, n_dims=4, span=0.2)
    points = torch.cat(list(grid_points(region, image)))
    for layer in list(dict(net.named_children()))[:-2]:
        found = propagate_region(net, image, region, layer, span=0.05)
        values = layer_activations(net, torch.cat([image[None], points]), layer)[layer].double()
        reach = found.radius(tuple(values.shape[1:]))
        assert bool(((values[1:] - values[0]).abs() <= reach + 1e-5).all())


@pytest.mark.parametrize("seed", range(3))
def test_what_is_safe_at_a_layer_is_safe_below(seed):
    net, image = small("dense", seed=seed), image_for(seed)
    for span in (0.02, 0.1, 0.3):
        found = verify_layers(net, image, input_region(image, n_dims=4, span=span), ["1", "2", "4"], span=0.1)
        safe = [one.status == "safe" for one in found]
        assert safe == sorted(safe, reverse=True)
        assert {one.status for one in found[1:]} <= {"safe", "layer-unsafe"}


def test_activations_of_another_class_break_the_rest_of_the_network():
    net, image = small("dense", seed=0), image_for(0)
    found = verify_layers(net, image, input_region(image, n_dims=8, span=1.0), ["2"], span=0.5)[1]
    assert found.status == "layer-unsafe"
    scores = net[3:](found.counterexample[None])[0]
    assert int(scores.argmax()) == found.found != found.predicted
    assert found.distance() is None


def test_grid_of_a_layer_is_what_running_the_rest_says():
    net, image = small("dense", seed=3), image_for(3)
    region = propagate_region(net, image, input_region(image, n_dims=3, span=0.5), "1", n_dims=4, span=0.3)
    centre = net[:2](image[None])[0].detach()
    points = torch.cat(list(grid_points(region, centre, bounds=None)))
    wrong = net[2:](points).argmax(1) != net(image[None]).argmax()
    found = verify(net, image, region, method="grid")
    assert found.status == ("layer-unsafe" if bool(wrong.any()) else "grid-safe")
