from itertools import islice

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netopsy import InputError
from netopsy.data.graphs import graph
from netopsy.graphs.graph_valuation import align_to_proxy, proxy_graph, relabelled, structural_disparity
from netopsy.graphs.graph_valuation.alignment import ETA, grampa


def asymmetric(seed, n=30):
    return nx.to_numpy_array(nx.gnp_random_graph(n, 0.35, seed=seed))


def renumbered(matrix, seed):
    order = np.random.default_rng(seed).permutation(len(matrix))
    return matrix[order][:, order], order


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 1000), st.sampled_from([30, 41]))
def test_other_numbers_change_nothing_but_the_numbers(seed, size):
    matrix = asymmetric(2 * seed + 1)
    other, _ = renumbered(matrix, seed)
    proxy = proxy_graph(size, seed=seed)
    here, there = align_to_proxy(matrix, proxy), align_to_proxy(other, proxy)
    assert (relabelled(matrix, here) != relabelled(other, there)).nnz == 0
    assert structural_disparity(matrix, other, proxy) < 1e-6


def test_weights_take_part():
    matrix = asymmetric(1) * 3
    matrix[0, 1] = matrix[1, 0] = 7
    other, _ = renumbered(matrix, 0)
    assert structural_disparity(matrix, other) < 1e-6


@pytest.mark.parametrize("unit", [1e-30, 0.5, 2.0, 1e30])
def test_the_unit_of_weights_does_not_matter(unit):
    matrix = asymmetric(1)
    other, _ = renumbered(unit * matrix, 0)
    share = structural_disparity(matrix, other, normalised=True)
    assert share == pytest.approx((1 - unit**-0.5) ** 2 / (1 + 1 / unit), abs=1e-9)


def test_only_weights_tell_the_nodes_of_a_ring_apart():
    ring = nx.to_numpy_array(nx.cycle_graph(9))
    ring *= np.add.outer(np.arange(9.0), np.arange(9.0) ** 2) + np.add.outer(np.arange(9.0) ** 2, np.arange(9.0)) + 1
    other, _ = renumbered(ring, 3)
    proxy = proxy_graph(9, 0.5)
    here, there = align_to_proxy(ring, proxy), align_to_proxy(other, proxy)
    np.testing.assert_allclose(relabelled(ring, here).toarray(), relabelled(other, there).toarray())


def test_similarity_is_the_sum_over_all_pairs_of_eigenvectors():
    matrix, proxy = asymmetric(3, 8), proxy_graph(8, 0.5).toarray()
    values, vectors = np.linalg.eigh(matrix / np.sqrt(matrix.sum() / 8))
    values_q, vectors_q = np.linalg.eigh(proxy / np.sqrt(proxy.sum() / 8))
    expected = np.zeros((8, 8))
    for i in range(8):
        for j in range(8):
            weight = vectors[:, i].sum() * vectors_q[:, j].sum() / ((values[i] - values_q[j]) ** 2 + ETA**2)
            expected += weight * np.outer(vectors[:, i], vectors_q[:, j])
    np.testing.assert_allclose(grampa(matrix, proxy, 8), expected, atol=1e-9)


def test_a_graph_is_its_own_best_stand_in():
    matrix = asymmetric(5)
    np.testing.assert_array_equal(align_to_proxy(matrix, matrix), np.arange(30))


def test_seeing_both_is_closer_than_being_blind():
    network = nx.gnp_random_graph(40, 0.2, seed=4)
    changed = nx.double_edge_swap(network.copy(), 8, 1000, seed=0)
    other, _ = renumbered(nx.to_numpy_array(changed), 1)
    blind = structural_disparity(network, other)
    assert structural_disparity(network, other, blind=False) < blind
    assert structural_disparity(network, other, blind=False, seed=3) == structural_disparity(
        network, other, blind=False, seed=3
    )


def test_graphs_of_different_sizes():
    karate = graph("karate")
    found = align_to_proxy(karate, proxy_graph(50))
    assert sorted(found) == list(range(50))
    moved = relabelled(karate, found)
    assert moved.shape == (50, 50)
    assert (moved[found[:34]][:, found[:34]] != karate.adjacency).nnz == 0
    assert structural_disparity(karate, nx.les_miserables_graph()) > 0
    assert len(align_to_proxy(nx.les_miserables_graph(), proxy_graph(10), matcher="faq")) == 77


def test_a_matcher_of_ones_own():
    matrix = asymmetric(6)
    other, order = renumbered(matrix, 2)

    with pytest.raises(InputError, match="places must be a permutation of 0 to 29"):
        align_to_proxy(matrix, proxy_graph(30), matcher=lambda A, proxy: np.zeros(30, int))
    same = structural_disparity(matrix, matrix, matcher=lambda A, proxy: np.arange(30))
    assert same == pytest.approx(0, abs=1e-9)
    assert structural_disparity(matrix, other, matcher=lambda A, proxy: np.arange(30)) > 0.1
    found = structural_disparity(
        matrix, other, matcher=lambda A, proxy: np.arange(30) if np.array_equal(A, matrix) else order
    )
    assert found == pytest.approx(0, abs=1e-9)


def test_graphs_without_edges():
    assert structural_disparity(nx.empty_graph(4), nx.empty_graph(6)) == 0
    assert structural_disparity(nx.empty_graph(1), nx.empty_graph(1)) == 0
    assert structural_disparity(nx.path_graph(4), nx.empty_graph(4), normalised=True) == pytest.approx(1)


def test_no_two_nodes_of_a_proxy_look_alike():
    # At first 0.1 gives many leaves of one neighbour, which can be exchanged.
    for seed in range(20):
        network = nx.from_scipy_sparse_array(proxy_graph(30, 0.1, seed=seed))
        same = nx.isomorphism.GraphMatcher(network, network).isomorphisms_iter()
        assert len(list(islice(same, 2))) == 1
    assert proxy_graph(3, seed=0).shape == (3, 3)


def test_proxies_are_public():
    assert (proxy_graph(30, seed=2) != proxy_graph(30, seed=2)).nnz == 0
    assert (proxy_graph(30, seed=2) != proxy_graph(30, seed=3)).nnz > 0
    degrees = proxy_graph(200, 0.3).sum(0)
    assert degrees.mean() == pytest.approx(60, abs=2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: proxy_graph(0), "size must be a whole number of at least 1"),
        (lambda: proxy_graph(5, 1.0), "p must lie between 0 and 1"),
        (lambda: proxy_graph(5, seed=-1), "seed must be a non-negative int"),
        (lambda: align_to_proxy(nx.DiGraph([(0, 1)]), proxy_graph(3)), "A must be undirected"),
        (lambda: align_to_proxy(nx.path_graph(3), "proxy"), "proxy must be"),
        (lambda: align_to_proxy(nx.path_graph(3), proxy_graph(2)), "at least as many nodes as A, 3, .* got 2"),
        (lambda: align_to_proxy(nx.path_graph(3), proxy_graph(3), matcher="gramp"), "unknown matcher 'gramp'"),
        (lambda: relabelled(nx.path_graph(3), np.arange(2)), "places must be at least 3"),
        (lambda: relabelled(nx.path_graph(3), np.array([0, 0, 1])), "permutation of 0 to 2"),
        (lambda: structural_disparity(nx.path_graph(3), np.array([[0, -1], [-1, 0]])), "As must not have negative"),
        (
            lambda: structural_disparity(nx.path_graph(3), nx.path_graph(3), blind=False, matcher="nonsense"),
            "matcher is for the blind alignment",
        ),
        (
            lambda: structural_disparity(nx.path_graph(3), nx.path_graph(3), proxy_graph(3), blind=False),
            "proxy must not be given where blind is False",
        ),
    ],
)
def test_bad_input(call, message, unchecked):
    with pytest.raises(InputError, match=message):
        call()
