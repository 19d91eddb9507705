import networkx as nx
import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components

from netopsy.lab.subjects.parties import (
    ALL,
    DIGITS,
    HALF,
    NOISY,
    OTHER,
    REWIRED,
    SAME,
    SCALED,
    SHUFFLED,
    asymmetric,
    buyers_graph,
    labelled,
    parties,
    rewired,
)
from netopsy.studies.graphs.graph_valuation.plan import FIVE

EIGHT = (*FIVE, HALF, NOISY, REWIRED)


@pytest.mark.parametrize("name", ["karate", "les_miserables", "random", "digits"])
def test_rewired_copies_stay_connected_with_as_many_edges(name):
    own = buyers_graph(name, 0)
    for fraction in (0.05, 0.4):
        found = rewired(own, fraction, np.random.default_rng(0))
        assert found.sum() == own.sum()
        np.testing.assert_array_equal(found, found.T)
        assert not found.diagonal().any()
        assert connected_components(found, directed=False)[0] == 1
        changed = np.triu((found != own) & (own > 0)).sum()
        assert changed == round(fraction * own.sum() / 2)
    np.testing.assert_array_equal(rewired(own, 0.0, np.random.default_rng(0)), own)


def test_symmetry():
    assert not asymmetric(nx.to_numpy_array(nx.cycle_graph(8)))
    assert not asymmetric(buyers_graph("karate", 0))
    assert asymmetric(nx.to_numpy_array(nx.gnp_random_graph(40, 0.2, seed=1)))


def test_the_buyer_shares_no_node_and_the_classes_are_as_said():
    whole = labelled(DIGITS)
    marked = type(whole)(np.arange(len(whole.classes))[:, None].astype(float), whole.classes)
    buyer, offers = parties(marked, 8, np.random.default_rng(0))
    assert set(buyer.classes) == {8, 9, 0}
    assert set(offers[SAME].classes) == {8, 9, 0}
    assert set(offers[OTHER].classes) == {1, 2, 3}
    assert tuple(offers) == EIGHT
    assert set(offers[ALL].classes) == set(range(10))
    for name in (SAME, OTHER, ALL, REWIRED):
        assert not np.isin(offers[name].features, buyer.features).any()
    np.testing.assert_array_equal(offers[SCALED].features, 3 * offers[SAME].features)
    np.testing.assert_array_equal(
        np.sort(parties(whole, 0, np.random.default_rng(1))[1][SHUFFLED].features),
        np.sort(parties(whole, 0, np.random.default_rng(1))[1][SAME].features),
    )
    assert offers[REWIRED].graph().sum() == offers[SAME].graph().sum()
