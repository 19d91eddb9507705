import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from netopsy import InputError
from netopsy.data.graphs import graph
from netopsy.graphs.graphlet_orbits import KEYS, embed, gopmi, orbit_adjacency, random_walk_pmi
from netopsy.graphs.graphlet_orbits import embeddings as module


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 15), st.integers(0, 1000))
def test_gopmi_is_the_formula_entry_by_entry(n, seed):
    counts = np.random.default_rng(seed).poisson(0.7, (n, n))
    counts[0] = 0  # a row without anything is no division by zero
    found = gopmi(sparse.csr_array(counts))
    assert np.isfinite(found.data).all()
    assert (found.data > 0).all()
    for i in range(n):
        for j in range(n):
            expected = 0.0
            if counts[i, j]:
                expected = max(0.0, np.log(counts[i, j] * counts.sum() / (counts[i].sum() * counts[:, j].sum())))
            assert found[i, j] == pytest.approx(expected, abs=1e-12)


def test_gopmi_of_independent_orbits_is_nothing():
    assert abs(gopmi(np.outer([1, 2, 3], [2, 5, 1]))).max() < 1e-12
    assert gopmi(np.zeros((3, 3))).nnz == 0


def test_gopmi_of_a_mixed_key_is_the_transpose_of_the_other():
    karate = graph("karate")
    one, other = (gopmi(orbit_adjacency(karate, key)) for key in ((1, 6, 7), (1, 7, 6)))
    assert abs(one - other.T).max() < 1e-12


@pytest.mark.parametrize("window", [1, 2, 5])
def test_random_walk_pmi_is_what_its_powers_say(window, monkeypatch):
    monkeypatch.setattr(module, "_BLOCK", 100)
    network = nx.barabasi_albert_graph(30, 2, seed=0)
    network.add_node(30)  # without an edge
    A = nx.to_numpy_array(network)
    degrees = A.sum(1)
    inverse = np.diag([1 / degree if degree else 0 for degree in degrees])
    total = sum(np.linalg.matrix_power(inverse @ A, r) for r in range(1, window + 1)) @ inverse
    expected = np.log(np.maximum(total * degrees.sum() / window, 1))
    found = random_walk_pmi(network, window).toarray()
    assert np.allclose(found, expected)
    assert np.allclose(found, found.T)
    assert not found[30].any()


def test_of_one_step_both_measures_agree():
    """Edges are what walks of one step see, so with them neither has more to say than the other."""
    karate = graph("karate")
    assert abs(gopmi(orbit_adjacency(karate, (1, 0, 0))) - random_walk_pmi(karate, 1)).max() < 1e-12


def test_long_windows_forget_where_the_walk_began():
    network = nx.gnp_random_graph(30, 0.5, seed=1)
    assert random_walk_pmi(network, 200).max() < 0.1 < random_walk_pmi(network, 1).max()


@pytest.mark.parametrize("dim", [3, 30])
def test_features_are_the_best_of_their_rank(dim):
    """U sqrt(S) and V sqrt(S) multiply to the nearest matrix of the rank; both ways of computing agree."""
    P = random_walk_pmi(nx.barabasi_albert_graph(60, 3, seed=2), 3)
    features = embed(P, dim, both=True)
    assert features.shape == (60, 2 * dim)
    left, values, right = np.linalg.svd(P.toarray())
    best = left[:, :dim] * values[:dim] @ right[:dim]
    assert np.allclose(features[:, :dim] @ features[:, dim:].T, best, atol=1e-8)
    assert np.array_equal(embed(P, dim), features[:, :dim])
    assert (features[:, :dim].max(0) >= -features[:, :dim].min(0)).all()


def test_features_do_not_depend_on_the_seed_or_the_way():
    P = gopmi(orbit_adjacency(graph("karate"), (3, 4, 4)))
    assert np.allclose(np.abs(embed(P, 4, seed=0)), np.abs(embed(P, 4, seed=5)), atol=1e-6)
    assert np.array_equal(embed(P, 4), embed(P, 4))
    assert np.allclose(np.abs(embed(P, 4)), np.abs(embed(P, 33)[:, :4]), atol=1e-6)


def test_more_dimensions_than_nodes_are_cut_and_nothing_embeds_as_zeros():
    assert embed(np.eye(5)).shape == (5, 4)
    assert embed(np.eye(2), 1).shape == (2, 1)
    assert not embed(np.zeros((600, 600))).any()


@pytest.mark.parametrize(
    ("network", "roles"),
    [
        (nx.petersen_graph(), [0] * 10),
        (nx.wheel_graph(9), [0] + [1] * 8),
        (nx.ladder_graph(4), [0, 1, 1, 0] * 2),
    ],
)
def test_nodes_of_one_role_get_features_of_one_length(network, roles):
    """A symmetry of the graph turns the features: nodes it exchanges have rows of one norm, others need not."""
    roles, apart = np.array(roles), 0
    for key in KEYS:
        P = gopmi(orbit_adjacency(network, key))
        values = np.linalg.svd(P.toarray(), compute_uv=False)
        # Between equal singular values there is no telling which of their vectors is taken.
        for dim in np.flatnonzero(values[:-1] - values[1:] > 1e-6) + 1:
            norms = np.linalg.norm(embed(P, int(dim)), axis=1)
            means = np.array([norms[roles == role].mean() for role in np.unique(roles)])
            assert np.allclose(norms, means[roles], atol=1e-7)
            apart += np.ptp(means) > 1e-3
    assert (apart > 0) == (roles.max() > 0)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: gopmi(np.ones((2, 3))), "O must be square"),
        (lambda: gopmi(np.array([[0.0, -1.0], [1.0, 0.0]])), "negative"),
        (lambda: gopmi(np.array([[0.0, np.nan], [1.0, 0.0]])), "finite"),
        (lambda: random_walk_pmi(nx.path_graph(3), 0), "window"),
        (lambda: random_walk_pmi(nx.path_graph(3), 1.5), "window"),
        (lambda: random_walk_pmi(np.ones((2, 3)), 1), "square"),
        (lambda: embed(np.ones((2, 3))), "P must be square"),
        (lambda: embed(np.ones((1, 1))), "two nodes"),
        (lambda: embed(np.eye(3), 0), "dim"),
        (lambda: embed(np.full((3, 3), np.inf)), "finite"),
        (lambda: embed(np.eye(3), seed=-1), "seed"),
    ],
)
def test_bad_input_is_named(call, said, unchecked):
    with pytest.raises(InputError, match=said):
        call()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.ones(3), "O must be a matrix, got an array of shape"),
        (None, "O must be a matrix"),
        (np.array([["a", "b"], ["b", "a"]]), "O must hold real numbers"),
        (np.full((3, 3), 1j), "O must hold real numbers, got complex128"),
    ],
)
def test_what_is_no_matrix_of_counts_is_named(given, said):
    with pytest.raises(InputError, match=said):
        gopmi(given)
    with pytest.raises(InputError, match=said.replace("O must", "P must")):
        embed(given)
