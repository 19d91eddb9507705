"""Pattern-producing networks against an evaluation written out node by node, and what their changes keep."""

import math
from functools import cache

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netopsy import InputError
from netopsy.robustness.fooling_images import CPPN, CPPNEncoding, Rates, cppn_rendering
from netopsy.robustness.fooling_images.cppn_graph import FUNCTIONS, INPUTS, changed_graph

SINE, SIGMOID, GAUSSIAN, LINEAR = range(len(FUNCTIONS))


def evolved(encoding, count, generations, seed=0):
    random = torch.Generator().manual_seed(seed)
    found = encoding.random(count, random)
    for _ in range(generations):
        found = encoding.children(found, random)
    return found


def by_hand(graph, inputs):
    """One pixel's outputs, node by node in double precision."""
    functions = (
        math.sin,
        lambda p: 2 / (1 + math.exp(-p)) - 1,
        lambda p: math.exp(-p * p),
        lambda p: min(max(p, -3), 3) / 3,
    )

    @cache
    def value(node):
        if node < INPUTS:
            return inputs[node]
        edges = zip(graph.sources, graph.targets, graph.weights, strict=True)
        total = sum((20 * weight - 10) * value(source) for source, target, weight in edges if target == node)
        return functions[graph.functions[node - INPUTS]](total)

    return [value(INPUTS + output) for output in range(graph.outputs)]


@pytest.mark.parametrize("shape", [(1, 4, 4), (3, 3, 5)])
@pytest.mark.parametrize("at_once", [2**21, 50])
def test_rendering_many_graphs_at_once_is_evaluating_each_node_by_node(shape, at_once, monkeypatch):
    monkeypatch.setattr(cppn_rendering, "AT_ONCE", at_once)
    encoding = CPPNEncoding(shape, coordinates="unit", colour="plain")
    graphs = evolved(encoding, 12, 25)
    assert max(graph.hidden for graph in graphs) > 4
    images = encoding.render(graphs)
    _, height, width = shape
    for graph, image in zip(graphs, images, strict=True):
        for row in range(height):
            for column in range(width):
                x, y = 2 * column / (width - 1) - 1, 2 * row / (height - 1) - 1
                wanted = [abs(each) for each in by_hand(graph, (x, y, math.hypot(x, y), 1.0))]
                assert image[:, row, column].tolist() == pytest.approx(wanted, abs=2e-3)


def test_places_are_the_indices_of_columns_and_rows_as_in_the_published_code():
    weak = 0.5 + 0.02 / 20  # a weight of 0.02
    for source, wanted in ((0, [0, 1, 2]), (1, [0, 0, 0])):
        image = CPPNEncoding((1, 3, 3)).render([CPPN(1, (LINEAR,), (source,), (4,), (weak,))])[0, 0]
        assert image[0].mul(150).tolist() == pytest.approx(wanted, abs=1e-4)
    centre = CPPNEncoding((1, 3, 3)).render([CPPN(1, (LINEAR,), (2,), (4,), (0.55,))])[0, 0]
    assert centre[1, 1] == 0
    assert float(centre[0, 0]) == pytest.approx(math.sqrt(2) / 3)


def test_known_answers():
    encoding = CPPNEncoding((1, 2, 2), levels=255)
    none = [CPPN(1, (kind,), (0, 1, 2, 3), (4,) * 4, (0.5,) * 4) for kind in range(4)]
    assert encoding.render(none)[:, 0, 0, 0].mul(255).tolist() == [0, 0, 255, 0]
    bias = encoding.render([CPPN(1, (LINEAR,), (3,), (4,), (0.6,))])
    assert float(bias[0, 0, 0, 0]) * 255 == pytest.approx(170, abs=1)
    orphans = [CPPN(1, (kind,), (), (), ()) for kind in range(4)]
    assert encoding.render(orphans)[:, 0, 0, 0].tolist() == [0, 0, 1, 0]
    hanging = CPPN(1, (SINE, GAUSSIAN), (5,), (4,), (0.55,))  # a node that nothing reaches, and gives 1
    assert float(CPPNEncoding((1, 2, 2)).render([hanging])[0, 0, 0, 0]) == pytest.approx(math.sin(1.0))


def test_the_first_images_have_all_inputs_connected_to_all_outputs():
    for graph in CPPNEncoding((3, 8, 8)).random(5, torch.Generator()):
        assert set(zip(graph.sources, graph.targets, strict=True)) == {(i, 4 + o) for i in range(4) for o in range(3)}
        assert graph.hidden == 0
        assert all(0 <= weight <= 1 for weight in graph.weights)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([1, 3]))
def test_changes_keep_graphs_without_cycles_parallel_connections_and_sources_among_outputs(seed, channels):
    for graph in evolved(CPPNEncoding((channels, 4, 4)), 4, 30, seed):
        edges = list(zip(graph.sources, graph.targets, strict=True))
        assert len(set(edges)) == len(edges) == len(graph.weights)
        assert nx.is_directed_acyclic_graph(nx.DiGraph(edges))
        assert not set(graph.sources) & set(range(4, 4 + channels))
        assert all(4 <= target < 4 + len(graph.functions) for target in graph.targets)
        assert all(0 <= weight <= 1 for weight in graph.weights)
        assert graph.outputs == channels
        assert graph.hidden >= 0


def test_each_change_does_what_it_says():
    never = {"add_connection": 0.0, "delete_connection": 0.0, "split_connection": 0.0, "delete_node": 0.0}
    start = CPPN(1, (SINE, LINEAR, GAUSSIAN), (0, 5, 1, 6), (5, 4, 6, 4), (0.1, 0.2, 0.3, 0.4))
    zero = [0.0] * Rates.DRAWS
    assert changed_graph(start, Rates(**never), zero) == start
    added = changed_graph(start, Rates(**{**never, "add_connection": 1.0}), zero)
    assert (added.sources[-1], added.targets[-1]) == (0, 4)  # not 5, which 0 is connected to
    gone = changed_graph(start, Rates(**{**never, "delete_node": 1.0}), zero)
    assert (gone.functions, gone.sources, gone.targets, gone.weights) == ((SINE, GAUSSIAN), (1, 5), (5, 4), (0.3, 0.4))
    fewer = changed_graph(start, Rates(**{**never, "delete_connection": 1.0}), zero)
    assert fewer.sources == (5, 1, 6)


def test_nothing_is_added_where_all_is_connected():
    full = CPPN(1, (SINE,), (0, 1, 2, 3), (4,) * 4, (0.5,) * 4)
    for draw in (0.0, 0.3, 0.6, 0.99):
        assert changed_graph(full, Rates(1.0, 0.0, 0.0, 0.0), [draw] * Rates.DRAWS) == full


def test_rates_are_kept():
    encoding = CPPNEncoding((1, 4, 4))
    parents = encoding.random(4000, torch.Generator().manual_seed(0))
    children = encoding.children(parents, torch.Generator().manual_seed(1))
    # A split adds one hidden node in half of them, which is deleted again in a fifth.
    assert sum(child.hidden for child in children) / len(children) == pytest.approx(0.5 * 0.8, abs=0.03)
    still = CPPNEncoding((1, 4, 4), rates=Rates(0.0, 0.0, 0.0, 0.0))
    found = still.children(parents, torch.Generator().manual_seed(1))
    moved = [a != b for p, c in zip(parents, found, strict=True) for a, b in zip(p.weights, c.weights, strict=True)]
    redrawn = [p.functions != c.functions for p, c in zip(parents, found, strict=True)]
    assert sum(moved) / len(moved) == pytest.approx(0.1, abs=0.01)
    assert sum(redrawn) / len(redrawn) == pytest.approx(0.1 * 0.75, abs=0.015)  # a quarter draws what it had


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"coordinates": "polar"}, "coordinates must be one of"),
        ({"rates": Rates(add_connection=2.0)}, "add_connection must lie within 0 and 1"),
        ({"levels": 0}, "levels must be 1 or more"),
        ({"levels": 2.5}, "levels must be 1 or more, an int"),
        ({"eta": -1.0}, "eta must not be negative"),
        ({"shape": 8}, "shape must be"),
    ],
)
def test_what_no_encoding_can_be_made_of_is_named(options, words, unchecked):
    with pytest.raises(InputError, match=words):
        CPPNEncoding(**{"shape": (1, 8, 8), **options})


def test_rates_that_are_no_numbers_are_named(unchecked):
    with pytest.raises(InputError, match="add_connection must lie within 0 and 1, got 'a'"):
        CPPNEncoding((1, 8, 8), rates=Rates(add_connection="a"))
