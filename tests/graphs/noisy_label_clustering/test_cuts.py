"""Conductance, sweeps, PageRank and clusters against networkx and brute force; and that local work is local."""

from itertools import combinations

import networkx as nx
import numpy as np
import pytest
import torch

from netopsy import InputError
from netopsy.data.graphs import graph
from netopsy.graphs.noisy_label_clustering import (
    approximate_pagerank,
    checked_graph,
    conductance,
    flow_diffusion,
    label_edge_weights,
    local_cluster,
    sweep_cut,
)

KARATE = nx.Graph(sorted(nx.karate_club_graph().edges))
KARATE_GRAPH = checked_graph(graph("karate"))
LABELS = np.arange(34) % 3 == 0


def weighted(eps=0.05):
    """The karate club with labels as a weighted networkx graph."""
    found = nx.Graph()
    for one, other in KARATE.edges:
        found.add_edge(one, other, weight=1.0 if LABELS[one] == LABELS[other] else eps)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_conductance_is_networkx(seed):
    nodes = np.random.default_rng(seed).choice(34, 3 + 6 * seed, replace=False)
    assert conductance(KARATE_GRAPH, nodes) == pytest.approx(nx.conductance(KARATE, nodes.tolist()))
    volume = label_edge_weights(KARATE_GRAPH, LABELS).sum()
    found = conductance(KARATE_GRAPH, nodes, labels=LABELS, volume=volume)
    assert found == pytest.approx(nx.conductance(weighted(), nodes.tolist(), weight="weight"))
    entries = KARATE_GRAPH.reweighted(label_edge_weights(KARATE_GRAPH, LABELS))
    assert conductance(entries, nodes) == pytest.approx(found)


def test_conductance_of_everything_and_of_nothing_to_cut():
    assert conductance(KARATE_GRAPH, range(34)) == 1.0
    two = nx.disjoint_union(nx.complete_graph(4), nx.complete_graph(5))
    assert conductance(two, range(4)) == 0.0
    assert conductance(nx.empty_graph(3), [0]) == 1.0


def test_sweep_is_the_best_of_all_prefixes():
    scores = np.random.default_rng(1).random(34)
    scores[20:] = 0
    found = sweep_cut(KARATE_GRAPH, scores)
    order = sorted(range(20), key=lambda node: -scores[node])
    prefixes = [nx.conductance(KARATE, order[: size + 1]) for size in range(20)]
    assert found.order.tolist() == order
    assert found.conductances == pytest.approx(prefixes)
    assert found.conductance == pytest.approx(min(prefixes))
    assert found.nodes.tolist() == sorted(order[: int(np.argmin(prefixes)) + 1])
    again = sweep_cut(lambda node: sorted(KARATE[node]), dict(enumerate(scores)), volume=2 * 78)
    assert again.conductances == pytest.approx(prefixes)


@pytest.mark.parametrize("labels", [None, LABELS])
def test_pagerank_is_networkx(labels):
    found = approximate_pagerank(KARATE_GRAPH, [3, 8], teleport=0.2, tol=1e-9, labels=labels)
    marked = None if labels is None else labels | np.isin(np.arange(34), [3, 8])
    source = nx.Graph()
    for one, other in KARATE.edges:
        same = marked is None or marked[one] == marked[other]
        source.add_edge(one, other, weight=1.0 if same else 0.05)
    truth = nx.pagerank(source, alpha=0.8, personalization={3: 1, 8: 1}, tol=1e-13, max_iter=2000)
    assert found.nodes.tolist() == list(range(34))
    assert found.values == pytest.approx([truth[node] for node in range(34)], abs=1e-7)
    told = approximate_pagerank(lambda node: sorted(KARATE[node]), [3, 8], teleport=0.2, tol=1e-9, labels=labels)
    assert told.values == pytest.approx(found.values, abs=1e-7)


@pytest.mark.parametrize("labels", [None, LABELS])
def test_pagerank_keeps_its_promise(labels):
    tol = 1e-3
    entries = label_edge_weights(KARATE_GRAPH, LABELS | (np.arange(34) == 0), eps=1.0 if labels is None else 0.05)
    found = approximate_pagerank(KARATE_GRAPH, 0, tol=tol, labels=labels, volume=entries.sum())
    degrees = np.asarray(KARATE_GRAPH.reweighted(entries).adjacency().sum(1)).ravel()
    assert (found.residuals <= tol * degrees[found.nodes] + 1e-15).all()
    assert found.values.sum() + found.residuals.sum() == pytest.approx(1)
    best = sweep_cut(
        KARATE_GRAPH.reweighted(entries),
        dict(zip(found.nodes.tolist(), (found.values / degrees[found.nodes]).tolist(), strict=True)),
    )
    assert found.cut.nodes.tolist() == best.nodes.tolist()


def planted(size=60, blocks=8, p=0.3, q=0.005, seed=0):
    source = nx.stochastic_block_model(
        [size] * blocks, np.full((blocks, blocks), q) + np.eye(blocks) * (p - q), seed=seed
    )
    return checked_graph(source), np.arange(size * blocks) < size


def overlap(nodes, truth):
    inside = truth[nodes].sum()
    return 2 * inside / (len(nodes) + truth.sum())


@pytest.mark.parametrize("select", ["conductance", "sweep"])
@pytest.mark.parametrize("hint", [{"size_hint": 60}, {"volume_hint": 1200}])
def test_a_planted_cluster_is_found(hint, select):
    network, truth = planted()
    found = local_cluster(network, 7, select=select, **hint)
    assert overlap(found.nodes, truth) > 0.95
    assert found.conductance == pytest.approx(conductance(network, found.nodes))
    assert found.conductance == min(scan.conductance for scan in found.path)
    assert all(scan.converged for scan in found.path)


def test_labels_help_where_the_cluster_leaks():
    network, truth = planted(q=0.03)
    labels = truth ^ (np.random.default_rng(0).random(len(truth)) < 0.1)
    labels[7] = False  # a seed's own label does not matter
    plain = local_cluster(network, 7, size_hint=60)
    helped = local_cluster(network, 7, size_hint=60, labels=labels)
    assert overlap(helped.nodes, truth) > 0.85 > overlap(plain.nodes, truth) + 0.2
    labels[7] = True
    assert helped.conductance == pytest.approx(conductance(network, helped.nodes, labels=labels))


def test_the_scan_is_a_run_for_each_source():
    network, truth = planted(q=0.03)
    found = local_cluster(network, 3, size_hint=60, labels=truth, alphas=(1.1, 2.0, 3.0), tol=1e-9)
    for scan in found.path:
        alone = flow_diffusion(network, {3: 60 * scan.alpha}, labels=truth, tol=1e-9)
        assert len(alone.support) == scan.size
        assert conductance(network, alone.support, labels=truth) == pytest.approx(scan.conductance)


def test_several_seeds_and_a_source_that_does_not_fit():
    network, truth = planted()
    assert overlap(local_cluster(network, [1, 2, 3], size_hint=60).nodes, truth) > 0.95
    small = nx.disjoint_union(nx.complete_graph(5), nx.complete_graph(50))
    found = local_cluster(small, 0, size_hint=2, alphas=(1.1, 2.0, 10.0))
    assert [scan.alpha for scan in found.path] == [1.1, 2.0]


def test_the_work_is_that_of_the_cluster():
    """The same clique in rings of growing size: the same rows are read, and no array of the graph's size is made."""
    import tracemalloc

    touched = []
    for nodes in (1_000, 10_000, 100_000):
        edges = {(0, nodes - 1), *((node, node + 1) for node in range(nodes - 1)), *combinations(range(12), 2)}
        network = checked_graph(torch.tensor(sorted(edges)).T)
        labels = np.arange(nodes) < 12
        local_cluster(network, 5, size_hint=12, labels=labels)  # compiled
        tracemalloc.start()
        found = local_cluster(network, 5, size_hint=12, labels=labels)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found.nodes.tolist() == list(range(12))
        assert most < 100_000
        touched.append(found.path[-1].touched_edges)
    assert len(set(touched)) == 1


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: local_cluster(KARATE_GRAPH, 0), "give one of size_hint and volume_hint"),
        (lambda: local_cluster(KARATE_GRAPH, 0, size_hint=5, volume_hint=9), "give one of"),
        (lambda: local_cluster(KARATE_GRAPH, 0, size_hint=-5), "must be positive, got -5"),
        (lambda: local_cluster(KARATE_GRAPH, 34, size_hint=5), "seeds names node 34"),
        (lambda: local_cluster(KARATE_GRAPH, [], size_hint=5), "seeds must name at least one node"),
        (lambda: local_cluster(KARATE_GRAPH, 0.5, size_hint=5), "seeds must be a node's number"),
        (lambda: local_cluster(KARATE_GRAPH, 0, size_hint=5, alphas=(2.0, 1.0)), "alphas must be positive and asc"),
        (lambda: local_cluster(KARATE_GRAPH, 0, size_hint=5, alphas=()), "alphas must be positive and ascending"),
        (lambda: local_cluster(KARATE_GRAPH, 0, size_hint=5, select="f1"), "unknown select 'f1'"),
        (lambda: local_cluster(KARATE_GRAPH, 0, size_hint=500), "is more than 34"),
        (lambda: local_cluster(KARATE_GRAPH, 0, size_hint=0.5), "no more than the seeds hold"),
        (lambda: local_cluster(KARATE_GRAPH, 0, size_hint=5, labels=np.full(34, 3)), "labels must be 0 or 1"),
        (lambda: conductance(KARATE_GRAPH, []), "nodes must name at least one node"),
        (lambda: conductance(KARATE_GRAPH, [0, -1]), "nodes must be numbers from 0 on"),
        (lambda: conductance(KARATE_GRAPH, [0], volume=-1.0), "volume must be positive"),
        (lambda: sweep_cut(KARATE_GRAPH, np.zeros(34)), "scores must be positive somewhere"),
        (lambda: sweep_cut(KARATE_GRAPH, {0: -1.0}), "scores must be finite and not negative"),
        (lambda: approximate_pagerank(KARATE_GRAPH, 0, teleport=1.0), "teleport must lie between 0 and 1"),
        (lambda: approximate_pagerank(KARATE_GRAPH, 0, tol=-1.0), "tol must be a positive number"),
        (lambda: approximate_pagerank(KARATE_GRAPH, 0, tol=5.0), "tol is so large"),
    ],
)
def test_bad_input_is_named(call, said):
    with pytest.raises(InputError, match=said):
        call()
