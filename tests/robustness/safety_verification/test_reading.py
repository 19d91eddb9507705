import pytest
import torch
from tests.robustness.safety_verification.nets import KINDS, image_for, small
from torch import nn

from netopsy import InputError
from netopsy.robustness.safety_verification import input_region, propagate_region, read_network, verify


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_computes_what_the_network_does(kind, left_as_found):
    net = small(kind, seed=1)
    before = left_as_found(net), set(vars(net))
    network = read_network(net, image_for())
    assert (left_as_found(net), set(vars(net))) == before
    images = torch.rand(20, 1, 4, 4)
    with torch.no_grad():
        torch.testing.assert_close(network(images.double()), net(images).double(), atol=1e-4, rtol=1e-4)


def test_all_options_of_convolutions_and_poolings_are_read():
    net = nn.Sequential(
        nn.Conv2d(2, 4, (3, 2), stride=(1, 2), padding="valid", dilation=(2, 1), groups=2, bias=False),
        nn.MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), ceil_mode=True),
        nn.AvgPool2d(2, stride=1, padding=1, count_include_pad=False),
        nn.AdaptiveAvgPool2d((2, 3)),
        nn.Flatten(),
        nn.BatchNorm1d(24, affine=False),
        nn.Linear(24, 3),
    ).eval()
    image = torch.rand(2, 10, 12)
    network = read_network(net, image)
    points = torch.rand(5, 2, 10, 12)
    torch.testing.assert_close(network(points.double()), net(points).double(), atol=1e-5, rtol=1e-5)
    place = network.steps[1].operation
    windows = place.members(network.shapes[1])
    values = torch.rand(1, *network.shapes[1]).double()
    largest = torch.where(windows >= 0, values.flatten()[windows.clamp(min=0)], -torch.inf).amax(1)
    assert torch.equal(largest, place(values).flatten())


class Sigmoid(nn.Module):
    def __init__(self):
        super().__init__()
        self.flat, self.first, self.bend, self.last = nn.Flatten(), nn.Linear(16, 4), nn.Sigmoid(), nn.Linear(4, 2)

    def forward(self, images):
        return self.last(self.bend(self.first(self.flat(images))))


class Branching(nn.Module):
    def forward(self, images):
        return images.flatten(1)[:, :2] if images.sum() > 0 else images.flatten(1)[:, 2:4]


@pytest.mark.parametrize(
    ("net", "message"),
    [
        (Sigmoid(), "layer 'bend' is a Sigmoid"),
        (Branching(), "cannot be read"),
        (
            nn.Sequential(nn.Conv2d(1, 2, 3, padding_mode="circular"), nn.Flatten(), nn.Linear(8, 2)),
            "zeros",
        ),
        (nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False), nn.Flatten(), nn.Linear(16, 2)), "running"),
        (nn.Sequential(nn.Flatten(), nn.Linear(16, 2), nn.Softmax(1)), "Softmax"),
        (nn.Sequential(nn.Flatten(), nn.Linear(16, 2)).half(), "precision"),
    ],
)
def test_what_cannot_be_read_is_named(net, message):
    with pytest.raises(InputError, match=message):
        read_network(net.eval(), image_for())


def test_any_network_can_be_searched_at_its_input():
    image = image_for()
    net = Sigmoid().eval()
    region = input_region(image, n_dims=3, span=0.01)
    assert verify(net, image, region, method="grid").status == "grid-safe"
    with pytest.raises(InputError, match="Sigmoid"):
        verify(net, image, region, method="milp")


def test_a_hook_that_changes_a_layer_is_noticed():
    net = small("dense")
    net[2].register_forward_hook(lambda module, inputs, output: output + 1)
    with pytest.raises(InputError, match="hook or a forward of its own"):
        read_network(net, image_for())


def test_a_layer_that_a_branch_passes_by_is_refused():
    net, image = small("residual"), image_for()
    with pytest.raises(InputError, match=r"passes.*by"):
        propagate_region(net, image, input_region(image, span=0.1), "second", span=0.1)
    assert propagate_region(net, image, input_region(image, span=0.1), "pool", span=0.1).layer == "pool"
    with pytest.raises(InputError, match="unknown layer 'secnd'"):
        propagate_region(net, image, input_region(image, span=0.1), "secnd")
