import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune
from torch.nn.utils import prune as torch_prune

from netopsy import InputError
from netopsy.core.masks import density, prunable_parameters
from netopsy.models import lenet_300_100, mlp
from netopsy.sparsity.comparison.redrawing import redraw
from netopsy.sparsity.lottery_ticket import layer_rates, magnitude_masks, reinitialise, shuffle_masks

LENET_COUNTS = {
    1: (188160, 24000, 900),
    3: (120422, 15360, 729),
    7: (49325, 6291, 478),
    15: (8275, 1056, 206),
}


def draw(shapes, seed, ties=False):
    random = torch.Generator().manual_seed(seed)
    values = {f"w{i}": torch.randn(shape, generator=random) for i, shape in enumerate(shapes)}
    return {name: value.mul(3).round() for name, value in values.items()} if ties else values


shapes = st.lists(st.lists(st.integers(1, 6), min_size=1, max_size=3), min_size=1, max_size=4)
rates = st.floats(0.01, 0.99)


def test_lenet_keeps_the_numbers_of_the_paper():
    weights = {name: w.detach() for name, w in prunable_parameters(lenet_300_100()).items()}
    rates = layer_rates(list(weights), 0.2, output="output.weight")
    masks = None
    for r in range(1, 16):
        masks = magnitude_masks(weights, masks, rates)
        if r in LENET_COUNTS:
            assert tuple(int(mask.sum()) for mask in masks.values()) == LENET_COUNTS[r]
    assert density(masks) == pytest.approx(0.03583, abs=5e-6)


def test_a_three_by_four_layer_by_hand_and_as_torch_prunes_it():
    layer = nn.Linear(4, 3, bias=False)
    with torch.no_grad():
        signs = torch.tensor([1.0, -1.0] * 6)
        layer.weight.copy_((torch.randperm(12) + 1.0).mul(signs).view(3, 4))
    weights = {"weight": layer.weight.detach().clone()}
    once = magnitude_masks(weights, rate=0.25)
    twice = magnitude_masks(weights, once, rate=0.25)
    assert int(once["weight"].sum()) == 9
    assert torch.equal(twice["weight"], weights["weight"].abs() >= 6)
    prune.l1_unstructured(layer, "weight", 0.25)
    assert torch.equal(layer.weight_mask.bool(), once["weight"])
    prune.l1_unstructured(layer, "weight", 0.25)
    assert torch.equal(layer.weight_mask.bool(), twice["weight"])


@settings(max_examples=40)
@given(shapes, st.integers(0, 2**31), rates, st.booleans())
def test_global_masks_equal_a_stable_argsort_over_all_weights(shapes, seed, rate, ties):
    weights = draw(shapes, seed, ties)
    pooled = np.concatenate([value.numpy().ravel() for value in weights.values()])
    keep = np.ones(pooled.size, bool)
    keep[np.argsort(np.abs(pooled), kind="stable")[: round(rate * pooled.size)]] = False
    ours = magnitude_masks(weights, rate=rate, scope="global", allow_empty=True)
    assert np.array_equal(np.concatenate([mask.numpy().ravel() for mask in ours.values()]), keep)


@settings(max_examples=40)
@given(shapes, st.integers(0, 2**31), rates, st.sampled_from(["layer", "global"]), st.booleans())
def test_masks_nest_and_counts_are_exact(shapes, seed, rate, scope, ties):
    weights = draw(shapes, seed, ties)
    masks = None
    for _ in range(3):
        new = magnitude_masks(weights, masks, rate, scope, allow_empty=True)
        alive = {name: int(masks[name].sum()) if masks else weights[name].numel() for name in weights}
        if scope == "layer":
            assert all(int(new[name].sum()) == alive[name] - round(rate * alive[name]) for name in new)
        else:
            total = sum(alive.values())
            assert sum(int(mask.sum()) for mask in new.values()) == total - round(rate * total)
        if masks:
            assert all((new[name] <= masks[name]).all() for name in new)
        for name, value in weights.items():
            pruned = value.abs()[(masks[name] if masks else torch.ones_like(new[name])) & ~new[name]]
            if scope == "layer" and len(pruned) and new[name].any():
                assert pruned.max() <= value.abs()[new[name]].min()
        masks = new


@given(st.integers(0, 2**31), st.floats(1e-3, 1e3))
def test_scaling_a_layer_changes_no_layer_wise_mask(seed, factor):
    weights = draw([[5, 7], [9]], seed)
    scaled = {**weights, "w0": weights["w0"] * factor}
    before, after = magnitude_masks(weights, rate=0.3), magnitude_masks(scaled, rate=0.3)
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_scaling_a_layer_changes_global_masks():
    weights = draw([[20, 20], [20, 20]], 0)
    before = magnitude_masks(weights, rate=0.3, scope="global")
    after = magnitude_masks({**weights, "w0": weights["w0"] * 10}, rate=0.3, scope="global")
    assert after["w0"].sum() > before["w0"].sum()


def test_the_last_weight_of_a_layer_is_kept_with_a_warning_unless_allowed():
    weights = {"small": torch.tensor([0.1, -0.2]), "large": torch.full((8,), 5.0)}
    with pytest.warns(UserWarning, match="'small' without a weight"):
        kept = magnitude_masks(weights, rate=0.25, scope="global")
    assert kept["small"].tolist() == [False, True]
    assert not magnitude_masks(weights, rate=0.25, scope="global", allow_empty=True)["small"].any()


def test_pruned_weights_stay_pruned_however_large_they_are():
    weights = {"w": torch.arange(10.0)}
    masks = {"w": torch.tensor([True] * 5 + [False] * 5)}
    assert magnitude_masks(weights, masks, rate=0.2)["w"].tolist() == [False] + [True] * 4 + [False] * 5


def test_shuffled_masks_keep_the_density_of_every_layer():
    masks = magnitude_masks(draw([[30, 20], [50]], 1), rate=0.7)
    first, second = shuffle_masks(masks, seed=1), shuffle_masks(masks, seed=2)
    for name, mask in masks.items():
        assert first[name].sum() == mask.sum()
        assert not torch.equal(first[name], mask)
        assert not torch.equal(first[name], second[name])
    assert all(torch.equal(first[name], shuffle_masks(masks, seed=1)[name]) for name in masks)


def test_reinitialised_networks_share_the_distribution_but_not_the_weights():
    net = mlp([64, 300, 10], seed=0)
    masks = magnitude_masks({n: w.detach() for n, w in prunable_parameters(net).items()}, rate=0.5)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    fresh = reinitialise(net, masks, init="glorot_normal", seed=1)
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert (fresh.fc1.weight[~masks["fc1.weight"]] == 0).all()
    kept = fresh.fc1.weight[masks["fc1.weight"]]
    assert not torch.isclose(kept, net.fc1.weight[masks["fc1.weight"]]).any()
    assert kept.std().item() == pytest.approx((2 / 364) ** 0.5, rel=0.05)

    pruned = nn.Sequential(nn.Linear(4, 3))
    torch_prune.random_unstructured(pruned[0], "weight", 0.5)
    assert not torch.equal(reinitialise(pruned, init=redraw, seed=1)[0].weight_orig, pruned[0].weight_orig)

    random = torch.random.get_rng_state()
    custom = reinitialise(net, init=lambda m: nn.init.constant_(m.output.weight, 2.0), seed=1)
    assert (custom.output.weight == 2).all()
    assert torch.equal(random, torch.random.get_rng_state())


W = {"w": torch.ones(4), "v": torch.ones(2, 2)}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: magnitude_masks(W, rate=0.0), "rate must be strictly between 0 and 1, got 0.0"),
        (lambda: magnitude_masks(W, rate=1.0), "rate must be strictly between"),
        (lambda: magnitude_masks(W, rate={"w": 1.5}), r"rate\['w'\] must be"),
        (lambda: magnitude_masks(W, rate={"x": 0.5}), "unknown layer in rate 'x'"),
        (lambda: magnitude_masks(W, rate={"w": 0.5}, scope="global"), "goes with scope='layer'"),
        (lambda: magnitude_masks(W, scope="all"), "scope must be"),
        (lambda: magnitude_masks({}), "weights is empty"),
        (lambda: magnitude_masks({"w": torch.tensor([torch.nan])}), "NaN or infinite"),
        (lambda: magnitude_masks(W, {"w": torch.ones(4)}), "no entry for 'v'"),
        (lambda: magnitude_masks(W, {"w": torch.ones(3), "v": torch.ones(2, 2)}), r"must have shape \(4,\)"),
        (lambda: magnitude_masks(W, {"w": torch.full((4,), 0.5), "v": torch.ones(2, 2)}), "only 0 and 1"),
        (lambda: magnitude_masks(W, {**{k: torch.ones_like(v) for k, v in W.items()}, "z": W["w"]}), "in masks 'z'"),
        (lambda: layer_rates(["a"], 0.2, output="b"), "unknown output layer 'b'"),
        (lambda: layer_rates(["a"], 0.2, output="a", output_factor=0.0), "output_rate_factor"),
        (lambda: shuffle_masks({}, seed=0), "masks is empty"),
        (lambda: reinitialise(mlp([4, 2]), init="glorot", seed=0), "unknown initialisation scheme 'glorot'"),
    ],
)
def test_bad_input(call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call()
