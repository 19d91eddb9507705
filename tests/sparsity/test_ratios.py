"""Layer-wise ratios against known answers, random masks against what chance allows, N:M masks by hand."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from torch import nn

from netopsy import InputError
from netopsy.core.masks import prunable_parameters
from netopsy.models import resnet
from netopsy.sparsity.n_m import n_m_masks, semi_structured
from netopsy.sparsity.ratios import METHODS, layer_densities, random_masks

LENET = {"fc1": (300, 784), "fc2": (100, 300), "output": (10, 100)}
SMALL = {"conv1": (8, 1, 3, 3), "conv2": (16, 8, 3, 3), "output": (10, 16)}
PLUS = {"conv1": (8, 3, 3, 3), "conv2": (16, 8, 3, 3), "conv3": (16, 16, 3, 3), "output": (10, 16)}


def kept(shapes, densities):
    return sum(densities[name] * math.prod(shape) for name, shape in shapes.items())


def total(shapes):
    return sum(math.prod(shape) for shape in shapes.values())


@pytest.mark.parametrize(
    ("shapes", "density", "method", "wanted"),
    [
        (LENET, 0.1, "erk", (0.079568, 0.230189, 1)),
        (LENET, 0.05, "erk", (0.038484, 0.111334, 0.918507)),
        (LENET, 0.3, "erk", (0.244915, 0.708535, 1)),
        (LENET, 0.1, "er", (0.079568, 0.230189, 1)),
        (SMALL, 0.3, "erk", (1, 0.159598, 0.995893)),
        (SMALL, 0.3, "er", (1, 0.265909, 0.230455)),
        (PLUS, 0.15, "uniform+", (1, 0.0945602, 0.0945602, 0.2)),
        (LENET, 0.1, "uniform", (0.1, 0.1, 0.1)),
    ],
)
def test_known_answers(shapes, density, method, wanted):
    found = layer_densities(shapes, density, method)
    assert list(found) == list(shapes)
    assert list(found.values()) == pytest.approx(wanted, abs=1e-6)
    assert kept(shapes, found) == pytest.approx(density * total(shapes), rel=1e-9)


def test_resnet_20_as_published():
    shapes = {name: tuple(w.shape) for name, w in prunable_parameters(resnet(20, shortcut="conv")).items()}
    assert total(shapes) == 270_896
    found = layer_densities(shapes, 0.05)
    assert found["stem.conv.weight"] == pytest.approx(0.474768, abs=1e-6)
    assert found["output.weight"] == pytest.approx(0.948587, abs=1e-6)
    by_shape = {shapes[name]: share for name, share in found.items()}
    assert by_shape[16, 16, 3, 3] == pytest.approx(0.135309, abs=1e-6)
    assert by_shape[64, 64, 3, 3] == pytest.approx(0.029821, abs=1e-6)
    assert by_shape[16, 16, 3, 3] / ((16 + 16 + 6) / (16 * 16 * 9)) == pytest.approx(8.203998, abs=1e-5)


layers = st.lists(
    st.one_of(
        st.tuples(*[st.integers(1, 40)] * 2), st.tuples(*[st.integers(1, 20)] * 2, st.integers(1, 5), st.integers(1, 5))
    ),
    min_size=1,
    max_size=6,
)


@given(layers, st.floats(0.01, 1.0), st.sampled_from(METHODS), st.floats(0.0, 2.0))
def test_every_method_keeps_the_budget_or_says_that_it_cannot(found, density, method, power):
    shapes = {f"layer{number}": shape for number, shape in enumerate(found)}
    try:
        shares = layer_densities(shapes, density, method, power=power)
    except InputError:
        if method in ("uniform+", "erk+"):  # the others give no layer a share of its own
            return
        raise
    assert all(0 <= share <= 1 + 1e-12 for share in shares.values())
    assert abs(kept(shapes, shares) - density * total(shapes)) < 1e-9 * total(shapes)


@given(layers, st.sampled_from(METHODS))
def test_a_full_budget_is_a_dense_network(found, method):
    shapes = {f"layer{number}": shape for number, shape in enumerate(found)}
    assert list(layer_densities(shapes, 1, method).values()) == pytest.approx([1.0] * len(shapes), abs=1e-9)


@pytest.mark.parametrize("method", ["er", "erk", "uniform"])
def test_layers_of_one_shape_share_evenly(method):
    assert layer_densities({"a": (7, 5, 3, 3), "b": (7, 5, 3, 3)}, 0.2, method) == pytest.approx({"a": 0.2, "b": 0.2})


def test_layers_named_dense_count_within_the_budget():
    found = layer_densities(LENET, 0.3, "erk", dense=["fc2"])
    assert found["fc2"] == 1
    assert kept(LENET, found) == pytest.approx(0.3 * total(LENET))
    assert (
        layer_densities(LENET, 0.3, "uniform", dense=["fc2"])["fc1"]
        == layer_densities(LENET, 0.3, "erk", power=0, dense=["fc2"])["fc1"]
    )


def test_erk_plus_fixes_the_last_layer():
    found = layer_densities(SMALL, 0.5, "erk+", fc_density=0.25)
    others = {name: shape for name, shape in SMALL.items() if name != "output"}
    rest = (0.5 * total(SMALL) - 0.25 * 160) / total(others)
    assert found == pytest.approx({**layer_densities(others, rest), "output": 0.25})


def test_masks_have_exact_counts_or_binomial_ones():
    shares = layer_densities(SMALL, 0.3)
    exact, loose = random_masks(SMALL, shares, seed=1), random_masks(SMALL, shares, seed=1, exact=False)
    for name, shape in SMALL.items():
        assert tuple(exact[name].shape) == shape
        assert exact[name].dtype == torch.bool
        assert int(exact[name].sum()) == round(shares[name] * math.prod(shape))
    counts = [int(random_masks({"w": (30, 30)}, {"w": 0.2}, seed=s, exact=False)["w"].sum()) for s in range(200)]
    assert torch.tensor(counts).float().mean() == pytest.approx(180, abs=4 * 12 / 200**0.5)
    assert torch.tensor(counts).float().std() == pytest.approx(12, rel=0.25)
    assert loose["conv1"].all()


@pytest.mark.parametrize("exact", [True, False])
def test_every_position_is_as_likely_as_any_other(exact):
    counts = sum(random_masks({"w": (5, 6)}, {"w": 0.3}, seed=s, exact=exact)["w"].double() for s in range(300))
    spread = (counts - 90).square().sum().item() / (90 * 0.7)
    # The counts of an exact mask add up, which takes one degree of freedom and raises the covariance by 30 / 29.
    law = stats.chi2(29, scale=30 / 29) if exact else stats.chi2(30)
    assert 1e-3 < law.cdf(spread) < 1 - 1e-3


def test_masks_of_different_seeds_and_layers_overlap_as_chance_has_it():
    shapes = {"a": (200, 100), "b": (200, 100)}
    first, second = (random_masks(shapes, {"a": 0.3, "b": 0.3}, seed=s) for s in (1, 2))
    for one, other in ((first["a"], second["a"]), (first["a"], first["b"])):
        assert float((one & other).double().mean()) == pytest.approx(0.09, abs=0.005)
    again = random_masks({"b": (200, 100)}, {"b": 0.3}, seed=1)["b"]
    assert torch.equal(first["b"], again)  # what other layers there are does not matter
    drawn = random_masks(shapes, {"a": 0.3, "b": 0.3}, seed=torch.Generator().manual_seed(3))
    assert int(drawn["a"].sum()) == 6000


@given(st.integers(1, 300), st.floats(0, 1), st.integers(0, 5))
@settings(max_examples=40)
def test_a_layer_keeps_its_least(side, share, least):
    for exact in (True, False):
        mask = random_masks({"w": (side, 5)}, {"w": share}, seed=0, exact=exact, min_per_layer=least)["w"]
        assert int(mask.sum()) >= least
        assert not exact or int(mask.sum()) == max(least, round(share * 5 * side))


def test_n_of_m_by_hand():
    values = torch.tensor([[1.0, 4.0, 2.0, 3.0, 0.0, 0.0, 0.0, 9.0]])
    assert n_m_masks({"w": values})["w"].int().tolist() == [[0, 1, 0, 1, 0, 0, 1, 1]]
    assert n_m_masks({"w": values}, 1, 8)["w"].int().tolist() == [[0, 0, 0, 0, 0, 0, 0, 1]]
    assert n_m_masks({"w": values}, 4, 4)["w"].all()
    kernels = torch.arange(64.0).view(2, 8, 2, 2)
    mask = n_m_masks({"w": kernels})["w"]
    assert mask[:, [2, 3, 6, 7]].all()
    assert int(mask.sum()) == 32
    random = torch.rand(6, 12, 3, 3, generator=torch.Generator().manual_seed(0))
    found = n_m_masks({"w": random}, 1, 3)["w"]
    groups = random.view(6, 4, 3, 3, 3)
    assert torch.equal(found.view(6, 4, 3, 3, 3), groups == groups.amax(2, keepdim=True))


def test_the_semi_structured_form_computes_the_same_or_says_why_not():
    model = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 64))
    masks = n_m_masks({name: w.detach().abs() for name, w in prunable_parameters(model).items()})
    if not torch.cuda.is_available():
        with pytest.raises(InputError, match="layer '0' cannot take torch's semi-structured form here"):
            semi_structured(model, masks)
        return
    model = model.half().cuda()
    inputs = torch.rand(128, 128, device="cuda", dtype=torch.float16)
    from netopsy.core.masks import zero_masked

    found = semi_structured(model, masks)(inputs)
    torch.testing.assert_close(found, zero_masked(model, masks)(inputs), atol=1e-2, rtol=1e-2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layer_densities(SMALL, 0.0), r"density must be in \(0, 1\], got 0"),
        (lambda: layer_densities(SMALL, 1.5), "density must be"),
        (lambda: layer_densities(SMALL, 0.3, "erkk"), "unknown method 'erkk'"),
        (lambda: layer_densities(SMALL, 0.3, dense=["fc"]), "unknown layer in dense 'fc'"),
        (lambda: layer_densities(SMALL, 0.3, power=-1.0), "power must be"),
        (lambda: layer_densities(SMALL, 0.3, "erk+", fc_density=0.0), "fc_density must be"),
        (lambda: layer_densities(SMALL, 0.05, "uniform+"), "conv1 alone keep 104.0 of them"),
        (lambda: layer_densities(SMALL, 0.3, dense=["conv2"]), "conv2 alone keep 1,152.0"),
        (lambda: layer_densities(SMALL, 0.99, "erk+", fc_density=0.1), "cannot be reached"),
        (lambda: layer_densities({}, 0.3), "shapes is empty"),
        (lambda: layer_densities({"w": (3, 0)}, 0.3), r"none of them empty, got \(3, 0\)"),
        (lambda: layer_densities({"w": (3,)}, 0.3), "two sides or more"),
        (lambda: random_masks(SMALL, {"conv1": 0.5}, seed=0), "no entry for 'conv2'"),
        (lambda: random_masks({"w": (2, 2)}, {"w": 0.5, "v": 1.0}, seed=0), "in densities 'v'"),
        (lambda: random_masks({"w": (2, 2)}, {"w": 1.5}, seed=0), r"densities\['w'\] must be in \[0, 1\]"),
        (lambda: random_masks({"w": (2, 2)}, {"w": 0.5}, seed=0, min_per_layer=5), "has 4 weights, fewer than"),
        (lambda: random_masks({"w": (2, 2)}, {"w": 0.5}, seed=0, min_per_layer=-1), "must not be negative"),
        (lambda: n_m_masks({"w": torch.rand(3, 6)}), "a second side that m=4 divides"),
        (lambda: n_m_masks({"w": torch.rand(8)}), "a second side"),
        (lambda: n_m_masks({"w": torch.rand(4, 4)}, 5, 4), "0 < n <= m"),
        (lambda: n_m_masks({}), "scores is empty"),
        (lambda: semi_structured(nn.Conv2d(4, 4, 1), {"weight": torch.ones(4, 4, 1, 1)}), "no weight of a linear"),
        (lambda: semi_structured(nn.Linear(4, 4), {"weight": torch.ones(4, 4)}), "at most two of every four"),
    ],
)
def test_bad_input(call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call()
