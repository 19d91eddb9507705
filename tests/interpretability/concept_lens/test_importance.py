"""Importances and fidelity against closed forms, brute force and scipy."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from netopsy import InputError
from netopsy.interpretability.concept_lens import (
    c_deletion,
    c_insertion,
    c_mu_fidelity,
    concept_importance,
    deletion_curve,
    importance,
    insertion_curve,
    sobol_total,
)
from netopsy.interpretability.concept_lens.sobol import sobol_points

GRADIENTS = ["sa", "gi", "ig", "sg", "sq", "vg", "tc"]
ALL = [*GRADIENTS, "oc", "ri", "sb", "hs"]


def codes(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def affine(concepts, seed=1):
    random = torch.Generator().manual_seed(seed)
    weights = torch.randn(concepts, generator=random, dtype=torch.float64)
    return weights, lambda u: (u @ weights).flatten(1).sum(1) + 0.7 if u.ndim > 2 else u @ weights + 0.7


def smooth(u):
    """Not affine, and every concept and place matters differently."""
    u = u if u.ndim == 2 else (u * torch.arange(1, u.shape[1] + 1)[:, None]).sum(1)
    scale = torch.arange(1, u.shape[-1] + 1, dtype=u.dtype)
    return torch.sin(u * scale).sum(1) + u[:, 0] * u[:, 1] ** 2


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 5), st.integers(2, 7), st.integers(0, 4), st.integers(0, 1000))
def test_an_affine_head_has_closed_forms(batch, concepts, places, seed):
    u = codes(batch, places, concepts, seed=seed) if places else codes(batch, concepts, seed=seed)
    weights, function = affine(concepts, seed + 1)
    own = (u * weights).sum(1) if places else u * weights
    for method in ("gi", "ig", "oc"):
        torch.testing.assert_close(concept_importance(function, u, method), own, atol=1e-12, rtol=1e-12)
    torch.testing.assert_close(concept_importance(function, u, "ri"), own / 2, atol=1e-12, rtol=1e-12)
    factor = max(places, 1)
    signs = weights.expand(batch, -1)
    torch.testing.assert_close(concept_importance(function, u, "sa"), factor * signs.abs())
    torch.testing.assert_close(concept_importance(function, u, "sg"), factor * signs)
    torch.testing.assert_close(concept_importance(function, u, "sq"), factor * signs**2)
    torch.testing.assert_close(concept_importance(function, u, "vg"), 0 * signs, atol=1e-12, rtol=0)
    assert torch.equal(concept_importance(function, u, "tc"), (signs > 0).double())
    for method in ALL:
        if method not in ("sb", "hs"):
            quick = concept_importance(function, u, method, affine=True)
            torch.testing.assert_close(quick, concept_importance(function, u, method), atol=1e-9, rtol=1e-9)


def test_the_sobol_index_of_an_affine_head_is_the_share_of_the_square():
    u = codes(3, 4)
    weights, function = affine(4)
    own = (u * weights) ** 2
    exact = own / own.sum(1, keepdim=True)
    torch.testing.assert_close(concept_importance(function, u, "sb", affine=True), exact)
    torch.testing.assert_close(concept_importance(function, u, "sb", points=4096), exact, atol=5e-3, rtol=0)


def test_total_indices_of_the_ishigami_function():
    def ishigami(x):
        angle = (2 * x - 1) * math.pi
        return angle[:, 0].sin() * (1 + 0.1 * angle[:, 2] ** 4) + 7 * angle[:, 1].sin() ** 2

    found = sobol_total(ishigami, 3, n=2**13)
    torch.testing.assert_close(found, torch.tensor([0.5576, 0.4424, 0.2437], dtype=torch.float64), atol=5e-3, rtol=0)


def test_total_indices_are_scipys_on_the_same_points():
    """scipy takes the variance over A and B together; apart from that factor the estimators are one."""
    n, dim = 64, 3
    points = sobol_points(dim, n, scramble=False, seed=0)
    first = points[0]
    second = torch.stack([points[number + 1, :, number] for number in range(dim)], 1)

    def value(x):
        return (x[:, 0] * 3 + x[:, 1] * x[:, 2]).sin()

    values = {"f_A": value(first), "f_B": value(second), "f_AB": torch.stack([value(each) for each in points[1:]])}
    given = {name: each.numpy().reshape((dim, 1, n) if name == "f_AB" else (1, n)) for name, each in values.items()}
    theirs = stats.sobol_indices(func=given, n=n).total_order
    both = np.concatenate([given["f_A"], given["f_B"]], axis=1).var()
    ours = sobol_total(value, dim, n=n) * given["f_A"].var() / both
    np.testing.assert_allclose(ours, theirs.reshape(-1), rtol=1e-10)


def test_a_function_that_does_not_vary_has_no_indices():
    assert (sobol_total(lambda x: torch.ones(len(x)), 2) == 0).all()


def test_several_functions_at_once():
    both = sobol_total(lambda x: torch.stack([x[:, 0], x[:, 0] + 2 * x[:, 1]], 1), 2)
    one = sobol_total(lambda x: x[:, 0] + 2 * x[:, 1], 2)
    torch.testing.assert_close(both[1], one)


@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 3)], ids=str)
def test_scores_against_plain_loops(shape):
    u = codes(*shape)
    concepts = shape[-1]
    gradient = torch.autograd.functional.jacobian(lambda x: smooth(x).sum(), u)
    places = tuple(range(1, len(shape) - 1))
    total = (lambda x: x.sum(places)) if places else (lambda x: x)
    torch.testing.assert_close(concept_importance(smooth, u, "gi"), total(u * gradient))
    torch.testing.assert_close(concept_importance(smooth, u, "sa"), total(gradient.abs()))
    largest = (u * gradient).abs().flatten(1, -2).amax(1) if places else u * gradient
    torch.testing.assert_close(concept_importance(smooth, u, "gi", reduce="max_abs"), largest)

    def without(index, value):
        changed = value.clone()
        changed[..., index] = 0
        return changed

    expected = torch.stack([smooth(u) - smooth(without(index, u)) for index in range(concepts)], 1)
    torch.testing.assert_close(concept_importance(smooth, u, "oc"), expected)
    subsets = torch.tensor(list(itertools.product([0.0, 1.0], repeat=concepts)), dtype=torch.float64)
    values = torch.stack([smooth(u * mask) for mask in subsets], 1)
    rise = torch.stack([values[:, subsets[:, i] == 1].mean(1) - values.mean(1) for i in range(concepts)], 1)
    torch.testing.assert_close(concept_importance(smooth, u, "ri"), rise)


def test_integrated_gradients_add_up_to_the_difference_from_nothing():
    u = codes(5, 2, 3)
    total = concept_importance(smooth, u, "ig", steps=300).sum(1)
    torch.testing.assert_close(total, smooth(u) - smooth(torch.zeros_like(u)), atol=1e-3, rtol=0)


def test_noisy_gradients_are_those_of_the_noise():
    """F = u^3: the gradient under noise of size s has mean 3 (u^2 + s^2) for the range 1."""
    u = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    found = concept_importance(lambda x: (x**3).sum(1), u, "sg", samples=200_000, batch_size=400_000)
    torch.testing.assert_close(found, 3 * (u**2 + 0.04), atol=0.02, rtol=0)
    square = concept_importance(lambda x: (x**3).sum(1), u, "sq")
    mean = concept_importance(lambda x: (x**3).sum(1), u, "sg")
    torch.testing.assert_close(concept_importance(lambda x: (x**3).sum(1), u, "vg"), square - mean**2)


def test_rise_of_many_concepts_comes_near_its_expectation():
    u = codes(2, 14)
    weights, function = affine(14)
    found = concept_importance(function, u, "ri", masks=20000)
    torch.testing.assert_close(found, u * weights / 2, atol=0.05, rtol=0)
    again = concept_importance(function, u, "ri", masks=50, seed=1)
    torch.testing.assert_close(again, concept_importance(function, u, "ri", masks=50, seed=1, batch_size=7))


def test_dependence_is_hsic_and_ranks_concepts_that_matter():
    u = torch.ones(1, 3, dtype=torch.float64)

    def function(x):
        return 5 * x[:, 0] + x[:, 1]

    found = concept_importance(function, u, "hs")[0]
    masks = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    scores = masks @ np.array([5.0, 1.0, 0.0])
    apart = (scores[:, None] - scores) ** 2
    kernel = np.exp(-apart / (2 * np.percentile(apart[apart > 0], 50, method="lower")))
    centring = np.eye(8) - 1 / 8
    for index in range(3):
        same = (masks[:, None, index] == masks[:, index]).astype(float)
        assert float(found[index]) == pytest.approx(np.trace(same @ centring @ kernel @ centring) / 64)
    assert found[0] > found[1] > found[2]


def test_dependence_of_a_batch_is_that_of_each_image(monkeypatch):
    u = torch.rand(7, 4, generator=torch.Generator().manual_seed(0))
    u[3] = 0  # nothing that could make a difference

    def function(x):
        return torch.sin(3 * x[:, 0]) + x[:, 1] * x[:, 2]

    found = concept_importance(function, u, "hs")
    torch.testing.assert_close(found, torch.cat([concept_importance(function, some, "hs") for some in u.split(1)]))
    assert (found[3] == 0).all()
    monkeypatch.setattr(importance, "_NUMBERS", 2 * 16**2)
    torch.testing.assert_close(found, concept_importance(function, u, "hs"))


def best_of_all_orders(function, u):
    concepts = u.shape[1]
    low, high = [], []
    for order in itertools.permutations(range(concepts)):
        phi = torch.zeros_like(u)
        phi[:, list(order)] = torch.arange(concepts, 0, -1, dtype=u.dtype)
        low.append(c_deletion(function, u, phi))
        high.append(c_insertion(function, u, phi))
    return torch.stack(low).amin(0), torch.stack(high).amax(0)


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 5), st.integers(0, 1000))
def test_affine_scores_reach_the_best_of_all_orders(concepts, seed):
    u = codes(4, concepts, seed=seed)
    _, function = affine(concepts, seed + 1)
    low, high = best_of_all_orders(function, u)
    for method in ("gi", "ig", "oc", "ri"):
        phi = concept_importance(function, u, method)
        torch.testing.assert_close(c_deletion(function, u, phi), low)
        torch.testing.assert_close(c_insertion(function, u, phi), high)
        if concepts > 2:
            torch.testing.assert_close(c_mu_fidelity(function, u, phi), torch.ones(4, dtype=torch.float64))


def test_the_gradient_alone_can_miss_the_best_order():
    u = torch.tensor([[0.1, 10.0, 1.0]], dtype=torch.float64)
    weights = torch.tensor([5.0, 1.0, -2.0], dtype=torch.float64)

    def function(x):
        return x @ weights

    low, _ = best_of_all_orders(function, u)
    assert c_deletion(function, u, concept_importance(function, u, "sa")) > low + 1
    squared = concept_importance(function, u, "sb", affine=True)
    assert squared[0, 2] > 0 > concept_importance(function, u, "gi")[0, 2]  # the sign is lost


def test_curves_take_concepts_in_the_order_of_importance():
    u = torch.tensor([[1.0, 10.0, 100.0]])
    phi = torch.tensor([[0.5, 0.9, 0.1]])
    assert deletion_curve(lambda x: x.sum(1), u, phi).tolist() == [[111, 101, 100, 0]]
    assert insertion_curve(lambda x: x.sum(1), u, phi).tolist() == [[0, 10, 11, 111]]
    places = u[:, None].repeat(1, 2, 1)
    assert deletion_curve(lambda x: x.sum((1, 2)), places, phi).tolist() == [[222, 202, 200, 0]]


def test_mu_fidelity_is_numpys_correlation_and_nan_where_nothing_varies():
    u, phi = codes(3, 10), codes(3, 10, seed=2)
    found = c_mu_fidelity(smooth, u, phi, draws=50, seed=4)
    order = torch.rand(50, 10, generator=torch.Generator().manual_seed(4)).argsort(1)[:, :2]
    for image in range(3):
        sums, drops = [], []
        for pair in order.tolist():
            changed = u[image].clone()
            changed[pair] = 0
            sums.append(float(phi[image, pair].sum()))
            drops.append(float(smooth(u[image][None]) - smooth(changed[None])))
        assert float(found[image]) == pytest.approx(np.corrcoef(sums, drops)[0, 1])
    assert c_mu_fidelity(smooth, u, torch.ones_like(phi)).isnan().all()


@pytest.mark.parametrize("method", ALL)
def test_batches_change_nothing_and_nothing_is_left_behind(method):
    u = codes(5, 2, 4)
    whole = concept_importance(smooth, u, method, batch_size=100_000)
    torch.testing.assert_close(concept_importance(smooth, u, method, batch_size=3), whole)
    assert whole.shape == (5, 4)
    assert not whole.requires_grad
    assert u.grad is None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda u: concept_importance(smooth, u, "lime"), "unknown method 'lime'"),
        (lambda u: concept_importance(smooth, u, reduce="mean"), "unknown reduce 'mean'"),
        (lambda u: concept_importance(smooth, u * torch.nan), "u holds NaN"),
        (lambda u: concept_importance(smooth, u[0]), "u must be float codes"),
        (lambda u: concept_importance(lambda x: x, u), "F must return one number a row"),
        (lambda u: concept_importance(lambda x: x.sum(1) / 0, u, "oc"), "F returned NaN or infinite"),
        (lambda u: concept_importance(lambda x: x.detach().sum(1), u), "does not depend on the codes"),
        (lambda u: concept_importance(smooth, u, "ig", steps=0), "steps must be an int of at least 1"),
        (lambda u: concept_importance(smooth, u, "ri", masks=1), "masks must be at least 2"),
        (lambda u: concept_importance(smooth, u, "sg", sigma=-1.0), "sigma must not be negative"),
        (lambda u: c_deletion(smooth, u, u[:, :2]), "phi must be one importance a concept"),
        (lambda u: c_insertion(smooth, u, u * torch.inf), "phi holds NaN"),
        (lambda u: c_mu_fidelity(smooth, u, u, share=1.0), "share must lie strictly between"),
        (lambda u: c_mu_fidelity(smooth, u, u, draws=2), "draws must be at least 3"),
        (lambda u: sobol_total(lambda x: x.sum(1), 0), "dim must be an int"),
        (lambda u: sobol_total(lambda x: x.sum(1), 2, n=1), "n must be an int"),
        (lambda u: sobol_total(lambda x: x.sum(), 2), "function must return one entry a point"),
    ],
)
def test_bad_input_is_named(make, words, unchecked):
    with pytest.raises(InputError, match=words):
        make(codes(2, 3))
