import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import sparse
from torch_geometric.data import Data

from netopsy import InputError
from netopsy.data.graphs import graph
from netopsy.graphs.adjacency import as_adjacency, edge_index_of, edge_weights_of, undirected_edges


def every_form(network):
    matrix = nx.to_scipy_sparse_array(network, dtype=float)
    both = torch.tensor(list(network.edges) + [(b, a) for a, b in network.edges]).T
    return {
        "networkx": network,
        "csr": sparse.csr_array(matrix),
        "matrix": sparse.coo_matrix(matrix),
        "dense": matrix.toarray(),
        "tensor": torch.from_numpy(matrix.toarray()),
        "sparse tensor": torch.from_numpy(matrix.toarray()).to_sparse(),
        "one way": torch.tensor(list(network.edges)).T,
        "both ways": both,
        "data": Data(edge_index=both, num_nodes=len(network)),
    }


@settings(max_examples=30)
@example(3, 0)
@given(st.integers(3, 12), st.integers(0, 100))
def test_every_form_gives_the_same_matrix(n, seed):
    network = nx.gnp_random_graph(n, 0.5, seed=seed)
    network.add_edge(n - 2, n - 1)
    network.add_edge(0, 1)
    expected = nx.to_numpy_array(network)
    for name, form in every_form(network).items():
        found = as_adjacency(form)
        assert np.array_equal(found.toarray(), expected), name
        assert found.dtype == np.float64


def test_lists_of_edges_fit_the_matrix():
    network = nx.karate_club_graph()
    weighted = as_adjacency(network, weighted=True)
    index, weights = edge_index_of(weighted), edge_weights_of(weighted)
    assert index.shape == (2, 156)
    assert weights[0] == weighted.toarray()[tuple(index[:, 0])]
    assert (index[0].diff() >= 0).all()
    once = undirected_edges(weighted)
    assert once.shape == (2, 78)
    assert (once[0] < once[1]).all()
    assert as_adjacency(index).nnz == as_adjacency(once).nnz == 156
    assert as_adjacency(network).max() == 1
    assert as_adjacency(graph("karate")).nnz == 156


def test_isolated_nodes_at_the_end_are_kept_where_they_are_said():
    assert as_adjacency(torch.tensor([[0], [1]]), nodes=5).shape == (5, 5)
    assert as_adjacency(Data(edge_index=torch.tensor([[0], [1]]), num_nodes=4)).shape == (4, 4)


def test_what_is_given_is_not_changed():
    matrix = sparse.csr_array(np.array([[0.0, 2.0], [2.0, 0.0]]))
    as_adjacency(matrix)
    assert matrix.max() == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (np.ones((2, 3)), "square"),
        (np.array([[0.0, 1.0], [0.0, 0.0]]), "symmetric"),
        (np.array([[0.0, -1.0], [-1.0, 0.0]]), "negative"),
        (np.array([[0.0, np.nan], [np.nan, 0.0]]), "NaN"),
        (np.eye(3), "to itself"),
        (torch.tensor([[0], [-1]]), "from 0 on"),
        (torch.zeros(2, 3, 4), "edge index"),
        (nx.DiGraph([(0, 1)]), "directed"),
        (nx.Graph(), "at least one node"),
        ("karate", "got str"),
        (nx.Graph([("a", "b", {"weight": "heavy"})]), "weights that are real numbers"),
        (np.array([[0, "x"], ["x", 0]], dtype=object), "real numbers"),
        (np.array([["0", "1"], ["1", "0"]]), "real numbers, got <U1"),
        (np.array([[0, 1j], [1j, 0]]), "real numbers, got complex128"),
        (sparse.csr_array(np.array([[0, 1j], [1j, 0]])), "real numbers, got complex128"),
        (torch.tensor([[0, 1j], [1j, 0]]), "real numbers, got torch.complex64"),
        (sparse.coo_array(np.array([0.0, 1.0])), "must be a matrix"),
        (Data(edge_index=torch.tensor([[True, False], [False, True]]), num_nodes=2), "must be integers"),
        (
            Data(edge_index=torch.tensor([[0, 1], [1, 0]]), edge_weight=torch.full((2,), torch.nan), num_nodes=2),
            "finite weights, got NaN",
        ),
    ],
)
def test_bad_graphs_are_named(given, said, unchecked):
    with pytest.raises(InputError, match=said):
        as_adjacency(given)


def test_objects_that_are_numbers_will_do():
    assert as_adjacency(np.array([[0, 2], [2, 0]], dtype=object), weighted=True).toarray().tolist() == [[0, 2], [2, 0]]


def test_bad_numbers_of_nodes_and_weights_are_named():
    with pytest.raises(InputError, match="names node 3, but there are only nodes 0 to 1"):
        as_adjacency(torch.tensor([[0], [3]]), nodes=2)
    with pytest.raises(InputError, match="two different weights"):
        as_adjacency(Data(edge_index=torch.tensor([[0, 1], [1, 0]]), edge_weight=torch.tensor([1.0, 2.0]), num_nodes=2))
    assert as_adjacency(np.eye(3), loops=True).nnz == 3
