"""Flow diffusion against closed forms, a quadratic program, and its own laws."""

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import minimize
from scipy.sparse.csgraph import laplacian

from netopsy import InputError
from netopsy.data.graphs import graph
from netopsy.graphs.noisy_label_clustering import (
    _kernels,
    _spread,
    attribute_edge_weights,
    checked_graph,
    flow_diffusion,
    label_edge_weights,
    labels_from_samples,
)

PATH = checked_graph(nx.path_graph(3))
EXACT = {"tol": 1e-11, "max_passes": 100_000}


@pytest.mark.parametrize(
    ("source", "labels", "heights", "mass"),
    [
        (2.5, None, (2, 0.5, 0), (1, 1, 0.5)),
        (3.0, None, (3, 1, 0), (1, 1, 1)),
        (2.9, (1, 1, 0), (19.9, 18, 0), (1, 1, 0.9)),
    ],
)
def test_a_path_of_three(source, labels, heights, mass):
    found = flow_diffusion(PATH, {0: source}, labels=labels, **EXACT)
    assert found.converged
    assert found.heights == pytest.approx(heights, abs=1e-6)
    assert found.mass == pytest.approx(mass, abs=1e-6)


def test_a_square_and_a_pair():
    assert flow_diffusion(nx.cycle_graph(4), {0: 3.0}).heights.tolist() == [1, 0, 0]  # node 2 is never touched
    pair = np.array([[0.0, 4.0], [4.0, 0.0]])
    assert flow_diffusion(checked_graph(pair, weighted=True), [2.0, 0.0]).heights.tolist() == [0.25, 0]


@pytest.mark.parametrize(
    ("seed", "mass", "support", "height", "total"),
    [
        (16, 60.75, [0, 4, 5, 6, 10, 11, 12, 16, 17, 21], 47.896930, 108.186404),
        (24, 56.25, [23, 24, 25, 27, 28, 31], 24.271967, None),
        (0, 48.6, [0, 11, 12, 17, 21], 2.118519, None),
    ],
)
def test_the_karate_club(seed, mass, support, height, total):
    found = flow_diffusion(graph("karate"), {seed: mass}, sink="degree", **EXACT)
    assert found.support.tolist() == support
    assert found[seed] == pytest.approx(height, abs=1e-6)
    assert total is None or found.heights.sum() == pytest.approx(total, abs=1e-5)


def quadratic_program(weights, source, sink):
    """The dual solved densely by L-BFGS-B."""
    L, pull = laplacian(weights), source - sink
    solved = minimize(
        lambda x: (x @ L @ x / 2 - x @ pull, L @ x - pull),
        np.zeros(len(source)),
        jac=True,
        bounds=[(0, None)] * len(source),
        method="L-BFGS-B",
        options={"maxiter": 50_000, "maxfun": 100_000, "ftol": 1e-16, "gtol": 1e-10},
    )
    return solved.x


@st.composite
def situations(draw):
    nodes = draw(st.integers(5, 25))
    seed = draw(st.integers(0, 10_000))
    random = np.random.default_rng(seed)
    network = nx.connected_watts_strogatz_graph(nodes, 4, 0.3, seed=seed)
    labels = random.integers(0, 2, nodes)
    start = int(random.integers(nodes))
    labels[start] = 1
    eps = draw(st.sampled_from([0.05, 0.3, 1.0]))
    share = draw(st.floats(0.1, 0.8))
    return network, labels, start, eps, share


@settings(max_examples=20, deadline=None)
@given(situations(), st.sampled_from(["one", "degree"]))
def test_the_quadratic_program_and_the_laws(situation, sink):
    network, labels, start, eps, share = situation
    checked = checked_graph(network)
    sinks = np.ones(len(network)) if sink == "one" else checked.degrees
    mass = share * sinks.sum()
    weights = label_edge_weights(checked, labels, eps=eps)
    dense = checked.reweighted(weights).adjacency().toarray()
    found = flow_diffusion(checked, {start: mass}, sink=sink, labels=labels, eps=eps, **EXACT)
    heights, held = np.zeros(len(network)), np.zeros(len(network))
    heights[found.nodes], held[found.nodes] = found.heights, found.mass
    source = mass * (np.arange(len(network)) == start)
    truth = quadratic_program(dense, source, sinks)
    assert heights == pytest.approx(truth, abs=2e-4 * max(1.0, truth.max()))
    assert held == pytest.approx(source - laplacian(dense) @ heights, abs=1e-6)
    assert held.sum() == pytest.approx(mass)
    assert (held <= sinks + 1e-9).all()
    assert held[heights > 0] == pytest.approx(sinks[heights > 0], abs=1e-9)
    assert sinks[found.support].sum() <= mass + 1e-6
    # Before it has converged the support is part of the true one, and no height is above its true value.
    early = flow_diffusion(checked, {start: mass}, sink=sink, labels=labels, eps=eps, tol=1e-11, max_passes=3)
    assert set(early.support) <= set(found.support)
    assert all(height <= found[node] + 1e-9 for node, height in zip(early.nodes, early.heights, strict=True))
    assert early.mass.sum() == pytest.approx(mass)
    # The same weights given entry by entry, and all of them scaled.
    entries = flow_diffusion(checked, {start: mass}, sink=sink, weights=weights, **EXACT)
    assert entries.heights == pytest.approx(found.heights, rel=1e-6, abs=1e-9)
    scaled = flow_diffusion(checked, {start: mass}, sink=sink, weights=7 * weights, **EXACT)
    assert scaled.heights == pytest.approx(found.heights / 7, rel=1e-6, abs=1e-9)
    assert np.array_equal(scaled.support, found.support)


@pytest.mark.parametrize("labels", [None, np.ones(34, dtype=int)])
def test_labels_that_say_nothing_change_nothing(labels):
    plain = flow_diffusion(graph("karate"), {16: 30.0}, sink="degree")
    told = flow_diffusion(graph("karate"), {16: 30.0}, sink="degree", labels=labels)
    mixed = flow_diffusion(graph("karate"), {16: 30.0}, sink="degree", labels=np.arange(34) % 2, eps=1.0)
    assert told.heights.tolist() == plain.heights.tolist() == mixed.heights.tolist()


def test_every_way_to_give_the_same_gives_the_same():
    karate = nx.empty_graph(34)
    karate.add_edges_from(nx.karate_club_graph().edges)
    labels = np.arange(34) % 2
    labels[5] = 0
    expected = flow_diffusion(checked_graph(karate), {5: 20.0}, sink="degree", labels=labels)
    assert len(expected.support) >= 3
    edges = torch.tensor(list(karate.edges)).T
    rows = nx.to_scipy_sparse_array(karate, nodelist=range(34))
    ways = [
        {"graph": karate, "labels": labels.astype(bool)},
        {"graph": edges, "labels": torch.from_numpy(labels)},
        {"graph": rows, "labels": labels.astype(np.int8)},
        {"graph": rows, "labels": lambda node: labels[node]},
        {"graph": rows, "labels": dict(enumerate(labels.tolist()))},
        {"graph": lambda node: sorted(karate[node]), "labels": labels},
        {"graph": lambda node: (sorted(karate[node]), [1.0] * karate.degree[node]), "labels": labels},
        {"graph": rows, "labels": labels, "sink": lambda node: karate.degree[node]},
        {"graph": rows, "labels": labels, "sink": np.array([karate.degree[node] for node in range(34)])},
    ]
    for way in ways:
        found = flow_diffusion(source={5: 20.0}, **({"sink": "degree"} | way))
        assert found.nodes.tolist() == expected.nodes.tolist()
        assert found.heights == pytest.approx(expected.heights, rel=1e-9)
        assert found.touched_edges == expected.touched_edges


def test_a_seed_counts_as_labelled_one():
    zero, one = (flow_diffusion(PATH, {0: 2.5}, labels=[first, 1, 1], **EXACT) for first in (0, 1))
    assert zero.heights.tolist() == one.heights.tolist()


def test_an_endless_graph_is_no_obstacle():
    found = flow_diffusion(lambda node: [node - 1, node + 1] if node else [1], {10**12: 4.5}, tol=1e-9)
    assert found.support.tolist() == [10**12 - 1, 10**12, 10**12 + 1]
    assert found.mass.sum() == pytest.approx(4.5)
    assert found.touched_edges == 6


def test_only_touched_labels_and_rows_are_read():
    read, asked = set(), set()

    def neighbours(node):
        asked.add(node)
        return [(node - 1) % 1000, (node + 1) % 1000]

    def label(node):
        read.add(node)
        return 1

    found = flow_diffusion(neighbours, {500: 5.0}, labels=label)
    assert asked == set(found.support) == {499, 500, 501}
    assert read == {498, 499, 501, 502}  # the seed's own does not matter
    broken = np.full(10_000, 7)
    broken[:10] = 1
    ring = checked_graph(nx.path_graph(10_000))
    assert flow_diffusion(ring, {0: 5.0}, labels=broken).support.tolist() == [0, 1, 2, 3]
    with pytest.raises(InputError, match="labels must be 0 or 1"):
        flow_diffusion(ring, {0: 50.0}, labels=broken)


def test_the_callers_arrays_are_left_alone(monkeypatch):
    """As Python, which is told where it writes: to compile all for arrays that cannot be written to takes seconds."""
    for module, name in ((_kernels, "settle_in_memory"), (_kernels, "row_of"), (_kernels, "with_row")):
        monkeypatch.setattr(module, name, getattr(module, name).py_func)
    for name in ("row_of", "with_row"):
        monkeypatch.setattr(_spread, name, getattr(_spread, name).py_func)
    checked, labels = checked_graph(nx.path_graph(50)), np.ones(50, dtype=np.int8)
    before = [checked.starts.copy(), checked.columns.copy(), checked.weights.copy(), labels.copy()]
    labels.flags.writeable = checked.weights.flags.writeable = False
    flow_diffusion(checked, {3: 20.0}, labels=labels)
    for one, other in zip(before, [checked.starts, checked.columns, checked.weights, labels], strict=True):
        assert np.array_equal(one, other)


def test_weights_from_attributes():
    karate = checked_graph(graph("karate"))
    features = np.random.default_rng(0).normal(size=(34, 3))
    told = flow_diffusion(
        karate, {16: 30.0}, sink="degree", weights=attribute_edge_weights(karate, features, gamma=0.5)
    )
    ends = np.repeat(np.arange(34), np.diff(karate.starts))
    entries = np.exp(-0.5 * ((features[ends] - features[karate.columns]) ** 2).sum(1))
    direct = flow_diffusion(karate, {16: 30.0}, sink="degree", weights=entries)
    assert told.heights == pytest.approx(direct.heights)


def test_what_a_node_holds_is_its_degree_in_the_graph_as_given():
    """Labels and other weights change the flow and not the sinks; weights that belong to the graph are its degrees."""
    matrix = np.array([[0, 3.0, 0], [3.0, 0, 2.0], [0, 2.0, 0]])
    for weighted, degrees in ((False, [1, 2, 1]), (True, [3, 5, 2])):
        checked = checked_graph(matrix, weighted=weighted)
        for options in ({}, {"labels": [1, 1, 0]}, {"weights": np.full(4, 0.5)}):
            found = flow_diffusion(
                checked, {0: float(sum(degrees))}, sink="degree", tol=1e-9, max_passes=10**5, **options
            )
            assert found.mass == pytest.approx(degrees, abs=1e-6)


def test_labels_from_samples():
    random = np.random.default_rng(0)
    truth = np.arange(400) < 100
    features = random.normal(size=(400, 5)) + 3 * truth[:, None]
    found = labels_from_samples(features, np.arange(25), np.arange(375, 400))
    assert found.dtype == np.int8
    assert (found == truth).mean() > 0.98
    misled = labels_from_samples(-features, [0], [399])  # samples keep what is known of them
    assert (misled[0], misled[399]) == (1, 0)
    from sklearn.neighbors import KNeighborsClassifier

    near = labels_from_samples(torch.from_numpy(features), [0, 1], [399], classifier=KNeighborsClassifier(1))
    assert (near == truth).mean() > 0.9


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: flow_diffusion(PATH, {0: 3.5}), "source must not exceed what the sinks hold: 3.5 is more than 3"),
        (lambda: flow_diffusion(nx.Graph([(0, 1), (2, 3)]), {0: 3.0}), "sinks of its component"),
        (lambda: flow_diffusion(nx.path_graph(4), {0: 2.5}, labels=[1, 1, 0, 0], eps=0.0), "sinks of its component"),
        (lambda: flow_diffusion(nx.empty_graph(2), {0: 1.5}), "seed 0 is isolated"),
        (lambda: flow_diffusion(PATH, {0: 2.0}, labels=[1, 0, 0], eps=0.0), "seed 0 is isolated"),
        (lambda: flow_diffusion(PATH, {0: 2.0}, labels=[1, 0, 0], eps=-1.0), "eps must be a finite number from 0"),
        (lambda: flow_diffusion(PATH, {0: 2.0}, labels=[1, 2, 0]), "labels must be 0 or 1"),
        (lambda: flow_diffusion(PATH, {0: 2.0}, labels=[1, 1]), "one entry for each of the 3 nodes"),
        (lambda: flow_diffusion(PATH, {0: 2.0}, labels=[0.5, 1, 1]), "labels must be 0 or 1"),
        (lambda: flow_diffusion(PATH, {0: 2.5}, labels={1: 1, 2: 3}), "got 3 for node 2"),
        (lambda: flow_diffusion(PATH, {0: 2.0}, labels={2: 1}), "got none for node 1"),
        (lambda: flow_diffusion(PATH, {0: 2.0}, labels=[1, 1, 1], weights=[1.0] * 4), "cannot both be given"),
        (lambda: flow_diffusion(PATH, {0: 2.0}, weights=[1.0] * 3), "weights must have one entry for each of the 4"),
        (lambda: flow_diffusion(PATH, {0: 2.0}, weights=[1.0, 2.0, 1.0, 1.0]), "weights must be the same both ways"),
        (lambda: flow_diffusion(PATH, {0: 2.0}, weights=lambda node: [-1.0]), "weights of node 0 must be 1 numbers"),
        (lambda: flow_diffusion(PATH, {}), "source must put mass on at least one node"),
        (lambda: flow_diffusion(PATH, {0: -1.0}), "source must be finite, not negative"),
        (lambda: flow_diffusion(PATH, {0: np.nan}), "source must be finite"),
        (lambda: flow_diffusion(PATH, {3: 1.0}), "source names node 3, but there are only nodes 0 to 2"),
        (lambda: flow_diffusion(PATH, [1.0]), "source must have one entry for each of the 3 nodes"),
        (lambda: flow_diffusion(PATH, {0: 2.0}, sink="two"), "sink must be 'one', 'degree' or an array, got 'two'"),
        (lambda: flow_diffusion(PATH, {0: 2.0}, sink=[1.0, 0.0, 1.0]), "sink must be positive"),
        (lambda: flow_diffusion(PATH, {0: 2.0}, tol=0.0), "tol must be a positive number"),
        (lambda: flow_diffusion(PATH, {0: 2.0}, max_passes=0), "max_passes must be at least 1"),
        (lambda: flow_diffusion(np.array([[0, 1], [0, 0]]), {0: 1.0}), "must be undirected"),
        (lambda: flow_diffusion(lambda node: [node], {0: 2.0}), "neighbours of node 0 must not hold itself"),
        (lambda: flow_diffusion(lambda node: [1, 1], {0: 2.0}), "must be listed once each"),
        (lambda: flow_diffusion(lambda node: [0.5], {0: 2.0}), "must be a list of node numbers"),
        (lambda: flow_diffusion(lambda node: ([1], [0.0]), {0: 2.0}), "must be 1 positive numbers"),
        (lambda: label_edge_weights(PATH, [0, 1]), "one label for each of the 3 nodes"),
        (lambda: label_edge_weights(PATH, [0, 1, 2]), "labels must be 0 or 1"),
        (lambda: labels_from_samples(np.zeros((3, 1)), [], [1]), "positive must name at least one node"),
        (lambda: labels_from_samples(np.zeros((3, 1)), [1], [1]), "must not share nodes"),
        (lambda: labels_from_samples(np.zeros((3, 1)), [1], [3]), "negative names node 3"),
        (lambda: labels_from_samples(np.full((3, 1), np.nan), [1], [2]), "features must be finite"),
        (lambda: labels_from_samples(np.array([["a"], ["b"]]), [0], [1]), "features must be real numbers"),
        (lambda: labels_from_samples(np.array([["a"], [1]], dtype=object), [0], [1]), "real numbers, got object"),
        (lambda: labels_from_samples(np.array([[1j], [1]]), [0], [1]), "real numbers, got complex128"),
        (lambda: labels_from_samples(sparse.csr_array(np.array([[1j], [1]])), [0], [1]), "real numbers, got complex"),
        (lambda: attribute_edge_weights(PATH, np.zeros((2, 1))), "one row for each of the 3 nodes"),
        (lambda: attribute_edge_weights(PATH, np.zeros((3, 1)), gamma=-1.0), "gamma must be"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(InputError, match=said):
        call()
