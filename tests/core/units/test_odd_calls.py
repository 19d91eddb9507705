"""Ways of calling, naming and reading layers that leave the smaller network what the masked one is."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from netopsy import InputError
from netopsy.core.units import apply_unit_masks, compact, unit_groups

ROWS = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
IMAGES = torch.randn(3, 2, 6, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Net(nn.Module):
    def __init__(self, run, **layers):
        super().__init__()
        self.run = run
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x):
        return self.run(self, x)


class Renamed(nn.Linear):
    """Runs as the layer it derives from."""

    def __init__(self, *sizes):
        super().__init__(*sizes)
        nn.init.orthogonal_(self.weight)


class Doubled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


def joined_by_axis(net, x):
    return net.last(torch.cat([net.one(x), net.two(x)], axis=-3).mean(axis=(2, 3)))


def swapped_by_axis(net, x):
    return net.last(torch.swapaxes(net.one(x).flatten(2), axis0=1, axis1=2).mean(axis=1))


def two_convs():
    return {"one": nn.Conv2d(2, 4, 3), "two": nn.Conv2d(2, 4, 3)}


def slope_twice():
    slope = nn.PReLU()
    return nn.Sequential(nn.Linear(4, 6), slope, nn.Linear(6, 5), slope, nn.Linear(5, 2))


def overwide(net, x):
    return net.last(net.one(x) + torch.ones(5) + net.two(x))


def helped(net, x):
    h = net.one(x).relu()
    return net.last(h) + net.helper(h) if net.training else net.last(h)


NETWORKS = {
    "joined by axis": (lambda: Net(joined_by_axis, **two_convs(), last=nn.Linear(8, 3)), IMAGES, {"one", "two"}),
    "swapped by axis": (lambda: Net(swapped_by_axis, one=nn.Conv2d(2, 4, 3), last=nn.Linear(4, 3)), IMAGES, {"one"}),
    "named argument": (
        lambda: Net(lambda n, x: n.last(input=n.one(input=x)), one=nn.Linear(4, 6), last=nn.Linear(6, 2)),
        ROWS,
        {"one"},
    ),
    "infinite unit": (
        lambda: Net(lambda n, x: n.last(n.one(x).relu().log()), one=nn.Linear(4, 6), last=nn.Linear(6, 2)),
        ROWS.abs(),
        {"one"},
    ),
    "auxiliary head": (
        lambda: Net(helped, one=nn.Linear(4, 6), last=nn.Linear(6, 2), helper=nn.Linear(6, 2)),
        ROWS,
        {"one"},
    ),
    "slope twice": (slope_twice, ROWS, {"0", "2"}),
    "derived": (lambda: nn.Sequential(Renamed(4, 6), nn.ReLU(), Renamed(6, 5), nn.Linear(5, 2)), ROWS, {"0", "2"}),
    "changed": (lambda: nn.Sequential(Doubled(4, 6), nn.ReLU(), Doubled(6, 5), nn.Linear(5, 2)), ROWS, set()),
    "one unit beside others": (
        lambda: Net(overwide, one=nn.Linear(4, 1), two=nn.Linear(4, 5), last=nn.Linear(5, 2)),
        ROWS,
        set(),
    ),
    "weight read": (
        lambda: Net(
            lambda n, x: n.last(n.one(x)) + n.one.weight.abs().sum(), one=nn.Linear(4, 6), last=nn.Linear(6, 2)
        ),
        ROWS,
        set(),
    ),
    "statistics read": (
        lambda: Net(
            lambda n, x: n.last(n.norm(n.one(x))) + n.norm.running_mean.sum(),
            one=nn.Linear(4, 6),
            norm=nn.BatchNorm1d(6),
            last=nn.Linear(6, 2),
        ),
        ROWS,
        set(),
    ),
    "bounds": (
        lambda: Net(
            lambda n, x: n.last(torch.clamp(n.one(x), min=torch.linspace(-1, 0, 6, dtype=x.dtype))),
            one=nn.Linear(4, 6),
            last=nn.Linear(6, 2),
        ),
        ROWS,
        set(),
    ),
    "functions": (lambda: Net(lambda n, x: F.linear(n.one(x), n.one.weight.t()), one=nn.Linear(4, 6)), ROWS, set()),
}


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NETWORKS)
def test_masked_and_smaller_networks_agree(name, training):
    torch.manual_seed(0)
    make, inputs, found = NETWORKS[name]
    net = make().double()
    units = unit_groups(net, inputs)
    assert set(units.groups) == found
    masks = {group: torch.arange(width) % 3 == 1 for group, width in units.widths.items()}
    smaller = compact(net, units, masks).train(training)
    with torch.no_grad(), apply_unit_masks(net.train(training), units, masks):
        masked = net(inputs)
    torch.testing.assert_close(smaller(inputs).detach(), masked, equal_nan=True)


def test_layers_read_elsewhere_are_named():
    units = unit_groups(NETWORKS["weight read"][0]().double(), ROWS)
    assert units.left_out["one"] == "has weights or statistics that functions read"


def test_a_network_that_has_no_shapes_yet_is_refused():
    with pytest.raises(InputError, match="must have been run once: '0.weight'"):
        unit_groups(nn.Sequential(nn.LazyLinear(6), nn.Linear(6, 2)), ROWS)
