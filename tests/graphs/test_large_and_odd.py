"""Hubs, counts beyond 2^53, half precision, and the other forms that graphs come in."""

import types

import networkx as nx
import numpy as np
import pytest
import torch
from scipy import sparse
from torch_geometric.data import Data

from netopsy import InputError
from netopsy.graphs.adjacency import as_adjacency
from netopsy.graphs.graphlet_orbits import graphlet_counts
from netopsy.graphs.neural_common_neighbor import candidate_pairs, link_graph
from netopsy.graphs.neural_common_neighbor.heuristics import pair_rule

PATH = [[0, 1, 0], [1, 0, 1], [0, 1, 0]]


def star(leaves):
    return torch.stack([torch.zeros(leaves, dtype=torch.int64), torch.arange(1, leaves + 1)])


def test_the_claws_of_a_star_are_counted_to_the_last_one():
    leaves = 400_000
    assert graphlet_counts(star(leaves))["claw"] == leaves * (leaves - 1) * (leaves - 2) // 6


def test_pairs_around_a_hub_stay_within_the_number_that_was_given():
    hub = star(10_000)
    tail = torch.tensor([[1, 10_001], [10_001, 10_002]])
    found = candidate_pairs(torch.cat([hub, tail], 1), 100)
    assert found.shape == (2, 100)
    assert [1, 10_002] in found.T.tolist()  # half its score beside 1/10,000 of those through the hub


@pytest.mark.parametrize("most", [3, 50, 10_000])
def test_candidates_are_those_that_resource_allocation_ranks_highest(most):
    graph = link_graph(nx.gnp_random_graph(40, 0.15, seed=2))
    matrix = graph.matrix.toarray()
    expected = np.argwhere(np.triu((matrix @ matrix > 0) & (matrix == 0), 1))
    found = candidate_pairs(graph, most)
    scores = pair_rule(graph, torch.from_numpy(expected.T.copy()), "resource allocation").sort(descending=True).values
    assert {tuple(pair) for pair in found.T.tolist()} <= {tuple(pair) for pair in expected.tolist()}
    made = pair_rule(graph, found, "resource allocation").sort(descending=True).values
    torch.testing.assert_close(made, scores[:most])


def test_node_numbers_without_meaning_are_refused_before_anything_is_allocated():
    with pytest.raises(InputError, match="number the nodes without gaps"):
        as_adjacency(torch.tensor([[0, 1], [2**31, 2**31]]))


@pytest.mark.parametrize(
    "graph",
    [
        np.array(PATH, dtype=np.float16),
        torch.tensor(PATH, dtype=torch.float16),
        torch.tensor(PATH, dtype=torch.bfloat16),
        torch.tensor(PATH, dtype=torch.float16).to_sparse(),
        torch.tensor(PATH, dtype=torch.bfloat16).to_sparse_csr(),
        sparse.csr_array(np.array(PATH, dtype=np.int8)),
        np.array([[0, 1, 1], [1, 0, 2]]),
        np.array([[0, 2, 1], [1, 1, 2]], dtype=np.uint8),
    ],
)
def test_half_precision_and_edge_lists_of_numpy_are_graphs(graph):
    assert as_adjacency(graph).toarray().tolist() == PATH


@pytest.mark.parametrize("shape", [(4,), (4, 1)])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_weights_of_data_are_read_from_edge_attr(shape, kind):
    data = Data(
        edge_index=torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]]),
        edge_attr=torch.tensor([2.0, 2.0, 3.0, 3.0], dtype=kind).reshape(shape),
        num_nodes=3,
    )
    assert as_adjacency(data, weighted=True).toarray().tolist() == [[0, 2, 0], [2, 0, 3], [0, 3, 0]]
    assert as_adjacency(data).toarray().tolist() == PATH
    data.edge_attr = torch.randn(4, 5)  # features are no weights
    assert as_adjacency(data, weighted=True).toarray().tolist() == PATH


def test_graphs_of_igraph_by_what_they_answer():
    values = type("Values", (dict,), {"attributes": lambda self: list(self)})
    graph = types.SimpleNamespace(
        get_edgelist=lambda: [(0, 1), (1, 2)],
        vcount=lambda: 4,
        is_directed=lambda: False,
        es=values(weight=[2.0, 3.0]),
    )
    made = as_adjacency(graph, weighted=True)
    assert made.shape == (4, 4)
    assert made[0, 1] == 2
    graph.is_directed = lambda: True
    with pytest.raises(InputError, match="directed igraph"):
        as_adjacency(graph)
