import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netopsy import InputError
from netopsy.graphs.adjacency import as_adjacency, edge_index_of
from netopsy.graphs.teddy import degree_scores, node_values, prune_edges, random_scores, sparsify, teddy_scores
from netopsy.graphs.teddy.sparsified import SCORES


def edges_of(network):
    return edge_index_of(as_adjacency(network))


def scores_of(network, score=teddy_scores):
    """By edge, each direction."""
    edges = edges_of(network)
    return {
        tuple(pair): value for pair, value in zip(edges.T.tolist(), score(edges, len(network)).tolist(), strict=True)
    }


def dense_scores(network):
    """The definition with matrices: the outer product of D^-2 A D^-1/2 1, where there is an edge."""
    matrix = nx.to_numpy_array(network, weight=None)
    degree = matrix.sum(1)
    values = np.array(
        [0.0 if d == 0 else row @ degree.clip(1) ** -0.5 / d**2 for d, row in zip(degree, matrix, strict=True)]
    )
    return np.outer(values, values) * matrix


def test_the_path_of_four():
    edges = edges_of(nx.path_graph(4))
    assert node_values(edges, 4).tolist() == pytest.approx([0.70711, 0.42678, 0.42678, 0.70711], abs=1e-5)
    scores = scores_of(nx.path_graph(4))
    assert [scores[0, 1], scores[1, 2], scores[2, 3]] == pytest.approx([0.30178, 0.18214, 0.30178], abs=1e-5)
    kept, _ = prune_edges(edges, teddy_scores(edges, 4), 1 / 3)
    assert kept.tolist() == [[0, 1, 2, 3], [1, 0, 3, 2]]


@pytest.mark.parametrize(
    ("network", "value"), [(nx.random_regular_graph(4, 12, seed=0), 4**-3), (nx.complete_graph(6), 5**-3)]
)
def test_where_all_degrees_are_alike_all_scores_are(network, value):
    assert {round(score, 12) for score in scores_of(network).values()} == {round(value, 12)}


def test_the_star():
    values = node_values(edges_of(nx.star_graph(9)), 10)
    assert values.tolist() == pytest.approx([1 / 9] + [1 / 3] * 9)
    assert scores_of(nx.star_graph(9))[0, 4] == pytest.approx(9**-1.5)


def test_two_cliques_and_a_bridge():
    scores = scores_of(nx.barbell_graph(4, 0))
    assert scores[3, 4] == pytest.approx(0.019461, abs=1e-6)
    assert [scores[0, 3], scores[5, 4]] == pytest.approx([0.025648] * 2, abs=1e-6)
    assert scores[0, 1] == pytest.approx(0.033803, abs=1e-6)


def test_the_karate_club():
    scores = {pair: value for pair, value in scores_of(nx.karate_club_graph()).items() if pair[0] < pair[1]}
    order = sorted(scores, key=scores.__getitem__)
    assert order[:5] == [(32, 33), (0, 2), (0, 1), (2, 32), (13, 33)]
    assert [scores[pair] for pair in order[:5]] == pytest.approx(
        [1.482e-3, 1.518e-3, 1.855e-3, 1.981e-3, 2.069e-3], abs=5e-7
    )
    assert set(order[-2:]) == {(5, 16), (6, 16)}
    assert sum(scores.values()) == pytest.approx(0.527036, abs=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(2, 15), st.floats(0, 1))
def test_scores_are_those_of_the_definition_and_follow_a_relabelling(seed, nodes, density):
    network = nx.gnp_random_graph(nodes, density, seed=seed)
    edges, expected = edges_of(network), torch.from_numpy(dense_scores(network))
    torch.testing.assert_close(teddy_scores(edges, nodes), expected[edges[0], edges[1]])
    order = torch.from_numpy(np.random.default_rng(seed).permutation(nodes))
    torch.testing.assert_close(teddy_scores(order[edges], nodes), teddy_scores(edges, nodes))
    assert torch.equal(teddy_scores(edges, nodes + 5), teddy_scores(edges, nodes))
    assert torch.equal(teddy_scores(edges.flip(0), nodes), teddy_scores(edges, nodes))  # both ways exactly the same


def test_loops_change_no_score_and_are_never_removed():
    edges = edges_of(nx.path_graph(4))
    loops = torch.cat([edges, torch.tensor([[1, 2], [1, 2]])], 1)
    scores = teddy_scores(loops, 4)
    assert torch.equal(scores[:-2], teddy_scores(edges, 4))
    for undirected in (True, False):
        kept, mask = prune_edges(loops, scores, 0.99, undirected=undirected)
        assert mask[-2:].all()
        assert mask[:-2].sum() == (2 if undirected else 1)  # of 3 edges one is left, or of 6 columns one
        assert torch.equal(kept, loops[:, mask])


def test_degrees_one_step_far_and_nodes_without_neighbours():
    scores = scores_of(nx.star_graph(4), degree_scores)
    assert scores[0, 3] == pytest.approx(0.5)
    assert teddy_scores(torch.empty(2, 0, dtype=torch.long), 3).tolist() == []
    assert node_values(torch.tensor([[0, 1], [1, 0]]), 3)[2] == 0


def test_scores_of_hubs_do_not_vanish():
    star = torch.stack([torch.zeros(100_000, dtype=torch.long), torch.arange(1, 100_001)])
    scores = teddy_scores(torch.cat([star, star.flip(0)], 1), 100_001)
    assert scores.min() == pytest.approx(1e5**-1.5)
    between = torch.cartesian_prod(torch.arange(700), torch.arange(700, 1400)).T
    big = node_values(torch.cat([between, between.flip(0)], 1), 1400)
    assert float(big.min()) ** 2 == pytest.approx(700.0**-3, rel=1e-9)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.floats(0, 0.999))
def test_both_directions_go_together_and_as_many_as_asked(seed, share):
    network = nx.gnp_random_graph(12, 0.4, seed=seed)
    edges = edges_of(network)
    scores = teddy_scores(edges, 12).mul(20).round()  # many ties
    kept, mask = prune_edges(edges, scores, share)
    count = network.number_of_edges()
    assert kept.shape[1] == 2 * (count - int(share * count))
    assert set(map(tuple, kept.T.tolist())) == set(map(tuple, kept.flip(0).T.tolist()))
    if 0 < kept.shape[1] < edges.shape[1]:
        assert scores[~mask].max() <= scores[mask].min()
    order = torch.from_numpy(np.random.default_rng(seed).permutation(edges.shape[1]))
    again, _ = prune_edges(edges[:, order], scores[order], share)
    assert set(map(tuple, again.T.tolist())) == set(map(tuple, kept.T.tolist()))  # whatever the order of the list


def test_short_integers_do_not_overflow():
    """The product of two nodes of a graph this large does not fit into 32 bits."""
    nodes = 100_000
    once = torch.stack([torch.arange(0, nodes - 1, 7), torch.arange(1, nodes, 7)])
    both = torch.cat([once, once.flip(0)], 1)
    short = both.int()
    assert torch.equal(random_scores(short, nodes), random_scores(both, nodes))
    assert random_scores(both, nodes).unique().numel() == once.shape[1]
    for undirected in (True, False):
        given = both if undirected else once
        scores = random_scores(given, nodes)
        expected, mask = prune_edges(given, scores, 0.3, undirected=undirected)
        found, same = prune_edges(given.int(), scores, 0.3, undirected=undirected)
        assert torch.equal(found, expected)
        assert torch.equal(same, mask)


def test_shares_are_decimal_numbers():
    edges = edges_of(nx.path_graph(101))
    _, mask = prune_edges(edges, torch.ones(200), 0.29)  # 0.29 * 100 is 28.999999999999996
    assert mask.sum() == 2 * 71


def test_random_scores_are_the_same_both_ways_and_of_their_seed():
    edges = edges_of(nx.karate_club_graph())
    scores = random_scores(edges, 34, seed=3)
    assert torch.equal(scores, random_scores(edges, 34, seed=3))
    assert not torch.equal(scores, random_scores(edges, 34, seed=4))
    assert torch.equal(scores, random_scores(edges.flip(0), 34, seed=3))
    prune_edges(edges, scores, 0.5)
    draws = torch.stack([prune_edges(edges, random_scores(edges, 34, seed=s), 0.5)[1] for s in range(400)]).double()
    assert (draws.mean(0) - 0.5).abs().max() < 0.1  # every edge as often


EDGES = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: teddy_scores(EDGES, 2), "nodes from 0 to 1, got 2"),
        (lambda: teddy_scores(-EDGES, 3), "got -2"),
        (lambda: teddy_scores(EDGES.float(), 3), "integers"),
        (lambda: degree_scores(EDGES, 2.0), "num_nodes must be an int"),
        (lambda: random_scores(EDGES, 1), "got 2"),
        (lambda: prune_edges(EDGES, torch.ones(4), 1.0), "sparsity must be at least 0 and below 1, got 1.0"),
        (lambda: prune_edges(EDGES, torch.ones(4), -0.1), "sparsity"),
        (lambda: prune_edges(EDGES, torch.ones(4), float("nan")), "sparsity"),
        (lambda: prune_edges(EDGES, torch.ones(3), 0.5), "scores must be \\[4\\]"),
        (lambda: prune_edges(EDGES, torch.full((4,), torch.nan), 0.5), "NaN"),
        (lambda: prune_edges(EDGES[:, :3], torch.ones(3), 0.5), "in both directions"),
        (lambda: prune_edges(EDGES.repeat(1, 2), torch.ones(8), 0.5), "repeated"),
        (lambda: prune_edges(EDGES, torch.tensor([1.0, 2.0, 1.0, 1.0]), 0.5), "the same score"),
        (lambda: sparsify(nx.path_graph(3), 0.5, score="tedy"), "did you mean 'teddy'"),
        (lambda: sparsify(nx.path_graph(3, nx.DiGraph), 0.5), "undirected"),
        (lambda: sparsify("graph.csv", 0.5), "graph must be"),
        (lambda: sparsify(nx.path_graph(3), 50), "sparsity"),
    ],
)
def test_bad_input(call, says, unchecked):
    with pytest.raises(InputError, match=says):
        call()


def test_a_graph_in_any_form_is_thinned_the_same():
    from torch_geometric.utils import from_networkx

    network = nx.karate_club_graph()
    bare = nx.Graph(network.edges)
    bare = nx.relabel_nodes(bare, {node: node for node in network})
    forms = [network, nx.to_scipy_sparse_array(network, weight=None), from_networkx(nx.Graph(bare)), edges_of(network)]
    found = [sparsify(form, 0.5) for form in forms[:2] + forms[3:]]
    assert all(torch.equal(found[0].kept, each.kept) and torch.equal(found[0].edges, each.edges) for each in found)
    assert sparsify(forms[2], 0.5).kept.sum() == found[0].kept.sum() == 39
    kept, _ = prune_edges(edges_of(network), teddy_scores(edges_of(network), 34), 0.5)
    assert set(map(tuple, found[0].edge_index.T.tolist())) == set(map(tuple, kept.T.tolist()))
    assert found[0].adjacency.sum() == 78
    thinned = nx.from_scipy_sparse_array(found[0].adjacency)
    assert found[0].isolated == len(list(nx.isolates(thinned)))


def test_each_score_by_name():
    network = nx.karate_club_graph()
    scores = {name: sparsify(network, 0.5, score=name).scores for name in SCORES}
    assert torch.equal(scores["inverted"], -scores["teddy"])
    assert scores["degree"].argmin() == [*map(tuple, sparsify(network, 0.5).edges.T.tolist())].index((32, 33))
    assert len(scores["random"].unique()) == 78
