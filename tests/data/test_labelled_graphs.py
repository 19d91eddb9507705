import networkx as nx
import numpy as np
import pytest

from netopsy import InputError
from netopsy.data.labelled_graphs import role_graph, uneven_blocks


def test_roles_repeat_all_over_the_graph():
    made = role_graph(0)
    assert np.bincount(made.labels).tolist() == [30, 30, 20, 20, 10, 10, 40, 50]
    assert (role_graph(1).adjacency != made.adjacency).nnz > 0
    degrees = made.adjacency.sum(1)
    assert set(degrees[made.labels == 6]) == {1}
    assert set(degrees[made.labels == 0]) == {2}
    assert nx.is_connected(nx.from_scipy_sparse_array(made.adjacency))


def test_blocks_have_more_edges_inside_and_uneven_degrees():
    made = uneven_blocks(0)
    same = made.labels[:, None] == made.labels
    inside = made.adjacency.toarray()[same].sum() / made.adjacency.sum()
    assert 0.7 < inside < 0.9
    degrees = made.adjacency.sum(1)
    assert 6 < degrees.mean() < 10
    assert degrees.max() > 3 * degrees.mean()
    assert degrees.min() > 0


def test_numbers_out_of_range_are_refused():
    with pytest.raises(InputError, match="shapes must be from 1 to cycle=10, got 11"):
        role_graph(0, cycle=10, shapes=11)
    with pytest.raises(InputError, match="groups must be"):
        uneven_blocks(0, nodes=6, groups=4)
    with pytest.raises(InputError, match="inside must be"):
        uneven_blocks(0, inside=1.5)
