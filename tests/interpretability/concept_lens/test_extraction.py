"""Factorisation and codes against scikit-learn, scipy and closed forms; measures of a bank; bad input."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.optimize import nnls
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF, PCA

from netopsy import InputError
from netopsy.interpretability.concept_lens import (
    ConceptExtractor,
    dictionary_stability,
    extraction_report,
    factorise,
    frechet_distance,
    instability,
    nmf,
    non_negative_codes,
    out_of_distribution,
    sparsity,
)
from netopsy.interpretability.concept_lens.factorise import leading_directions


def activations(rows=300, channels=20, parts=6, *, seed=0, noise=0.3, dtype=torch.float64):
    """Non-negative, a few patterns and noise, some of it cut off at 0."""
    random = torch.Generator().manual_seed(seed)
    codes = torch.rand(rows, parts, generator=random, dtype=torch.float64) ** 3
    bank = torch.rand(parts, channels, generator=random, dtype=torch.float64) ** 3
    return (codes @ bank + noise * torch.randn(rows, channels, generator=random, dtype=torch.float64)).relu().to(dtype)


def error(data, factors):
    return float((data - factors.codes @ factors.bank).norm())


@pytest.mark.parametrize("shape", [(300, 20, 6), (60, 80, 8), (2000, 12, 5)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_nmf_is_as_good_as_scikit_learns(shape, dtype, monkeypatch):
    monkeypatch.setattr(factorise, "_FIRST", 400)  # of more than twice as many rows, a part comes first
    data = activations(*shape, dtype=dtype)
    peer = NMF(shape[2], init="nndsvda", max_iter=500, tol=1e-5).fit(data.numpy())
    found = nmf(data, shape[2])
    assert found.codes.min() >= 0
    assert found.bank.min() >= 0
    assert error(data, found) <= 1.01 * peer.reconstruction_err_
    assert found.codes.dtype == dtype


def test_an_exact_factorisation_is_found():
    data = activations(noise=0.0)
    assert error(data, nmf(data, 6, max_iter=500, tol=1e-9)) < 1e-2 * float(data.norm())


def test_alpha_is_scaled_as_in_scikit_learn():
    data, alpha = activations(), 2e-3

    def objective(codes, bank):
        penalty = alpha * (data.shape[1] * (codes**2).sum() + data.shape[0] * (bank**2).sum())
        return float(((data - codes @ bank) ** 2).sum() + penalty) / 2

    peer = NMF(5, init="nndsvda", alpha_W=alpha, max_iter=2000, tol=1e-6)
    theirs = torch.from_numpy(peer.fit_transform(data.numpy()))
    found = nmf(data, 5, alpha=alpha, tol=1e-7, max_iter=2000)
    ours = objective(found.codes, found.bank)
    assert ours == pytest.approx(objective(theirs, torch.from_numpy(peer.components_)), rel=5e-3)
    coded = non_negative_codes(data, torch.from_numpy(peer.components_), alpha=alpha, tol=1e-8, max_iter=2000)
    torch.testing.assert_close(coded, torch.from_numpy(peer.transform(data.numpy())), atol=1e-3, rtol=1e-2)


@settings(max_examples=12, deadline=None)
@given(st.integers(5, 60), st.integers(3, 15), st.integers(1, 5), st.integers(0, 1000))
def test_svd_is_at_least_as_good_as_nmf_from_k_means_and_that_as_k_means(rows, channels, count, seed):
    """K-means is a feasible point of NMF, and NMF a feasible point of the singular value decomposition."""
    count = min(count, rows, channels)
    data = activations(rows, channels, seed=seed)
    clusters = ConceptExtractor("kmeans", count).fit(data)
    start = clusters.codes_, clusters.bank_.clamp(min=0)
    of_nmf = error(data, nmf(data, count, start=start))
    of_clusters = float((data - clusters.codes_ @ clusters.bank_).norm())
    principal = ConceptExtractor("pca", count).fit(data)
    of_svd = float((data - principal.decode(principal.codes_)).norm())
    assert of_svd <= of_nmf + 1e-9
    assert of_nmf <= of_clusters + 1e-9


def test_pca_is_numpys_svd_and_centred_scikit_learns():
    data = activations(50, 12)
    found = ConceptExtractor("pca", 4).fit(data)
    left, singular, right = np.linalg.svd(data.numpy(), full_matrices=False)
    torch.testing.assert_close(found.bank_ @ found.bank_.T, torch.eye(4, dtype=torch.float64))
    np.testing.assert_allclose(found.decode(found.codes_), (left[:, :4] * singular[:4]) @ right[:4], atol=1e-6)
    centred = ConceptExtractor("pca", 4, centre=True).fit(data)
    peer = PCA(4, svd_solver="full").fit(data.numpy())
    np.testing.assert_allclose(
        centred.decode(centred.encode(data)), peer.inverse_transform(peer.transform(data.numpy())), atol=1e-6
    )


def test_k_means_is_scikit_learns_and_its_codes_are_one_hot():
    data = activations()
    found = ConceptExtractor("kmeans", 5, random_state=3).fit(data)
    peer = KMeans(5, n_init=3, random_state=3).fit(data.numpy())
    np.testing.assert_allclose(found.bank_, peer.cluster_centers_)
    codes = found.encode(data)
    assert (codes.sum(1) == 1).all()
    np.testing.assert_array_equal(codes.argmax(1), peer.predict(data.numpy()))
    assert sparsity(codes) == pytest.approx(0.8)


@pytest.mark.parametrize("wide", [False, True])
def test_leading_directions_are_singular_vectors(wide):
    data = activations(30, 8)
    data = data.T.contiguous() if wide else data
    left, singular, right = leading_directions(data, 3)
    np.testing.assert_allclose(singular, np.linalg.svd(data.numpy())[1][:3], rtol=1e-8)
    torch.testing.assert_close(left @ data, singular[:, None] * right)


def test_codes_solve_non_negative_least_squares():
    data, bank = activations(40, 15, seed=1), activations(6, 15, seed=2)
    found = non_negative_codes(data - 0.1, bank, tol=1e-9, max_iter=5000)
    exact = np.stack([nnls(bank.numpy().T, row)[0] for row in (data - 0.1).numpy()])
    np.testing.assert_allclose(found, exact, atol=1e-5)


def test_codes_have_the_objective_of_scikit_learns_transform():
    data = activations(seed=4)
    peer = NMF(6, init="nndsvda", max_iter=500).fit(data.numpy())
    bank = torch.from_numpy(peer.components_)
    ours, theirs = non_negative_codes(data, bank), torch.from_numpy(peer.transform(data.numpy()))
    of_ours, of_theirs = (float(((data - codes @ bank) ** 2).sum()) for codes in (ours, theirs))
    assert of_ours <= of_theirs * (1 + 1e-4)


def test_codes_of_an_orthogonal_bank_come_back():
    bank = torch.zeros(3, 7, dtype=torch.float64)
    bank[0, :2], bank[1, 2:4], bank[2, 5] = 2.0, 0.5, 3.0
    codes = torch.rand(10, 3, dtype=torch.float64)
    codes[0] = 0
    torch.testing.assert_close(non_negative_codes(codes @ bank, bank), codes)


def test_a_dead_concept_has_no_codes_and_spoils_nothing():
    bank = torch.cat([torch.eye(2), torch.zeros(1, 2)])
    assert non_negative_codes(torch.tensor([[1.0, 2.0]]), bank).tolist() == [[1.0, 2.0, 0.0]]
    data = torch.zeros(10, 4)
    assert (nmf(data, 2).codes @ nmf(data, 2).bank == 0).all()


def test_codes_are_differentiable_in_the_activations():
    data, bank = activations(2, 8, seed=5), activations(3, 8, seed=6)

    def encode(x):
        return non_negative_codes(x, bank, tol=1e-12, max_iter=20000)

    assert (encode(data) == 0).any()  # or the test would not see the concepts that stay absent
    assert torch.autograd.gradcheck(encode, data.requires_grad_(), eps=1e-6, atol=1e-4)


def test_stability_is_blind_to_order_and_length_and_sees_the_rest():
    bank = torch.rand(5, 12, dtype=torch.float64)
    other = bank[torch.randperm(5)] * torch.rand(5, 1, dtype=torch.float64).add(0.1)
    assert dictionary_stability(bank, other) == pytest.approx(0, abs=1e-12)
    assert dictionary_stability(bank, -other) > 0.1
    assert dictionary_stability(bank, -other, signed=False) == pytest.approx(0, abs=1e-12)
    assert dictionary_stability(torch.eye(4)[:2], torch.eye(4)[2:]) == 1


def test_the_distance_of_known_gaussians():
    """Means (1, 2) and (1, 0), variances (4, 1) and (1, 9): 4 + (2 - 1)^2 + (1 - 3)^2 = 9."""
    corners = torch.tensor([[-1.0, -1], [-1, 1], [1, -1], [1, 1]], dtype=torch.float64) * (3 / 4) ** 0.5
    first = corners * torch.tensor([2.0, 1.0]) + torch.tensor([1.0, 2.0])
    second = corners * torch.tensor([1.0, 3.0]) + torch.tensor([1.0, 0.0])
    assert frechet_distance(first, second) == pytest.approx(9)


def test_the_distance_is_that_of_the_matrix_root():
    one, other = activations(50, 5), activations(40, 5, seed=1) + 0.2
    spreads = [np.cov(each.numpy().T) for each in (one, other)]
    root = sqrtm(spreads[0] @ spreads[1]).real
    expected = float(((one.mean(0) - other.mean(0)) ** 2).sum()) + np.trace(spreads[0] + spreads[1] - 2 * root)
    assert frechet_distance(one, other) == pytest.approx(expected)
    assert frechet_distance(one, one) == pytest.approx(0, abs=1e-9)


def test_rows_among_the_data_are_not_off_it_and_others_are():
    data = activations(400, 6)
    assert abs(out_of_distribution(data[:200], data[200:])) < 0.05
    assert out_of_distribution(data, data + 10) > 15


def test_the_report_says_what_was_measured():
    data = activations()
    weights = torch.randn(20, 3, dtype=torch.float64)
    extractor = ConceptExtractor("nmf", 6).fit(data)
    report = extraction_report(data, extractor, head=lambda rows: rows @ weights, splits=2)
    rebuilt = extractor.decode(extractor.encode(data))
    assert report["relative l2"] == pytest.approx(float((data - rebuilt).norm() / data.norm()))
    assert report["agreement"] == pytest.approx(
        float(((data @ weights).argmax(1) == (rebuilt @ weights).argmax(1)).float().mean())
    )
    assert 0 <= report["instability"] < 0.5
    assert set(report) == {"relative l2", "sparsity", "frechet", "ood", "agreement", "instability"}
    whole = extraction_report(data, ConceptExtractor("pca", 20).fit(data))
    assert whole["relative l2"] < 1e-6
    assert whole["frechet"] < 1e-6


def test_the_same_seed_gives_the_same_bank_and_no_global_state_is_touched():
    data = activations(9000, 12, 5, dtype=torch.float32)
    before = torch.random.get_rng_state()
    one, other = (ConceptExtractor(n_concepts=5, random_state=2).fit(data).bank_ for _ in range(2))
    assert torch.equal(one, other)
    assert torch.equal(before, torch.random.get_rng_state())
    assert instability(data, ConceptExtractor(n_concepts=3), splits=1) < 0.2


def test_half_precision_is_computed_in_single():
    assert ConceptExtractor(n_concepts=2).fit(activations().half()).bank_.dtype == torch.float32


def test_codes_keep_the_shape_of_the_places():
    found = ConceptExtractor(n_concepts=3).fit(activations())
    grid = activations(24, 20).reshape(2, 3, 4, 20)
    assert found.encode(grid).shape == (2, 3, 4, 3)
    assert found.decode(found.encode(grid)).shape == grid.shape


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ConceptExtractor("ica"), "unknown method 'ica'"),
        (lambda: ConceptExtractor("nmf", centre=True), "centre=True is for pca"),
        (lambda: ConceptExtractor("pca", alpha=0.1), "alpha is for nmf"),
        (lambda: ConceptExtractor(alpha=-1.0), "alpha must not be negative"),
        (lambda: ConceptExtractor(n_concepts=21).fit(activations()), "n_concepts must be an int from 1 to 20"),
        (lambda: ConceptExtractor(n_concepts=0).fit(activations()), "n_concepts must be an int from 1 to 20"),
        (lambda: ConceptExtractor(n_concepts=2).fit(activations() - 1), "must not be negative for NMF"),
        (lambda: ConceptExtractor(n_concepts=2).fit(activations() * torch.nan), "NaN or infinite"),
        (lambda: ConceptExtractor(n_concepts=2).fit(torch.ones(3)), r"activations must be \[rows, channels\]"),
        (lambda: ConceptExtractor(n_concepts=2).encode(activations()), "call fit first"),
        (lambda: ConceptExtractor(n_concepts=2).decode(activations()), "call fit first"),
        (lambda: ConceptExtractor(n_concepts=2).fit(activations()).encode(torch.ones(3, 4)), "must have 20 channels"),
        (lambda: nmf(activations(), 2, start=(torch.ones(3, 2), torch.ones(2, 20))), "start must be codes and bank"),
        (lambda: nmf(activations(), 2, max_iter=0), "max_iter must be at least 1"),
        (lambda: non_negative_codes(torch.ones(2, 3), torch.ones(2, 4)), "for this bank"),
        (lambda: dictionary_stability(torch.ones(2, 3), torch.ones(2, 4)), "banks must have one shape"),
        (lambda: frechet_distance(torch.ones(2, 3), torch.ones(2, 4)), "as many channels"),
        (lambda: frechet_distance(torch.ones(1, 3), torch.ones(2, 3)), "at least two rows"),
        (lambda: out_of_distribution(torch.ones(3, 3), torch.ones(2, 3)), "fewer than the real rows"),
        (lambda: instability(activations(), ConceptExtractor(), splits=0), "splits must be at least 1"),
    ],
)
def test_bad_input_is_named(make, words, unchecked):
    with pytest.raises(InputError, match=words):
        make()


def test_small_singular_values_are_right():
    random = torch.Generator().manual_seed(0)
    left, right = (torch.linalg.qr(torch.randn(n, 6, dtype=torch.double, generator=random)).Q for n in (200, 20))
    values = torch.logspace(0, -5, 6, dtype=torch.double)
    found = leading_directions(((left * values) @ right.T).float(), 6)[1]
    torch.testing.assert_close(found.double(), values, rtol=1e-3, atol=0)
