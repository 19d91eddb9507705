import networkx as nx
import pytest
import torch

from netopsy import InputError
from netopsy.lab.subjects.networks import (
    Digits,
    digits_links,
    labelled,
    network_links,
    present,
    random_graph,
    real_networks,
)
from netopsy.studies.graphs.graphlet_orbits import FAMILIES


def test_networks_fall_back_to_those_of_networkx(monkeypatch):
    monkeypatch.delenv("NETOPSY_DATA", raising=False)
    monkeypatch.setenv("NETOPSY_CACHE", "/nowhere")
    assert present(("USAir", "cora"), ("karate",)) == ("karate",)
    adjacency, x = network_links("karate", 0)
    assert adjacency.shape == (34, 34)
    assert x.shape == (34, 64)


def test_real_networks_are_read(real_data):
    wanted = ("USAir", "nothing")
    assert present(wanted, ("karate",)) == ("USAir",)
    adjacency, _ = network_links("USAir", 0)
    assert adjacency.shape == (332, 332)
    assert adjacency.nnz == 2 * 2126


def test_features_do_not_come_from_the_links():
    adjacency, x = digits_links(Digits(), 0)
    assert adjacency.shape == (1797, 1797)
    assert x.shape == (1797, 8)
    assert not torch.equal(x, digits_links(Digits(), 1)[1])


def test_random_graphs_are_the_same_again_and_have_their_sizes():
    for family in FAMILIES:
        one, other = random_graph(family, 3), random_graph(family, 3)
        assert nx.utils.graphs_equal(one, other)
        assert 40 <= len(one) <= 120
    with pytest.raises(InputError, match="unknown family"):
        random_graph("tree", 0)


def test_without_real_data_the_embedded_networks_are_counted(monkeypatch):
    monkeypatch.delenv("NETOPSY_DATA", raising=False)
    assert set(real_networks()) == {"karate", "les_miserables", "florentine", "davis"}


def test_all_real_networks_that_are_here_are_read(real_data):
    assert "USAir" in real_networks()


def test_a_citation_network_has_labels(real_data):
    found = labelled("cora", 0)
    assert len(found) == len(found.labels) == 2708
