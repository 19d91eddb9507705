import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from tests.graphs.graphlet_orbits.oracles import by_enumeration, by_products, copies

from netopsy import InputError
from netopsy.core.progress import reporting
from netopsy.data.graphs import graph
from netopsy.graphs.graphlet_orbits import (
    EDGE_KEYS,
    GRAPHLETS,
    KEYS,
    ORBITS,
    UNSEEN,
    edge_graphlet_degree_vectors,
    graphlet_adjacency,
    graphlet_counts,
    graphlet_degree_vectors,
    keys_of_graphlet,
    orbit_adjacencies,
    orbit_adjacency,
    walk_decomposition,
)
from netopsy.graphs.graphlet_orbits import sweep as sweeping
from netopsy.graphs.graphlet_orbits.network import Network


@st.composite
def small_graphs(draw):
    n = draw(st.integers(2, 14))
    pairs = n * (n - 1) // 2
    bits = draw(st.lists(st.booleans(), min_size=pairs, max_size=pairs).filter(any))
    A = np.zeros((n, n), dtype=int)
    A[np.triu_indices(n, 1)] = bits
    return A + A.T


def all_of(A, **options):
    return {key: matrix.toarray() for key, matrix in orbit_adjacencies(np.asarray(A), **options)}


def networks():
    return [*_networks()]


def _networks():
    yield "sparse", nx.gnp_random_graph(200, 0.02, seed=0)
    yield "dense", nx.gnp_random_graph(60, 0.6, seed=1)
    yield "hubs", nx.barabasi_albert_graph(300, 5, seed=2)
    yield "small world", nx.watts_strogatz_graph(200, 8, 0.1, seed=3)
    yield "bipartite", nx.complete_bipartite_graph(9, 7)
    yield "in parts", nx.disjoint_union(nx.empty_graph(5), nx.caveman_graph(6, 6))


@settings(max_examples=40, deadline=None)
@given(small_graphs())
def test_every_matrix_is_what_enumeration_gives(A):
    expected = by_enumeration(A)
    assert set(expected) <= set(KEYS)
    for key, matrix in all_of(A).items():
        assert np.array_equal(matrix, expected.get(key, np.zeros_like(A))), key


@pytest.mark.parametrize(("name", "network"), networks())
@pytest.mark.parametrize("threads", [1, 3])
def test_every_matrix_is_what_sparse_products_give(name, network, threads, monkeypatch):
    monkeypatch.setattr(sweeping, "BLOCK", 1 << 10)  # so that there are many blocks
    adjacency = nx.to_scipy_sparse_array(network, dtype=int)
    expected = by_products(adjacency)
    assert set(expected) == set(KEYS)
    for key, matrix in orbit_adjacencies(adjacency, threads=threads):
        assert (matrix != expected[key]).nnz == 0, key
        assert matrix.has_sorted_indices
        assert sparse.csr_array((matrix.data, matrix.indices, matrix.indptr), matrix.shape).has_canonical_format
        assert (matrix.data > 0).all()
        assert matrix.dtype == np.int32


def test_sums_of_the_karate_club_are_known():
    sums = {key: int(matrix.sum()) for key, matrix in orbit_adjacencies(graph("karate"))}
    assert sums[1, 0, 0] == 156
    assert sums[1, 1, 2] == 786
    assert sums[2, 6, 6] == 6588
    assert sums[1, 10, 10] == 904
    assert sums[2, 12, 12] == 170
    assert sums[3, 4, 4] == 1362
    assert sums[1, 14, 14] == 132
    counted = graphlet_counts(graph("karate"))
    assert list(counted) == list(GRAPHLETS)
    assert list(counted.values()) == [78, 393, 45, 681, 1098, 36, 452, 85, 11]


def test_named_graphs_have_known_sums():
    petersen = {key: matrix.sum() for key, matrix in all_of(nx.to_numpy_array(nx.petersen_graph())).items()}
    assert (petersen[2, 1, 1], petersen[3, 4, 4], petersen[2, 6, 6], petersen[1, 3, 3]) == (60, 120, 60, 0)
    complete = {key: matrix.sum() for key, matrix in all_of(1 - np.eye(5)).items()}
    assert {key: total for key, total in complete.items() if total} == {(1, 0, 0): 20, (1, 3, 3): 60, (1, 14, 14): 60}
    split = {key: matrix.sum() for key, matrix in all_of(nx.to_numpy_array(nx.complete_bipartite_graph(2, 3))).items()}
    assert (split[1, 8, 8], split[2, 8, 8], split[2, 6, 6]) == (24, 12, 12)
    cycle = {key: matrix.sum() for key, matrix in all_of(nx.to_numpy_array(nx.cycle_graph(6))).items()}
    paths = [key for number in (0, 1, 3) for key in keys_of_graphlet(number)]
    assert {key: total for key, total in cycle.items() if total} == dict.fromkeys(paths, 12)


@settings(max_examples=25, deadline=None)
@given(st.integers(5, 40), st.floats(0.05, 0.9), st.integers(0, 1000))
def test_matrices_follow_the_nodes_and_mixed_ones_are_transposes(n, p, seed):
    A = nx.to_numpy_array(nx.gnp_random_graph(n, p, seed=seed))
    A[0, 1] = A[1, 0] = 1
    order = np.random.default_rng(seed).permutation(n)
    before, after = all_of(A), all_of(A[order][:, order])
    for hop, one, two in KEYS:
        assert np.array_equal(after[hop, one, two], before[hop, one, two][order][:, order])
        assert np.array_equal(before[hop, two, one], before[hop, one, two].T)
    for hop in (2, 3):
        beyond = sum(matrix for key, matrix in before.items() if key[0] == hop)
        assert not (beyond * (A + np.eye(n))).any()


def test_a_matrix_alone_is_the_same_as_among_others():
    A = nx.gnp_random_graph(40, 0.2, seed=4)
    together = dict(orbit_adjacencies(A))
    assert tuple(together) == KEYS
    for key, matrix in together.items():
        assert (orbit_adjacency(A, key) != matrix).nnz == 0
    assert [key for key, _ in orbit_adjacencies(A, [(3, 4, 4), (1, 0, 0)])] == [(3, 4, 4), (1, 0, 0)]


def test_any_form_of_a_graph_will_do():
    network = nx.gnp_random_graph(20, 0.3, seed=5)
    expected = orbit_adjacency(network, (3, 4, 4))
    edges = torch.tensor(list(network.edges)).T
    for form in (nx.to_numpy_array(network), nx.to_scipy_sparse_array(network), edges):
        assert (orbit_adjacency(form, (3, 4, 4)) != expected).nnz == 0


def test_a_matrix_is_the_callers_own():
    found = list(orbit_adjacencies(graph("karate"), [(2, 1, 1), (2, 1, 1), (2, 12, 12), (2, 8, 8)]))
    before = found[1][1].copy()
    found[0][1].data[:] = 0
    found[2][1].data[:] = 0
    assert (found[1][1] != before).nnz == 0
    matrices = orbit_adjacencies(graph("karate"), [(2, 1, 1), (2, 8, 8)])
    next(matrices)[1].data[:] = 0
    assert next(matrices)[1].sum() == orbit_adjacency(graph("karate"), (2, 8, 8)).sum()


def test_large_counts_do_not_overflow():
    """A star whose hub has degree d has d (d - 1) (d - 2) / 6 claws; the squares of its degree need 64 bits."""
    d = 50_000
    star = np.stack([np.zeros(d, dtype=np.int64), np.arange(1, d + 1)])
    vectors = graphlet_degree_vectors(torch.from_numpy(star))
    assert vectors[0, 7] == d * (d - 1) * (d - 2) // 6
    assert vectors[1, 6] == (d - 1) * (d - 2) // 2
    leaves = orbit_adjacency(torch.from_numpy(star), (1, 6, 7))
    assert leaves.dtype == np.int64
    assert leaves.max() == (d - 1) * (d - 2) // 2


def test_64_bit_rows_are_the_same(monkeypatch):
    A = nx.gnp_random_graph(50, 0.2, seed=6)
    narrow = dict(orbit_adjacencies(A))
    monkeypatch.setattr(Network, "values_type", np.int64)
    for key, matrix in orbit_adjacencies(A):
        assert matrix.dtype == np.int64
        assert (matrix != narrow[key]).nnz == 0


def test_without_memory_for_the_bound_rows_are_counted_first(monkeypatch):
    A = nx.gnp_random_graph(50, 0.2, seed=7)
    expected = orbit_adjacency(A, (3, 4, 4))
    room, refused = sweeping._room, []

    def narrow(entries, kind):
        if not refused:
            refused.append(entries)
            raise MemoryError
        return room(entries, kind)

    network = Network.of(A, 1)
    _ = network.paths, network.diamonds
    monkeypatch.setattr(sweeping, "_room", narrow)
    from netopsy.graphs.graphlet_orbits.matrices import _matrix

    found = _matrix(network, (3, 4, 4))
    assert refused
    assert (found != expected).nnz == 0


def test_a_kernel_that_fails_stops_all_threads():
    def broken(first, last, indices, values, counts):
        if first > 0:
            raise ValueError("no row")
        return 0

    with pytest.raises(ValueError, match="no row"):
        sweeping.sweep(broken, (), np.full(8, sweeping.BLOCK), np.int32, 2)


@settings(max_examples=30, deadline=None)
@given(small_graphs())
def test_degree_vectors_count_copies(A):
    nodes, edges = np.zeros((len(A), 15), dtype=int), {}
    for members, orbits in copies(A):
        nodes[list(members), orbits] += 1
        if len(members) > 2:
            for (u, on_u), (v, on_v) in permutations_of_edges(A, members, orbits):
                kind = EDGE_KEYS.index((1, min(on_u, on_v), max(on_u, on_v)))
                edges.setdefault((u, v), np.zeros(12, dtype=int))[kind] += 1
    assert np.array_equal(graphlet_degree_vectors(A), nodes)
    pairs = [(u, v) for u in range(len(A)) for v in range(u + 1, len(A)) if A[u, v]]
    expected = np.array([edges.get(pair, np.zeros(12, dtype=int)) for pair in pairs])
    assert np.array_equal(edge_graphlet_degree_vectors(A), expected)


def permutations_of_edges(A, members, orbits):
    pairs = list(zip(members, orbits, strict=True))
    return [(one, two) for i, one in enumerate(pairs) for two in pairs[i + 1 :] if A[one[0], two[0]]]


@settings(max_examples=20, deadline=None)
@given(small_graphs())
def test_graphlet_adjacency_counts_the_copies_two_nodes_share(A):
    expected = np.zeros((9, *A.shape), dtype=int)
    kinds = (0, 1, 1, 2, 3, 3, 4, 4, 5, 6, 6, 6, 7, 7, 8)
    for members, orbits in copies(A):
        expected[kinds[orbits[0]]][np.ix_(members, members)] += 1
    expected *= 1 - np.eye(len(A), dtype=int)
    for number in range(9):
        found = graphlet_adjacency(A, number)
        assert found.dtype == np.int64
        assert np.array_equal(found.toarray(), expected[number])


@pytest.mark.parametrize(("name", "network"), networks())
def test_walks_are_their_mixture(name, network):
    A = nx.to_scipy_sparse_array(network, dtype=np.int64)
    power, loops = A, lambda M: sparse.diags_array(M.diagonal(), dtype=np.int64)
    for length in (1, 2, 3):
        mixed = sum(walk_decomposition(network, length).values())
        assert (sparse.csr_array(power - loops(power)) != mixed).nnz == 0
        power = power @ A


def test_the_words_for_keys_agree():
    assert len(KEYS) == 28
    assert len(UNSEEN) == 15
    assert len(EDGE_KEYS) == 12
    assert len(ORBITS) == 15
    assert sorted(key for number in range(9) for key in keys_of_graphlet(number)) == sorted(KEYS)
    assert set(UNSEEN) == {
        *((1, 4, 5), (1, 5, 4), (2, 4, 5), (2, 5, 4), (1, 5, 5)),
        *((2, 6, 6), (1, 6, 7), (1, 7, 6), (2, 8, 8), (1, 9, 11), (1, 11, 9)),
        *((1, 10, 10), (1, 10, 11), (1, 11, 10), (1, 13, 13)),
    }


def test_progress_is_told():
    class Listener:
        steps = 0

        def start(self, description, total):
            assert total == 28
            return 1

        def advance(self, task, steps=1, note=None):
            self.steps += steps

        def finish(self, task):
            self.done = True

    listener = Listener()
    with reporting(listener):
        list(orbit_adjacencies(graph("karate")))
    assert listener.steps == 28
    assert listener.done


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.ones((2, 3)), "square"),
        (np.array([[0.0, 1.0], [0.0, 0.0]]), "symmetric"),
        (np.array([[0.0, 2.0], [2.0, 0.0]]), "no weights"),
        (np.eye(2), "to itself"),
        (np.zeros((3, 3)), "at least one edge"),
        (nx.Graph(), "at least one node"),
        ([[0, 1], [1, 0]], "got list"),
    ],
)
def test_bad_graphs_are_named(given, said, unchecked):
    for call in (
        lambda: orbit_adjacency(given, (1, 0, 0)),
        lambda: orbit_adjacencies(given),
        lambda: graphlet_degree_vectors(given),
        lambda: edge_graphlet_degree_vectors(given),
        lambda: graphlet_counts(given),
        lambda: graphlet_adjacency(given, 1),
        lambda: walk_decomposition(given, 2),
    ):
        with pytest.raises(InputError, match=said):
            call()


def test_bad_choices_are_named(unchecked):
    karate = graph("karate")
    for key in ((2, 0, 0), (1, 2), "1-2", [1, 0, 0]):
        with pytest.raises(InputError, match="one of the 28"):
            orbit_adjacency(karate, key)
    with pytest.raises(InputError, match="one of the 28"):
        orbit_adjacencies(karate, [(1, 0, 0), (1, 0, 1)])
    with pytest.raises(InputError, match="at least one orbit pair"):
        orbit_adjacencies(karate, [])
    with pytest.raises(InputError, match="from 0 to 8"):
        graphlet_adjacency(karate, 9)
    with pytest.raises(InputError, match="1, 2 or 3"):
        walk_decomposition(karate, 4)
    with pytest.raises(InputError, match="threads"):
        orbit_adjacency(karate, (1, 0, 0), threads=0)
