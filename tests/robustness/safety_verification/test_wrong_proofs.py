"""The smallest inputs about which a proof would be a wrong one."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from netopsy import InputError
from netopsy.robustness.safety_verification import Region, grid_points, read_network, verify
from netopsy.robustness.safety_verification.milp import solve
from netopsy.robustness.safety_verification.program import build
from netopsy.robustness.safety_verification.question import Question
from netopsy.robustness.safety_verification.solvers import Limits

IMAGE = torch.full((1, 1, 2), 0.5)


def scaled(first: float, second: float) -> nn.Module:
    """Scores 0.25 and relu(x - 0.5) + relu(y - 0.5): they tie at a radius of 0.125, whatever the product 1 is of."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2))
    with torch.no_grad():
        net[1].weight.copy_(torch.eye(2) * first)
        net[1].bias.fill_(-0.5 * first)
        net[3].weight.copy_(torch.tensor([[0.0, 0.0], [second, second]]))
        net[3].bias.copy_(torch.tensor([0.25, 0.0]))
    return net


@pytest.mark.parametrize("first", [1e-12, 1e-9, 1e-6, 1.0, 1e6, 1e10, 1e14])
@pytest.mark.parametrize("radius", [0.12, 0.126])
def test_a_programs_scale_does_not_change_what_it_proves(first, radius):
    region = Region((0, 1), (radius, radius), (1, 1))
    question = Question(scaled(first, 1 / first), IMAGE, region, (0, 1), 1e-4, 8)
    program = build(question.need_network(), question.intervals)
    answer = solve(program, 0, 1, 1e-4, Limits())
    assert answer.proved == (radius < 0.125)


def test_what_the_solver_would_drop_loosens_its_constraint():
    """A thousand weights of 1e-10 beside one of 1: none of them can be left out for nothing."""
    net = nn.Sequential(nn.Flatten(), nn.Linear(1001, 2, bias=False), nn.Linear(2, 2))
    with torch.no_grad():
        net[1].weight.fill_(1e-10)
        net[1].weight[:, 0] = torch.tensor([1.0, 1.0])
        net[2].weight.copy_(torch.tensor([[0.0, 0.0], [1e5, 0.0]]))
        net[2].bias.copy_(torch.tensor([5e-3, 0.0]))
    image = torch.zeros(1, 1, 1001)
    region = Region(tuple(range(1, 1001)), (1.0,) * 1000, (1,) * 1000)
    question = Question(net, image, region, (0, 1), 1e-6, 8)
    answer = solve(build(question.need_network(), question.intervals), 0, 1, 1e-6, Limits())
    assert not answer.proved  # all pixels at 1 give 1e-2 against 5e-3


class Forward(nn.Module):
    def __init__(self, run):
        super().__init__()
        self.flat, self.first, self.second = nn.Flatten(), nn.Linear(2, 2), nn.Linear(2, 2)
        self.inside = nn.ReLU(inplace=True)
        self.run = run

    def forward(self, images):
        return self.run(self, images)


def after_relu(net, images):
    hidden = net.first(net.flat(images))
    return net.second(net.inside(hidden) + hidden)


def after_functional(net, images):
    hidden = net.first(net.flat(images))
    return net.second(F.relu(hidden, inplace=True) + hidden)


def after_sum(net, images):
    hidden = net.first(net.flat(images))
    more = hidden
    more += net.first(net.flat(images))
    return net.second(hidden + more)


@pytest.mark.parametrize("run", [after_relu, after_functional, after_sum])
def test_a_result_that_was_changed_in_place_is_not_read_as_it_was(run):
    with pytest.raises(InputError, match="changes in place"):
        read_network(Forward(run), IMAGE)


def test_what_is_changed_in_place_and_read_no_more_is_read():
    def run(net, images):
        hidden = net.first(net.flat(images))
        hidden += 0.25
        hidden *= 2.0
        return net.second(net.inside(hidden))

    net = Forward(run).double()
    image = IMAGE.double()
    own = net(image[None])
    assert torch.allclose(read_network(net, image)(image[None]), own)


def test_a_network_that_changes_its_input_in_place_leaves_the_image_alone():
    def run(net, images):
        images -= 0.25
        return net.second(net.flat(images))

    image = IMAGE.clone()
    for method in ("grid", "milp"):
        found = verify(Forward(run), image, Region((0,), (1e-3,), (1,)), method=method)
        assert torch.equal(image, IMAGE)
        assert torch.equal(found.image, IMAGE)


def test_activations_found_are_those_of_the_region_where_a_rectifier_changes_them_in_place():
    net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2), nn.ReLU(inplace=True), nn.Linear(2, 2))
    with torch.no_grad():
        net[1].weight.copy_(torch.eye(2))
        net[1].bias.copy_(torch.tensor([-0.8, -0.55]))
        net[3].weight.copy_(torch.eye(2))
        net[3].bias.copy_(torch.tensor([0.05, 0.0]))
    for method in ("grid", "milp"):
        found = verify(net, IMAGE, Region((0, 1), (0.1, 0.2), (1, 1), "1"), method=method)
        assert found.status == "layer-unsafe"
        assert -0.4 - 1e-6 <= float(found.counterexample[0]) <= -0.2 + 1e-6


def hooked():
    net = scaled(1.0, 1.0)
    net[1].register_forward_hook(lambda module, inputs, output: output.clamp(max=50.0))
    return net


def patched():
    net = scaled(1.0, 1.0)
    net[1].forward = lambda values: F.linear(values, net[1].weight, net[1].bias).clamp(max=50.0)
    return net


def outside():
    net = scaled(1.0, 1.0)
    net.register_forward_hook(lambda module, inputs, output: output.clamp(max=50.0))
    return net


@pytest.mark.parametrize("made", [hooked, patched, outside])
def test_what_a_trace_does_not_show_is_refused_though_no_sample_shows_it_either(made):
    with pytest.raises(InputError, match="hook or a forward"):
        read_network(made(), IMAGE)


def test_a_pruned_layer_is_read():
    from torch.nn.utils import prune

    net = scaled(1.0, 1.0)
    prune.l1_unstructured(net[3], "weight", amount=1)
    assert read_network(net, IMAGE).classes == 2


def random_shift(net, images):
    return net.second(net.flat(images)) + 1e-4 * torch.rand(2)


def reduced(net, images):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = net.first(net.flat(images))
    return hidden + 0.5


@pytest.mark.parametrize(("run", "words"), [(random_shift, "random"), (reduced, "autocast")])
def test_networks_whose_numbers_a_trace_freezes_or_hides_are_refused(run, words):
    with pytest.raises(InputError, match=words):
        read_network(Forward(run), IMAGE)


def test_a_network_whose_answers_depend_on_the_batch_is_not_called_grid_safe():
    def run(net, images):
        flat = images.flatten(1)
        return torch.stack([flat[:, 0] - (flat[:, 0].mean() if len(flat) > 1 else 0.5) + 0.01, 0 * flat[:, 1]], 1)

    with pytest.raises(InputError, match="depend on the batch"):
        verify(Forward(run), IMAGE, Region((1,), (0.1,), (1,)), method="grid")


def test_scores_that_may_overflow_prove_nothing():
    net = nn.Sequential(nn.Flatten(), nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    with torch.no_grad():
        net[1].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]) * 1e19)
        net[2].weight.copy_(torch.tensor([[3e19, 0.0], [1e19, 0.0]]))
    image = torch.tensor([[[0.5, 0.5]]])
    wide = Region((0,), (2.0,), (1,))  # up to 2.5: 7.5e38 is infinite in single precision, and so may both scores be
    assert verify(net, image, wide, method="bounds", bounds=(0.2, 3.0)).status != "safe"


def test_a_grid_of_more_points_than_a_number_can_say_ends_with_its_time():
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 2))
    image = torch.full((1, 8, 8), 0.5)
    region = Region(tuple(range(64)), (0.1,) * 64, (1,) * 64)
    asked = net.forward
    for model in (net, lambda images: asked(images)):
        found = verify(model, image, region, method="grid", timeout=0.5)
        assert found.status in ("unsafe", "unknown", "grid-safe")
        assert found.seconds < 5
    first = next(grid_points(region, image, batch_size=4))
    assert torch.allclose(
        first[:, 0, 7, 5:], torch.tensor([[0.4, 0.4, 0.4], [0.4, 0.4, 0.5], [0.4, 0.4, 0.6], [0.4, 0.5, 0.4]])
    )
