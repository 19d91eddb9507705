"""Which units are found, what of them stands where, and what is left alone for which reason."""

import re

import pytest
import torch
from tests.core.units.networks import IMAGE, made
from torch import nn
from torch.nn.utils import parametrizations

from netopsy import InputError
from netopsy.core.units import apply_unit_masks, compact, unit_groups, unit_norms, weight_masks
from netopsy.models import resnet, resnet18

IMAGES = torch.zeros(1, *IMAGE)
ROWS = torch.zeros(2, 4)


def standing(places):
    return {(each.parameter, each.dimension, each.repeat) for each in places}


def test_what_is_added_is_one_group_with_all_that_goes_with_it():
    units = unit_groups(made("residual"), IMAGES)
    assert units.widths == {"stem": 6, "inner": 5, "shortcut": 8}
    trunk = units.groups["stem"]
    assert trunk.layers == ("stem", "back")
    assert standing(trunk.producers) == {
        (f"{name}.{what}", 0, 1) for name in trunk.layers for what in ("weight", "bias")
    }
    assert standing(trunk.consumers) == {(f"{name}.weight", 1, 1) for name in ("inner", "shortcut", "down")}
    assert {each.parameter for each in trunk.norms} == {
        f"norm.{name}" for name in ("weight", "bias", "running_mean", "running_var")
    }
    assert units.left_out == {"output": "are outputs of the network"}


def test_a_joined_channel_is_read_where_it_ends_up_and_flattened_it_is_many_inputs():
    groups = unit_groups(made("joined"), IMAGES).groups
    merge = next(each for each in groups["two"].consumers if each.parameter == "merge.weight")
    assert merge.index[:, 0].tolist() == [6, 7, 8, 9, 10, 11]
    flat = next(each for each in groups["two"].consumers if each.parameter == "fc.weight")
    assert flat.index[1].tolist() == list(range(5 * 16 + 64, 5 * 16 + 128))
    assert groups["merge"].consumers[0].repeat == 16


def test_grouped_layers_go_by_blocks_and_halves_together():
    units = unit_groups(made("decoder"), IMAGES)
    assert units.widths == {"0": 3, "3": 4}
    assert units.groups["3"].layers == ("3", "6", "10")
    assert unit_groups(made("gated"), IMAGES).widths["both"] == 5


def test_padded_channels_stay():
    units = unit_groups(made("padded shortcut"), IMAGES)
    assert "pads them with zeros" in units.left_out["wide"]
    assert units.groups["stem"].layers == ("stem", "wide")
    assert units.widths == {"stem": 4}


def test_a_resnet_has_one_group_a_stage_and_one_a_block():
    units = unit_groups(resnet18(widths=(4, 6, 8, 10)), torch.zeros(1, 3, 32, 32))
    assert [units.widths[name] for name in ("stem.conv", *(f"stage{n}.block1.conv2" for n in (2, 3, 4)))] == [
        4,
        6,
        8,
        10,
    ]
    assert len(units.widths) == 4 + 8
    assert list(units.left_out) == ["output"]
    padded = unit_groups(resnet(8), torch.zeros(1, 3, 16, 16))
    assert list(padded.left_out) == ["output"]
    assert [padded.widths[name] for name in ("stem.conv", "stage2.block1.conv2", "stage3.block1.conv2")] == [16, 16, 32]


class Calls(nn.Module):
    """Two linear layers, and whatever comes between."""

    def __init__(self, between, **layers):
        super().__init__()
        self.first, self.between, self.last = nn.Linear(4, 6), between, nn.Linear(6, 2)
        for name, layer in layers.items():
            self.add_module(name, layer)

    def forward(self, x):
        return self.last(self.between(self, self.first(x)))


def twice(net, x):
    return net.again(net.again(x))


STAY = {
    "layer norm": (
        lambda net, x: net.norm(x),
        {"norm": nn.LayerNorm(6)},
        "'norm' .LayerNorm. takes",
    ),
    "softmax": (lambda net, x: x.softmax(-1), {}, "'softmax' takes all units together"),
    "mean": (lambda net, x: x - x.mean(-1, keepdim=True), {}, "'mean' takes all units together"),
    "size written down": (lambda net, x: x.view(-1, 6), {}, "writes the number of units down as 6"),
    "size used": (lambda net, x: x * (1 / x.shape[-1]), {}, "computes with the number of units"),
    "picked": (lambda net, x: torch.cat([x[:, :2], x[:, 2:]], 1), {}, "picks units by their number"),
    "with the input": (lambda net, x: x + torch.ones(6), {}, "what has no hidden units"),
    "unknown": (lambda net, x: x.flip(1), {}, "'flip' is not known to keep units apart"),
    "twice": (twice, {"again": nn.Linear(6, 6)}, "'again' runs several times"),
    "attention": (
        lambda net, x: net.attention(x, x, x)[0],
        {"attention": nn.MultiheadAttention(6, 2)},
        "'attention' .MultiheadAttention. takes its inputs together",
    ),
    "recurrent": (lambda net, x: net.rnn(x)[0], {"rnn": nn.GRU(6, 6)}, "'rnn' .GRU. takes"),
    "computed weight": (
        lambda net, x: net.normed(x),
        {"normed": parametrizations.weight_norm(nn.Linear(6, 6))},
        "'normed' computes its weight",
    ),
}


@pytest.mark.parametrize("why", STAY)
def test_units_that_are_not_alone_stay_and_the_reason_is_named(why):
    between, layers, reason = STAY[why]
    net = Calls(between, **layers)
    units = unit_groups(net, ROWS)
    assert "first" not in units.groups
    assert re.search(reason, units.left_out["first"]), units.left_out
    masks = {name: torch.arange(width) < 1 for name, width in units.widths.items()}
    smaller = compact(net, units, masks)
    assert smaller(ROWS).shape == (2, 2)


def test_shared_weights_stay():
    net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 6), nn.ReLU(), nn.Linear(6, 6), nn.Linear(6, 2))
    net[4].weight = net[2].weight
    units = unit_groups(net, ROWS)
    assert units.groups == {}
    assert units.left_out["2"] == "shares its weights with another layer"


class Deciding(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 6)
        self.branch = nn.Sequential(nn.ReLU(), Branch())

    def forward(self, x):
        return self.branch(self.first(x))


class Branch(nn.Module):
    def forward(self, x):
        return x if x.sum() > 0 else -x


def test_what_cannot_be_traced_is_named():
    with pytest.raises(InputError, match=r"stops in layer 'branch.1' after node '(sum_1|gt)'"):
        unit_groups(Deciding(), ROWS)
    with pytest.raises(InputError, match="do not go through the network"):
        unit_groups(nn.Linear(3, 2), ROWS)
    with pytest.raises(InputError, match="at least one sample"):
        unit_groups(nn.Linear(3, 2), torch.zeros(0, 3))


@pytest.mark.parametrize("use", [compact, weight_masks, lambda *given: apply_unit_masks(*given).__enter__()])
def test_masks_that_do_not_fit_are_refused(use):
    net = made("perceptron")
    units = unit_groups(net, IMAGES)
    keep = torch.ones(9, dtype=torch.bool)
    for masks, message in [
        ({"nowhere": keep}, "unknown group of units"),
        ({"1": keep[:4]}, r"must have shape \(9,\), got \(4,\)"),
        ({"1": 2 * keep.int()}, "only 0 and 1"),
        ({"1": ~keep}, "keep at least one unit"),
    ]:
        with pytest.raises(InputError, match=message):
            use(net, units, masks)
    with pytest.raises(InputError, match="belong to another network"):
        use(made("residual"), units, {"1": keep})


def test_the_network_is_left_as_it_was(left_as_found):
    net = made("residual").train()
    before = left_as_found(net)
    units = unit_groups(net, IMAGES)
    with apply_unit_masks(net, units, {"inner": torch.tensor([True, False, True, True, True])}):
        pass
    assert left_as_found(net) == before


def test_norms_do_not_change_with_what_changes_nothing():
    net = made("residual")
    units = unit_groups(net, IMAGES)
    norms = unit_norms(net, units)
    made_by = net.inner_norm.weight.abs() * net.back.weight.square().sum((0, 2, 3)).sqrt()
    torch.testing.assert_close(norms["inner"], made_by.detach())
    with torch.no_grad():
        net.inner.weight.mul_(3)
    assert torch.equal(unit_norms(net, units)["inner"], norms["inner"])

    plain = nn.Sequential(nn.Linear(4, 6, bias=False), nn.ReLU(), nn.Linear(6, 2))
    before = unit_norms(plain, unit_groups(plain, ROWS))["0"]
    torch.testing.assert_close(before, (plain[0].weight.norm(dim=1) * plain[2].weight.norm(dim=0)).detach())
    with torch.no_grad():
        plain[0].weight.mul_(2)
        plain[2].weight.div_(2)
    torch.testing.assert_close(unit_norms(plain, unit_groups(plain, ROWS))["0"], before)


def test_layers_may_be_called_whatever_they_like():
    net = nn.Sequential()
    for name, layer in (("$\\x$ ", nn.Linear(4, 6)), ("for", nn.ReLU()), ('"', nn.Linear(6, 2))):
        net.add_module(name, layer)
    units = unit_groups(net, ROWS)
    assert units.widths == {"$\\x$ ": 6}
    assert compact(net, units, {"$\\x$ ": torch.arange(6) < 2})(ROWS).shape == (2, 2)
