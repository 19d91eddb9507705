"""What must not depend on isolated nodes, on the order of a pair, on an edge listed again or on the other side."""

import networkx as nx
import numpy as np
import pytest
import torch

from netopsy import InputError
from netopsy.graphs.graph_valuation import structural_disparity
from netopsy.graphs.neural_common_neighbor import NCNCPredictor, NCNPredictor, link_graph
from netopsy.graphs.neural_common_neighbor.pooling import pool
from netopsy.graphs.noisy_label_clustering import checked_graph, local_cluster
from netopsy.graphs.teddy import teddy_scores
from netopsy.graphs.teddy.scores import repeated


@pytest.mark.parametrize("matcher", ["grampa", "faq"])
def test_a_graph_is_worth_what_it_is_worth_with_isolated_nodes_listed(matcher):
    graph = nx.gnp_random_graph(60, 0.15, seed=1)
    graph.remove_nodes_from(list(nx.isolates(graph)))
    more = nx.to_numpy_array(graph)
    places = np.random.default_rng(0).permutation(len(more) + 4)
    padded = np.zeros((len(more) + 4,) * 2)
    padded[: len(more), : len(more)] = more
    shuffled = padded if matcher == "faq" else padded[np.ix_(places, places)]
    assert structural_disparity(more, shuffled, matcher=matcher) < 1e-6


@pytest.mark.parametrize("transformed_again", [False, True])
def test_a_completed_pair_has_one_score_either_way_round_whatever_is_drawn(transformed_again):
    graph = link_graph(nx.star_graph(60))
    H = torch.randn(61, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    model = NCNCPredictor(8, max_degree=4, depth=2, transformed_again=transformed_again).double().eval()
    pairs = torch.tensor([[0, 3, 7], [5, 9, 0]])
    torch.testing.assert_close(model(H, graph, pairs), model(H, graph, pairs.flip(0)), atol=1e-12, rtol=0)


@pytest.mark.parametrize("made", [NCNPredictor, NCNCPredictor])
def test_a_few_pairs_transform_only_the_nodes_they_need(made):
    network = nx.barabasi_albert_graph(300, 2, seed=0)
    graph, H = link_graph(network), torch.randn(300, 8, generator=torch.Generator().manual_seed(0))
    model = made(8).eval()
    seen = []
    model.node.register_forward_hook(lambda module, given, out: seen.append(len(given[0])))
    pairs = torch.tensor([[280, 290], [299, 298]])
    few = model(H, graph, pairs)
    assert max(seen) < 300
    model.transformed_sums = lambda H, starts, columns, weights=None: pool(
        model.transformed(H), starts, columns, weights
    )
    torch.testing.assert_close(model(H, graph, pairs), few)


@pytest.mark.parametrize("call", ["forward", "scores", "weights"])
def test_widths_that_do_not_fit_are_named(call):
    graph, model = link_graph(nx.path_graph(4)), NCNCPredictor(8)
    ends = np.array([0]), np.array([2])
    pairs = torch.tensor([[0], [2]])
    with pytest.raises(InputError, match=r"H must be \[4, 8\]"):
        {
            "forward": lambda H: model(H, graph, pairs),
            "scores": lambda H: model.scores(H, graph, *ends),
            "weights": lambda H: model.completed_weights(H, graph, pairs),
        }[call](torch.zeros(4, 5))


def test_an_edge_listed_again_does_not_change_its_worth():
    star = torch.tensor([[0, 1, 0, 2], [1, 0, 2, 0]])
    again = torch.cat([star, star[:, :2]], 1)
    torch.testing.assert_close(teddy_scores(again, 3)[:4], teddy_scores(star, 3))
    assert teddy_scores(again, 3)[0].item() == pytest.approx(0.5 * 2**-0.5)
    random = np.random.default_rng(0).integers(0, 9, (2, 12))
    assert repeated(random, 9) == (len(np.unique(random, axis=1).T) < 12)


def test_the_cluster_is_on_the_side_of_its_seed_and_near_the_hint():
    # A ring of 40 with a small tail behind it: a large source fills everything but the tail's end.
    graph = nx.cycle_graph(40)
    nx.add_path(graph, [20, *range(40, 46)])
    checked = checked_graph(graph)
    found = local_cluster(checked, 0, size_hint=8)
    assert len(found) <= 23
    near = local_cluster(checked, 0, size_hint=8, most=16)
    assert len(near) <= 16
    assert 0 in near.nodes
