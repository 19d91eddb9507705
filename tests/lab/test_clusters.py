import numpy as np
import pytest

from netopsy.lab.subjects.clusters import Blocks, attributed, block_graph, f1, noisy, planted


def test_labels_alone_are_as_good_as_their_shares_say():
    """Of n nodes of which k are wanted ``a1 k + (1 - a0)(n - k)`` are labelled, of which ``a1 k`` are right."""
    truth = np.arange(2000) < 100
    found = np.mean([f1(np.flatnonzero(noisy(truth, 0.9, 0.9, seed)), truth) for seed in range(300)])
    expected = 2 * 0.9 * 100 / (0.9 * 100 + 0.1 * 1900 + 100)
    assert expected == pytest.approx(0.474, abs=5e-4)
    assert found == pytest.approx(expected, abs=0.004)


def test_scores_and_labels():
    truth = np.arange(10) < 4
    assert f1(np.array([0, 1, 9]), truth) == pytest.approx(2 * 2 / 7)
    assert noisy(truth, 1.0, 1.0, 0).tolist() == truth.astype(int).tolist()
    many = noisy(np.arange(20_000) < 10_000, 0.7, 0.9, 0)
    assert many[:10_000].mean() == pytest.approx(0.7, abs=0.02)
    assert many[10_000:].mean() == pytest.approx(0.1, abs=0.02)


def test_the_same_cluster_is_planted_in_every_size():
    inner = []
    for nodes in (1_000, 8_000):
        graph, members = planted(nodes, 3)
        rows = graph.adjacency()[members]
        inner.append(rows[:, members].toarray())
        outside = rows.sum(axis=1) - inner[-1].sum(axis=1)
        assert outside.mean() == pytest.approx(5, abs=0.3)
        assert graph.edge_count == pytest.approx(5 * nodes, rel=0.05)
    assert np.array_equal(*inner)


def test_the_graphs_of_the_study():
    graph, pixels, classes = attributed("digits", 1.0)
    assert pixels.shape == (*classes.shape, 64) == (1797, 64)
    assert graph.degrees.min() >= 10
    degrees = block_graph(Blocks(), 0).degrees
    assert degrees.mean() == pytest.approx(99 * 0.1 + 1900 * 0.01, rel=0.02)


@pytest.mark.data
@pytest.mark.usefixtures("real_data")
def test_citations_are_one_component():
    assert [len(part) for part in attributed("cora", 0.0)] == [2485] * 3
