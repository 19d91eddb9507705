"""Results on graphs draw themselves, whatever the nodes are called."""

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest
import torch

from netopsy.core.drawing import figure, render
from netopsy.data.graphs import graph
from netopsy.graphs.drawing import edge_ends, layout, node_names
from netopsy.graphs.graph_valuation import Value, plot_values
from netopsy.graphs.graphlet_orbits import graphlet_degree_vectors, plot_degree_vectors
from netopsy.graphs.neural_common_neighbor import compare_on_held_out, missing_links
from netopsy.graphs.noisy_label_clustering import local_cluster
from netopsy.graphs.teddy import sparsify

pytestmark = pytest.mark.usefixtures("laid_out")

KARATE = graph("karate")
HOSTILE = replace(
    KARATE, nodes=(r"cat$\x$", r"$\nonsense$", "\x07\x1b[0m$^$", "n" * 300, *(f"${n}_$" for n in range(30)))
)
LARGE = nx.barabasi_albert_graph(250, 3, seed=0)


@pytest.fixture(scope="module")
def compared():
    return compare_on_held_out(KARATE, epochs=2)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_a_cluster_in_its_graph_and_its_scan():
    found = local_cluster(KARATE, 0, size_hint=8)
    ax = found.plot_graph(graph=HOSTILE, seeds=[0])
    assert texts(ax)[:2] == [r"cat\$\x\$", r"\$\nonsense\$"]
    assert max(map(len, texts(ax))) <= 24 + 4
    assert len(ax.collections[0].get_segments()) + len(ax.collections[1].get_segments()) == KARATE.edge_count
    assert len(ax.collections[4].get_offsets()) == 1
    _, given = figure()
    assert found.plot(given) is given
    assert given.lines[0].get_xdata().tolist() == [scan.alpha for scan in found.path]
    assert render(ax.figure)


def test_missing_links_over_the_layout(compared):
    found = missing_links(compared.model, compared.x, KARATE, 5)
    ax = found.plot(graph=HOSTILE)
    assert len(ax.collections[1].get_segments()) == 5
    assert render(ax.figure)


def test_held_out_links(compared):
    assert len(compared.plot().patches) == 2 * len(compared.measures)
    ax = compared.plot_probabilities(least=0.5)
    held = sum(bar.get_height() for bar in ax.patches[:25])
    assert held == compared.split.test.shape[1]
    assert len(compared.model.plot().lines[0].get_xdata()) == 2


@pytest.mark.parametrize("source", [HOSTILE, LARGE])
def test_a_thinned_graph(source):
    found = sparsify(source, 0.5)
    assert render(found.plot(names=node_names(source)).figure)
    before, after = (line.get_ydata() for line in found.plot_degrees().lines)
    assert before[0] <= 1
    assert after[-1] > 0


def test_degree_vectors_and_values():
    assert render(plot_degree_vectors(HOSTILE, graphlet_degree_vectors(KARATE)))
    value = Value(1.0, 0.5, 0.1, float("nan"), float("nan"), float("nan"), float("nan"))
    drawn = plot_values([r"cat$\x$", "n" * 300], [value, value])
    assert len(drawn.axes) == 1
    assert render(drawn)


def test_every_kind_of_graph_has_a_layout_and_names():
    path = nx.path_graph(["a", "b", "c"])
    assert node_names(path) == ("a", "b", "c")
    assert node_names(torch.tensor([[0, 1], [1, 2]])) == ("0", "1", "2")
    assert edge_ends(path).tolist() == [[0, 1], [1, 2]]
    places = layout(path)
    assert places.shape == (3, 2)
    assert np.array_equal(places, layout(path))
