import math

import networkx as nx
import numpy as np
import ot
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netopsy import InputError
from netopsy.data.graphs import graph
from netopsy.graphs.graph_valuation import graph_wasserstein, laplacian, smooth_root
from netopsy.graphs.graph_valuation.wasserstein import between, jackknife_error, shared_noise

KARATE = graph("karate")


def distance(first, second, **options):
    return graph_wasserstein(laplacian(first), laplacian(second), **options)


def connected(seed, n=12):
    network = nx.gnp_random_graph(n, 0.35, seed=seed)
    return nx.compose(network, nx.path_graph(n))


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (nx.complete_graph(4), nx.cycle_graph(4), 2 * (1 / 2 - 1 / math.sqrt(2)) ** 2),
        (nx.path_graph(3), nx.complete_graph(3), (1 / math.sqrt(3) - 1) ** 2),
        (KARATE, nx.complete_graph(34), 8.0488035),
        (nx.cycle_graph(6), 2 * nx.to_numpy_array(nx.cycle_graph(6)), 0.2502104),
        (KARATE, KARATE, 0.0),
        (nx.empty_graph(5), nx.empty_graph(5), 0.0),
        (nx.empty_graph(1), nx.empty_graph(1), 0.0),
    ],
)
def test_known_distances(first, second, expected):
    assert distance(first, second) == pytest.approx(expected, abs=1e-6)
    assert distance(second, first) == pytest.approx(expected, abs=1e-6)


def test_the_trace_of_the_karate_club():
    assert smooth_root(laplacian(KARATE)).trace == pytest.approx(13.8314172, abs=1e-7)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000))
def test_complete_graphs_against_any_connected_one(seed):
    network = connected(seed)
    values = np.linalg.eigvalsh(nx.laplacian_matrix(network).toarray().astype(float))[1:]
    n = len(network)
    expected = ((n**-0.5 - values**-0.5) ** 2).sum()
    assert distance(nx.complete_graph(n), network) == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.floats(0.1, 10))
def test_a_graph_against_itself_with_other_weights(seed, factor):
    matrix = nx.to_numpy_array(connected(seed))
    trace = smooth_root(laplacian(matrix)).trace
    expected = (1 - factor**-0.5) ** 2 * trace
    assert distance(matrix, factor * matrix) == pytest.approx(expected, abs=1e-9 * trace)


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000))
def test_equals_the_matrix_formula_and_ignores_a_common_numbering(seed):
    first, second = (nx.to_numpy_array(connected(seed + turn)) for turn in (0, 5000))
    inverse = [np.linalg.pinv(laplacian(matrix).toarray()) for matrix in (first, second)]
    values, vectors = np.linalg.eigh(inverse[0])
    root = vectors * np.sqrt(values.clip(min=0)) @ vectors.T
    product = np.linalg.eigvalsh(root @ inverse[1] @ root).clip(min=0)
    expected = np.trace(inverse[0] + inverse[1]) - 2 * np.sqrt(product).sum()
    found = distance(first, second)
    assert found == pytest.approx(expected, abs=1e-6)
    order = np.random.default_rng(seed).permutation(len(first))
    assert distance(first[order][:, order], second[order][:, order]) == pytest.approx(found, abs=1e-9)
    assert distance(first, second, squared=False) == pytest.approx(math.sqrt(found))
    assert distance(first, second, normalised=True) == pytest.approx(found / np.trace(inverse[0] + inverse[1]))


def test_equals_pot_on_covariances_made_regular():
    first, second = (nx.to_numpy_array(connected(seed, 30)) for seed in (1, 2))
    eye = 1e-5 * np.eye(30)
    covariances = [np.linalg.pinv(laplacian(matrix).toarray()) + eye for matrix in (first, second)]
    theirs = ot.gaussian.bures_wasserstein_distance(np.zeros(30), np.zeros(30), *covariances)
    assert distance(first, second, squared=False) == pytest.approx(float(theirs), rel=1e-3)


def test_a_smaller_graph_is_given_isolated_nodes():
    small, large = nx.path_graph(3), nx.cycle_graph(5)
    padded = nx.Graph(small)
    padded.add_nodes_from([3, 4])
    assert distance(small, large) == pytest.approx(distance(padded, large), abs=1e-12)
    assert distance(small, padded) == 0


def test_a_component_more_adds_what_varies_between_its_parts():
    together, apart = nx.path_graph(4), nx.Graph([(0, 1), (2, 3)])
    assert distance(together, apart) == pytest.approx(1.5)
    assert len(smooth_root(laplacian(apart)).scales) == 2


def test_the_smoothest_directions_and_the_bound_on_the_rest():
    network = nx.barabasi_albert_graph(300, 3, seed=0)
    whole, part = smooth_root(laplacian(network)), smooth_root(laplacian(network), rank=40)
    np.testing.assert_allclose(part.scales, whole.scales[:40], rtol=1e-8)
    left_out = whole.trace - part.trace
    assert left_out <= part.left_out
    other = laplacian(nx.barabasi_albert_graph(300, 3, seed=1))
    exact = graph_wasserstein(laplacian(network), other, squared=False)
    few = graph_wasserstein(laplacian(network), other, squared=False, rank=40)
    assert abs(exact - few) <= math.sqrt(part.left_out) + math.sqrt(smooth_root(other, rank=40).left_out)
    assert smooth_root(laplacian(network), rank=1000).left_out == 0


def test_two_components_are_found_among_the_smoothest_directions():
    two = nx.disjoint_union(nx.path_graph(40), nx.cycle_graph(50))
    whole, part = smooth_root(laplacian(two)), smooth_root(laplacian(two), rank=5)
    np.testing.assert_allclose(part.scales, whole.scales[:5], rtol=1e-8)
    assert len(whole.scales) == 88


def test_the_bound_is_so_many_directions_of_the_last_variance_kept():
    part = smooth_root(laplacian(nx.barabasi_albert_graph(300, 3, seed=0)), rank=40)
    assert part.left_out == pytest.approx((299 - 40) * part.scales[-1] ** 2)


@pytest.mark.parametrize("unit", [1e-30, 1e-12, 1e12, 1e30])
def test_the_unit_of_weights_does_not_matter(unit):
    matrix = nx.to_numpy_array(connected(3))
    small, plain = smooth_root(laplacian(unit * matrix)), smooth_root(laplacian(matrix))
    np.testing.assert_allclose(small.scales, plain.scales * unit**-0.5, rtol=1e-6)


def test_links_that_rounding_loses_are_named():
    matrix = nx.to_numpy_array(nx.path_graph(4))
    matrix[1, 2] = matrix[2, 1] = 1e-17
    for rank in (None, 1):
        with pytest.raises(InputError, match="weights of so different sizes"):
            smooth_root(laplacian(matrix), rank=rank)


def test_the_jackknife_is_that_of_eight_groups():
    first, second = (np.random.default_rng(seed).normal(size=(10, 16)) for seed in (0, 1))
    left = [np.arange(16) % 8 != group for group in range(8)]
    values = np.array([between(first[:, kept], second[:, kept])[0] * 16 / 14 for kept in left])
    expected = np.sqrt(7 / 8 * ((values - values.mean()) ** 2).sum())
    assert jackknife_error(first, second) == pytest.approx(expected)


def test_tensors_are_laplacians_too():
    matrix = torch.tensor([[1.0, -1.0], [-1.0, 1.0]], requires_grad=True)
    assert smooth_root(matrix).scales == pytest.approx([0.5**0.5])


def test_weak_edges_are_no_gaps():
    matrix = nx.to_numpy_array(nx.path_graph(4))
    matrix[1, 2] = matrix[2, 1] = 1e-6
    assert len(smooth_root(laplacian(matrix)).scales) == 3


def test_signals_have_the_covariance_and_estimate_the_distance():
    first, second = (smooth_root(laplacian(nx.barabasi_albert_graph(60, 3, seed=seed))) for seed in (0, 1))
    noise = shared_noise(60, 200_000, 0)
    made = first.signals(noise)
    np.testing.assert_allclose(made @ made.T, first.factor @ first.factor.T, atol=0.01)
    exact = between(first.factor, second.factor)[0]
    errors, told = [], []
    for seed in range(20):
        pair = [root.signals(shared_noise(60, 64, seed)) for root in (first, second)]
        errors.append(between(*pair)[0] - exact)
        told.append(jackknife_error(*pair))
    assert abs(np.mean(errors)) < 0.05 * exact
    assert np.mean(told) == pytest.approx(np.std(errors), rel=0.5)


def test_noise_does_not_depend_on_how_many_nodes_there_are():
    np.testing.assert_array_equal(shared_noise(5, 8, 3), shared_noise(9, 8, 3)[:5])


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.zeros((2, 3)), "square Laplacian"),
        (np.zeros((0, 0)), "at least one node"),
        (np.array([[1.0, -1.0], [-1.0, np.nan]]), "finite"),
        (np.array([[1.0, 1.0], [1.0, 1.0]]), "no entry is positive"),
        (np.array([[1.0, -1.0], [-2.0, 2.0]]), "symmetric"),
        (np.array([[2.0, -1.0], [-1.0, 2.0]]), "rows must add up to 0"),
        ("graph", "square Laplacian"),
        (np.array([[1j, 0], [0, 1j]]), "real numbers"),
        (np.array([["a", "b"], ["c", "d"]]), "real numbers"),
    ],
)
def test_what_is_no_laplacian(matrix, message, unchecked):
    with pytest.raises(InputError, match=f"L2 must .*{message}"):
        graph_wasserstein(laplacian(nx.path_graph(2)), matrix)


@pytest.mark.parametrize("rank", [0, -1, 1.5, True])
def test_a_rank_must_be_a_whole_number(rank, unchecked):
    with pytest.raises(InputError, match="rank must be a whole number of at least 1"):
        smooth_root(laplacian(nx.path_graph(3)), rank=rank)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.array([[0, 1], [0, 0]]), "undirected"),
        (np.array([[0, -1], [-1, 0]]), "negative"),
        (np.array([[0, np.nan], [np.nan, 0]]), "finite"),
        (np.eye(2), "itself"),
    ],
)
def test_what_has_no_laplacian(given, message):
    with pytest.raises(InputError, match=message):
        laplacian(given)
