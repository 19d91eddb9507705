import numpy as np
import pytest

from netopsy import InputError
from netopsy.data.block_graphs import block_graph, class_features


def test_size_groups_and_degrees():
    graph = block_graph(2000, 5, seed=0)
    degree = np.asarray(graph.adjacency.sum(1)).ravel()
    assert graph.edge_count == 8000
    assert np.bincount(graph.labels).tolist() == [400] * 5
    assert graph.adjacency.diagonal().sum() == 0
    assert graph.adjacency.data.max() == 1
    assert degree.max() > 8 * np.median(degree)  # very uneven


def test_chances_are_those_of_the_model():
    """With even weights: the share of edges within groups is that of the expected counts."""
    graph = block_graph(1000, 4, mean_degree=10.0, across=0.2, tail=50.0, cap=1.0, seed=1)
    edges = graph.adjacency.tocoo()
    within = (graph.labels[edges.row] == graph.labels[edges.col]).mean()
    assert within == pytest.approx(1 / (1 + 3 * 0.2), abs=0.02)
    degree = np.asarray(graph.adjacency.sum(1)).ravel()
    assert degree.var() == pytest.approx(10, rel=0.15)  # as a Poisson variable's
    alone = block_graph(400, 4, mean_degree=4.0, across=0.0, seed=1)
    edges = alone.adjacency.tocoo()
    assert (alone.labels[edges.row] == alone.labels[edges.col]).all()


def test_of_its_seed():
    one, other = block_graph(100, 2, mean_degree=4.0, seed=1), block_graph(100, 2, mean_degree=4.0, seed=1)
    assert (one.adjacency != other.adjacency).nnz == 0
    assert (one.adjacency != block_graph(100, 2, mean_degree=4.0, seed=2).adjacency).nnz > 0


def test_features_stand_around_their_class():
    labels = np.arange(3000) % 3
    features = class_features(labels, 8, scale=2.0, seed=0)
    means = np.stack([features[labels == label].mean(0) for label in range(3)])
    assert (features - means[labels]).std() == pytest.approx(1, abs=0.02)
    assert 0.8 < means.std() < 3.5


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"nodes": 1}, "nodes must be"),
        ({"classes": 0}, "classes must be"),
        ({"across": 1.5}, "across must be"),
        ({"tail": 0.0}, "tail must be"),
        ({"cap": 0.5}, "cap at least 1"),
        ({"mean_degree": 0.0}, "mean_degree must be"),
        ({"nodes": 10, "mean_degree": 9.0}, "mean_degree must be"),
        ({"nodes": 60, "classes": 2, "across": 0.0, "mean_degree": 14.0, "cap": 1e9, "tail": 0.05}, "no room"),
    ],
)
def test_bad_input(options, says, unchecked):
    with pytest.raises(InputError, match=says):
        block_graph(**options)
