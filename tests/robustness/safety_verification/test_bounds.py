import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.robustness.safety_verification.nets import KINDS, image_for, small

from netopsy.models import resnet18
from netopsy.robustness.safety_verification import certified_radius, read_network
from netopsy.robustness.safety_verification.bounds import Interval, bounds_of, lower_bounds
from netopsy.robustness.safety_verification.forward_bounds import closest_bounds
from netopsy.robustness.safety_verification.rounding import rounding_error


def boxed(image, radius):
    return Interval((image - radius).clamp(0, 1).double()[None], (image + radius).clamp(0, 1).double()[None])


def inside(box, count, seed):
    random = torch.rand(count, *box.low.shape[1:], generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    ends = (random.round() * (box.high - box.low)) + box.low
    return torch.cat([box.low + random * (box.high - box.low), ends])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("tight", [0, 10_000])
@settings(max_examples=6)
@example(seed=0, radius=0.0)
@example(seed=1, radius=0.7)
@given(seed=st.integers(0, 10_000), radius=st.floats(0, 0.7))
def test_no_point_of_a_box_is_outside_its_bounds(kind, tight, seed, radius):
    image = image_for(seed)
    network = read_network(small(kind, seed=seed), image)
    box = boxed(image, radius)
    found = bounds_of(network, box, tight=tight)
    points = inside(box, 60, seed)
    for one, values in zip(found, network.results(points), strict=True):
        assert bool((values >= one.low - 1e-12).all())
        assert bool((values <= one.high + 1e-12).all())
    rows = torch.randn(4, network.classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    linear = lower_bounds(network, found, rows, len(network.steps))
    assert bool((network(points) @ rows.T >= linear.low).all())


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=8)
@example(seed=1338, radius=0.5)  # where the two ways round differently
@given(seed=st.integers(0, 10_000), radius=st.floats(0, 0.7))
def test_no_point_is_outside_linear_bounds_carried_forward(kind, seed, radius):
    image = image_for(seed)
    network = read_network(small(kind, seed=seed), image)
    box = boxed(image, radius)
    plain, found = bounds_of(network, box), closest_bounds(network, box, tight=50)
    for one, loose, values in zip(found, plain, network.results(inside(box, 60, seed)), strict=True):
        assert bool(((values >= one.low - 1e-12) & (values <= one.high + 1e-12)).all())
        assert bool(((one.low >= loose.low - 1e-15) & (one.high <= loose.high + 1e-15)).all())


@pytest.mark.parametrize("kind", KINDS)
def test_linear_relaxation_is_exact_where_no_rectifier_can_bend(kind):
    image = image_for(1)
    network = read_network(small(kind, seed=1), image)
    box = boxed(image, 1e-7)
    found = bounds_of(network, box)
    rows = torch.eye(network.classes, dtype=torch.float64)
    low = lower_bounds(network, found, rows, len(network.steps)).low[0]
    torch.testing.assert_close(low, network(image.double()[None])[0], atol=1e-5, rtol=0)


def test_relaxation_is_tighter_than_intervals_in_a_deep_network():
    image = image_for(2)
    network = read_network(small("dense", seed=2), image)
    rows = torch.tensor([[1.0, -1.0, 0.0]], dtype=torch.float64)
    box = boxed(image, 0.05)
    plain, tight = bounds_of(network, box), bounds_of(network, box, tight=100)
    interval = plain[-1].low[0, 0] - plain[-1].high[0, 1]
    loose, close = (lower_bounds(network, found, rows, len(network.steps)).low for found in (plain, tight))
    assert interval < loose.item() <= close.item() + 1e-9


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_rounding_of_single_precision_stays_below_its_bound(kind, seed):
    net, image = small(kind, seed=seed), image_for(seed)
    network = read_network(net, image)
    box = boxed(image, 0.3)
    bound = rounding_error(network, bounds_of(network, box))[0]
    points = inside(box, 200, seed).float()
    with torch.no_grad():
        error = (net(points).double() - network(points.double())).abs().amax(0)
    assert bool((error <= bound).all())
    assert float(bound.max()) < 1e-3


def test_batches_of_boxes_are_those_one_by_one():
    network = read_network(small("pools"), image_for())
    boxes = [boxed(image_for(seed), 0.1) for seed in range(3)]
    joined = Interval(*(torch.cat([getattr(box, end) for box in boxes]) for end in ("low", "high")))
    rows = torch.eye(3, dtype=torch.float64)
    together = lower_bounds(network, bounds_of(network, joined), rows, len(network.steps)).low
    alone = [lower_bounds(network, bounds_of(network, box), rows, len(network.steps)).low for box in boxes]
    torch.testing.assert_close(together, torch.cat(alone))


def test_certified_radii_hold_against_sampling():
    net = small("conv", seed=3)
    images = torch.stack([image_for(seed) for seed in range(5)])
    radii = certified_radius(net, images, steps=10)
    assert bool((radii > 0).all())
    for image, radius in zip(images, radii, strict=True):
        points = inside(boxed(image, float(radius)), 300, 0).float()
        assert set(net(points).argmax(1).tolist()) == {int(net(image[None]).argmax())}


def test_a_residual_network_of_the_zoo_has_sound_bounds(unchecked):
    torch.manual_seed(0)
    net = resnet18(classes=4, widths=(4, 4, 8, 8)).eval()
    image = torch.rand(3, 16, 16)
    network = read_network(net, image)
    box = Interval((image - 1e-3).double()[None], (image + 1e-3).double()[None])
    last = bounds_of(network, box)[-1]
    points = inside(box, 30, 0)
    values = network(points)
    assert bool(((values >= last.low) & (values <= last.high)).all())
    assert network.rectifiers > 1000
