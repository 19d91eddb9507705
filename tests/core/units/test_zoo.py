"""Networks of the zoo, compiled ones, and networks that decide by shapes: masks, weight masks and compaction agree."""

import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.core.masks import apply_masks
from netopsy.core.units import apply_unit_masks, compact, kept_parameters, unit_groups, weight_masks
from netopsy.models import mlp, resnet, resnet18, unet


def images(channels, *size):
    return torch.randn(2, channels, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class Deciding(nn.Module):
    """Decides by the shape of its input, by that of a grid of its own, and asserts a number of dimensions."""

    def __init__(self):
        super().__init__()
        self.one, self.never, self.last = nn.Conv2d(1, 5, 3), nn.Conv2d(1, 5, 1), nn.Linear(5, 2)
        self.pool = nn.AvgPool2d(2)

    def forward(self, x):
        assert x.ndim == 4
        assert min(tuple(x.shape[2:])) > 2, f"too small: {tuple(x.shape)}"
        x = self.one(x) if x.size(1) == 1 and len(x.shape) == 4 else self.never(x)
        while max(x.shape[-2:]) > 2:
            x = self.pool(x)
        return self.last(x.mean((2, 3)))


def renormed():
    return nn.Sequential(
        nn.Conv2d(2, 6, 3), nn.InstanceNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 1), nn.BatchNorm2d(4, False, False)
    )


ZOO = {
    "resnet with padded shortcuts": (lambda: resnet(14, width=4), images(3, 8, 8)),
    "resnet of odd widths": (lambda: resnet18(widths=(3, 4, 6, 6)), images(3, 16, 16)),
    "unet": (lambda: unet(2, widths=(3, 5, 4)), images(2, 9, 12)),
    "compiled in part": (
        lambda: nn.Sequential(torch.compile(renormed(), backend="eager"), nn.Flatten(), nn.Linear(4 * 9, 2)),
        images(2, 5, 5),
    ),
    "deciding by shapes": (Deciding, images(1, 9, 9)),
    "norms without entries": (lambda: nn.Sequential(renormed(), nn.Flatten(), nn.Linear(4 * 9, 2)), images(2, 5, 5)),
}


def made(name):
    torch.manual_seed(0)
    net = ZOO[name][0]().double().eval()
    with torch.no_grad():
        for value in (*net.parameters(), *net.buffers()):
            if value.is_floating_point():
                value.uniform_(0.1, 0.9)
        for value in net.parameters():
            value.sub_(0.5)
    return net, ZOO[name][1]


@pytest.mark.parametrize("name", ZOO)
def test_masked_smaller_and_weight_masked_networks_agree(name):
    net, inputs = made(name)
    before = net(inputs)  # what is compiled is compiled before it gets hooks
    units = unit_groups(net, inputs)
    random = torch.Generator().manual_seed(1)
    masks = {group: torch.rand(width, generator=random) < 0.6 for group, width in units.widths.items()}
    for mask in masks.values():
        mask[-1] = True
    smaller = compact(net, units, masks)
    with torch.no_grad():
        with apply_unit_masks(net, units, masks):
            masked = net(inputs)
        torch.testing.assert_close(net(inputs), before)
        with apply_masks(net, weight_masks(net, units, masks)):
            silent = net(inputs)
        assert (masked - before).abs().max() > 1e-6
        torch.testing.assert_close(smaller(inputs), masked, atol=1e-9, rtol=0)
        torch.testing.assert_close(silent, masked, atol=1e-9, rtol=0)
    assert sum(each.numel() for each in smaller.parameters()) == kept_parameters(net, units, masks)
    assert kept_parameters(net, units, masks) < sum(each.numel() for each in net.parameters())


@pytest.mark.parametrize("name", ZOO)
def test_every_layer_but_the_last_has_units_that_can_go(name):
    net, inputs = made(name)
    units = unit_groups(net, inputs)
    reached = {layer for group in units.groups.values() for layer in group.layers}
    makers = {key for key, each in net.named_modules() if isinstance(each, nn.Linear | nn.Conv2d)}
    assert makers - reached - {"never"} <= set(units.left_out)
    assert len(units.left_out) == 1


def test_a_compiled_network_is_followed_as_it_was_written():
    units = unit_groups(torch.compile(mlp([4, 6, 5, 2])), torch.zeros(1, 4))
    assert units.widths == {"_orig_mod.fc1": 6, "_orig_mod.fc2": 5}


def test_channels_of_zeros_go_with_those_they_are_added_to():
    net, inputs = made("resnet with padded shortcuts")
    units = unit_groups(net, inputs)
    group = units.groups["stage2.block1.conv2"]  # those that the first stage does not have
    assert group.width == 4
    assert group.layers == tuple(f"stage{n}.block{k}.conv2" for n in (2, 3) for k in (1, 2))
    smaller = compact(net, units, {group.name: torch.tensor([False, True, False, False])})
    shortcut = smaller.stage2.block1.shortcut
    assert (shortcut.before, shortcut.after, net.stage2.block1.shortcut.before) == (1, 0, 2)
    assert smaller.stage2.block1.conv2.out_channels == 4 + 1
    with pytest.raises(InputError, match="belong to another network"):
        compact(smaller, units, {})


def test_a_norm_without_entries_says_how_many_channels_it_has():
    net, inputs = made("norms without entries")
    masks = {"0.0": torch.arange(6) < 2, "0.3": torch.arange(4) < 3}
    smaller = compact(net, unit_groups(net, inputs), masks)
    assert (smaller[0][1].num_features, smaller[0][4].num_features) == (2, 3)


class Squeezed(nn.Module):
    def __init__(self, *dims):
        super().__init__()
        self.one, self.pool, self.last, self.dims = nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Linear(4, 2), dims

    def forward(self, x):
        return self.last(self.pool(self.one(x)).squeeze(*self.dims))


@pytest.mark.parametrize(("dims", "width"), [((), 3), (((1, 2, 3),), 3), (((2, 3),), 4)])
def test_a_dimension_of_units_is_never_squeezed_away(dims, width):
    net, inputs = Squeezed(*dims).double(), images(1, 5, 5)
    units = unit_groups(net, inputs)
    assert units.widths == {"one": width}
    assert ("would drop the dimension of a last unit" in units.left_out.get("one", "")) is (width == 3)
    masks = {"one": torch.arange(width) < 1}
    with apply_unit_masks(net, units, masks):
        masked = net(inputs)
    torch.testing.assert_close(compact(net, units, masks)(inputs), masked, atol=1e-9, rtol=0)


class Between(nn.Module):
    def __init__(self, between):
        super().__init__()
        self.one, self.between, self.last = nn.Linear(4, 6), between, nn.Linear(6, 2)

    def forward(self, x):
        return self.last(self.between(self.one(x)))


@pytest.mark.parametrize(
    ("between", "step"),
    [
        (lambda x: x.relu().log(), "log"),
        (lambda x: 1 / x, "truediv"),
        (lambda x: x / x.abs(), "truediv"),
        (lambda x: torch.rsqrt(x.square()), "rsqrt"),
        (lambda x: x**-2, "pow_1"),
        (lambda x: (x.relu() + 1e-6).log(), None),
        (lambda x: x / 2, None),
        (lambda x: x.square() / (1 + x.square()), None),
    ],
)
def test_weight_masks_are_refused_where_silent_units_are_infinite(between, step):
    net, inputs = Between(between).double(), images(4).abs()
    units, masks = unit_groups(net, inputs), {"one": torch.arange(6) < 3}
    with apply_unit_masks(net, units, masks):
        masked = net(inputs)
    torch.testing.assert_close(compact(net, units, masks)(inputs), masked, equal_nan=True)
    if step is None:
        with apply_masks(net, weight_masks(net, units, masks)):
            torch.testing.assert_close(net(inputs), masked)
        return
    assert weight_masks(net, units, {"one": torch.ones(6, dtype=torch.bool)})["one.bias"].all()
    with pytest.raises(InputError, match=f"'one', which '{step}' makes infinite"):
        weight_masks(net, units, masks)


def test_a_decision_by_the_number_of_units_keeps_them():
    net = Between(lambda x: x if x.shape[1] == 6 else -x)
    units = unit_groups(net, images(4).float())
    assert units.groups == {}
    assert "'eq' is not known to keep units apart" in units.left_out["one"]
