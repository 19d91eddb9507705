import numpy as np
import pytest

from netopsy import InputError
from netopsy.data.neighbour_graphs import digits_graph, neighbour_graph


def test_either_being_near_is_enough():
    points = np.random.default_rng(0).normal(size=(40, 3))
    found = neighbour_graph(points, 4).adjacency.toarray()
    distances = np.linalg.norm(points[:, None] - points, axis=2) + 1e9 * np.eye(40)
    nearest = np.zeros((40, 40), bool)
    nearest[np.arange(40)[:, None], distances.argsort(1)[:, :4]] = True
    assert np.array_equal(found == 1, nearest | nearest.T)


def test_digits():
    graph, pixels = digits_graph()
    assert (len(graph), pixels.shape) == (1797, (1797, 64))
    assert pixels.max() == 16
    assert graph.labels is not None
    noisy, other = digits_graph(noise=1.0, seed=1)
    assert np.std(other - pixels) == pytest.approx(1, abs=0.02)
    assert (noisy.adjacency != graph.adjacency).nnz > 0


def test_bad_input_is_named(unchecked):
    with pytest.raises(InputError, match="k must be from 1 to 2, got 3"):
        neighbour_graph(np.zeros((3, 2)), 3)
    with pytest.raises(InputError, match="finite"):
        neighbour_graph(np.full((3, 2), np.nan), 1)
