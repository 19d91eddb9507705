"""The smaller network computes what the masked one computes, whatever is removed."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.core.units.networks import IMAGE, NETWORKS, made

from netopsy.core.masks import apply_masks
from netopsy.core.units import apply_unit_masks, compact, kept_parameters, unit_groups, weight_masks

INPUTS = torch.randn(3, *IMAGE, generator=torch.Generator().manual_seed(1))
FOUND = {name: unit_groups(made(name), INPUTS) for name in NETWORKS}


def drawn(units, seed):
    random = torch.Generator().manual_seed(seed)
    masks = {name: torch.rand(width, generator=random) < 0.6 for name, width in units.widths.items()}
    for mask in masks.values():
        mask[int(torch.randint(len(mask), (), generator=random))] = True
    return masks


@settings(max_examples=12)
@given(st.sampled_from(sorted(NETWORKS)), st.integers(0, 10**6))
def test_masked_and_smaller_networks_agree(name, seed):
    net, units = made(name), FOUND[name]
    masks = drawn(units, seed)
    smaller = compact(net, units, masks)
    with apply_unit_masks(net, units, masks):
        masked = net(INPUTS)
    torch.testing.assert_close(smaller(INPUTS), masked, atol=1e-6, rtol=1e-5)
    assert sum(each.numel() for each in smaller.parameters()) == kept_parameters(net, units, masks)
    with apply_masks(net, weight_masks(net, units, masks)):
        torch.testing.assert_close(net(INPUTS), masked, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_of_what_is_kept_agree(name):
    net, units = made(name), FOUND[name]
    masks = drawn(units, 3)
    smaller = compact(net, units, masks)
    smaller(INPUTS).square().sum().backward()
    with apply_unit_masks(net, units, masks):
        net(INPUTS).square().sum().backward()
    removed = units.removed(masks)
    for (key, ours), (_, theirs) in zip(net.named_parameters(), smaller.named_parameters(), strict=True):
        kept = ours.grad
        for dimension, size in enumerate(ours.shape):
            keep = torch.ones(size, dtype=torch.bool)
            keep[removed.get((key, dimension), torch.zeros(0, dtype=torch.int64))] = False
            kept = kept.index_select(dimension, keep.nonzero()[:, 0])
        torch.testing.assert_close(kept, theirs.grad, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_layer_but_the_output_has_units_that_can_go(name):
    units = FOUND[name]
    net = made(name)
    reached = {layer for group in units.groups.values() for layer in group.layers}
    makers = [
        key for key, each in net.named_modules() if hasattr(each, "out_channels") or hasattr(each, "out_features")
    ]
    assert set(makers) - reached == {makers[-1]}
    assert makers[-1] in units.left_out
    before = {key: value.clone() for key, value in net.state_dict().items()}
    smaller = compact(net, units, {key: torch.arange(width) < 1 for key, width in units.widths.items()})
    assert smaller(INPUTS).shape == net(INPUTS).shape
    assert all(torch.equal(value, before[key]) for key, value in net.state_dict().items())


def test_the_smaller_network_is_an_ordinary_one():
    net, units = made("squeezing"), FOUND["squeezing"]
    smaller = compact(net, units, drawn(units, 0))
    assert smaller.depthwise.groups == smaller.depthwise.in_channels == smaller.expand.out_channels < 8
    exported = torch.export.export(smaller, (INPUTS,)).module()
    torch.testing.assert_close(exported(INPUTS), smaller(INPUTS))
