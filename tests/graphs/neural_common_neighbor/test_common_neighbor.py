import math

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from torch import nn

from netopsy import InputError
from netopsy.graphs.adjacency import as_adjacency
from netopsy.graphs.neural_common_neighbor import (
    CountPredictor,
    GAEPredictor,
    NCNCPredictor,
    NCNPredictor,
    PureGCN,
    _kernels,
    calibrated,
    candidate_pairs,
    common_neighbors,
    link_graph,
    neighbor_difference,
    neighbourhoods,
    pair_rule,
    pool,
)
from netopsy.graphs.neural_common_neighbor.blocks import normalised
from netopsy.graphs.neural_common_neighbor.neighbourhoods import two_hop_rows
from netopsy.graphs.propagation import propagator

KARATE = nx.karate_club_graph()
EVERY = torch.combinations(torch.arange(34)).T.contiguous()  # as the kernels are given them, compiled once


def random_case(seed, n=12, p=0.4):
    network = nx.gnp_random_graph(n, p, seed=seed)
    network.add_edge(0, 1)
    return network, torch.combinations(torch.arange(n)).T.contiguous()


def eager(predictor, seed=0):
    """In evaluation mode, with parameters that leave nothing at 0 or 1."""
    torch.manual_seed(seed)
    for parameter in predictor.parameters():
        nn.init.normal_(parameter, std=0.4)
    return predictor.double().eval()


def embeddings(n, hidden=6, seed=0):
    return torch.randn(n, hidden, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_known_small_graphs():
    path = torch.tensor([[0, 1], [1, 2]])
    assert common_neighbors(path, torch.tensor([[0], [2]])).indices.tolist() == [1]
    four = nx.complete_graph(4)
    found = common_neighbors(four, torch.tensor([[0, 1], [1, 3]])).toarray()
    assert found.tolist() == [[0, 0, 1, 1], [1, 0, 1, 0]]


def test_counts_on_karate_are_the_square_of_the_adjacency_and_networkx():
    found = common_neighbors(KARATE, EVERY)
    square = (as_adjacency(KARATE) @ as_adjacency(KARATE)).toarray()
    assert np.array_equal(found.sum(1), square[tuple(EVERY.numpy())])
    for row, (i, j) in enumerate(EVERY.T.tolist()):
        assert set(found.indices[found.indptr[row] : found.indptr[row + 1]]) == set(nx.common_neighbors(KARATE, i, j))


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.floats(0.05, 0.9))
def test_neighbourhoods_are_those_of_sets(seed, p):
    network, pairs = random_case(seed, p=p)
    both, (one, other) = common_neighbors(network, pairs), neighbor_difference(network, pairs)
    starts, columns = two_hop_rows(link_graph(network), *pairs.numpy())
    far = dict(nx.all_pairs_shortest_path_length(network))
    for row, (i, j) in enumerate(pairs.T.tolist()):
        a, b = set(network[i]), set(network[j])
        read = [set(m.indices[m.indptr[row] : m.indptr[row + 1]].tolist()) for m in (both, one, other)]
        assert read == [a & b, a - b - {j}, b - a - {i}]
        hops = [u for u in a if far[j].get(u) == 2] + [u for u in b if far[i].get(u) == 2]
        assert columns[starts[row] : starts[row + 1]].tolist() == sorted(hops)


def test_a_hub_is_looked_up_and_not_read():
    star = nx.star_graph(200)
    star.add_edge(5, 9)
    pairs = torch.tensor([[5, 0, 7], [0, 9, 8]])
    assert [common_neighbors(star, pairs)[[row]].indices.tolist() for row in range(3)] == [[9], [5], [0]]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000))
def test_links_taken_out_by_masking_leave_the_graph_built_anew(seed):
    network, _ = random_case(seed)
    graph = link_graph(network)
    edges = graph.edge_index[:, graph.columns > np.repeat(np.arange(12), graph.degrees)]
    gone = torch.randperm(edges.shape[1], generator=torch.Generator().manual_seed(seed))[: edges.shape[1] // 2]
    smaller = network.copy()
    smaller.remove_edges_from(edges[:, gone].T.tolist())
    left = graph.without(gone)
    assert np.array_equal(left.matrix.toarray(), nx.to_numpy_array(smaller, weight=None))
    assert np.array_equal(graph.without(gone[:1]).without(gone).matrix.toarray(), left.matrix.toarray())
    expected = propagator(left.edge_index, 12).matrix.to_dense()
    torch.testing.assert_close(normalised(left).matrix.to_dense(), expected)


def test_pooling_equals_the_product_and_its_derivative():
    rows = common_neighbors(KARATE, EVERY)
    weights = torch.rand(rows.nnz, dtype=torch.float64)
    dense = torch.from_numpy(rows.toarray())
    dense[dense != 0] = weights
    features = embeddings(34).requires_grad_()
    torch.testing.assert_close(pool(features, rows.indptr, rows.indices, weights), dense @ features)
    small = embeddings(34, 2)[:, :2].requires_grad_()
    some = common_neighbors(KARATE, EVERY[:, ::8])
    assert torch.autograd.gradcheck(lambda given: pool(given, some.indptr, some.indices, weights[: some.nnz]), small)
    assert torch.autograd.gradgradcheck(
        lambda given: pool(given, some.indptr, some.indices, weights[: some.nnz]), small
    )


def test_pooling_the_identity_gives_the_indicator_rows():
    predictor = NCNPredictor(34, use_xlin=False)
    graph = link_graph(KARATE)
    found = predictor.pooled(torch.eye(34), graph, *EVERY.numpy())
    assert np.array_equal(found.numpy(), common_neighbors(KARATE, EVERY).toarray())


@pytest.mark.parametrize(
    ("pt", "alpha", "z", "expected"),
    [
        (0.5, 1.0, 3.0, 1 / 3),
        (0.75, 0.4, 3.0, 0.4 * 0.75 / 1.75),
        (0.5, 0.7, 100.0, 0.7),
        (0.5, 0.7, -100.0, 0.0),
        (1.0, 0.9, 3.1, 0.9 / (1 + math.exp(-0.5))),
    ],
)
def test_calibration_in_closed_form(pt, alpha, z, expected):
    found = calibrated(torch.tensor([z], dtype=torch.float64), scale=5.0, offset=3.0, pt=pt, alpha=alpha)
    assert found.item() == pytest.approx(expected, abs=1e-9)


PREDICTORS = {
    "gae": lambda: GAEPredictor(6),
    "count": lambda: CountPredictor(6),
    "ncn": lambda: NCNPredictor(6),
    "two layers, linear ends": lambda: NCNPredictor(6, two_layer=True, tailact=False, use_xlin=False),
    "differences": lambda: NCNPredictor(6, extra="differences"),
    "two-hop": lambda: NCNPredictor(6, extra="two-hop"),
    "ncnc": lambda: NCNCPredictor(6, offset=0.0),
    "ncnc, depth 2": lambda: NCNCPredictor(6, depth=2, offset=0.0, transformed_again=True),
}


@pytest.mark.parametrize("name", PREDICTORS)
def test_scores_do_not_depend_on_order_or_names_and_isolated_nodes_are_finite(name):
    network, pairs = random_case(3)
    network.add_node(12)
    pairs = torch.cat([pairs, torch.tensor([[12], [0]])], 1)
    predictor, H = eager(PREDICTORS[name]()), embeddings(13)
    with torch.no_grad():
        scores = predictor(H, network, pairs)
        torch.testing.assert_close(predictor(H, network, pairs.flip(0)), scores)
        order = torch.randperm(13, generator=torch.Generator().manual_seed(0))
        renamed = as_adjacency(network)[order.numpy()][:, order.numpy()]
        torch.testing.assert_close(predictor(H[order], renamed, order.argsort()[pairs]), scores)
    assert scores.isfinite().all()
    assert scores.std() > 1e-4


def test_completion_in_the_limits():
    graph, H = link_graph(KARATE), embeddings(34)
    plain, none = eager(NCNPredictor(6)), eager(NCNCPredictor(6, alpha=0.0))
    torch.testing.assert_close(none(H, graph, EVERY), plain(H, graph, EVERY), rtol=0, atol=0)
    everything = eager(NCNCPredictor(6, alpha=1.0, offset=-math.inf))
    starts, columns, weights = everything.completed_weights(H, graph, EVERY)
    assert (weights == 1).all()
    for row, (i, j) in enumerate(EVERY.T.tolist()):
        union = (set(KARATE[i]) | set(KARATE[j])) - {i, j}
        assert set(columns[starts[row] : starts[row + 1]].tolist()) == union


@pytest.mark.parametrize("depth", [1, 2])
def test_completion_by_its_definition_node_by_node(depth):
    network, pairs = random_case(1, n=8)
    H, predictor = embeddings(8), eager(NCNCPredictor(6, depth=depth, offset=0.2, scale=2.0, alpha=0.9, split_size=7))

    def logit(i, j, deep):
        a, b = set(network[i]), set(network[j])
        made = H + predictor.node(H)
        pooled = sum((made[u] for u in a & b), torch.zeros(6, dtype=torch.float64))
        for own, far, other in ((a, j, b), (b, i, a)) if deep else ():
            for u in own - other - {i, j}:
                p0 = torch.sigmoid(2.0 * (logit(u, far, deep - 1) - 0.2))
                pooled = pooled + 0.9 * 0.5 * p0 / (0.5 * p0 + 1 - p0) * made[u]
        both = predictor.beta * predictor.common(pooled[None]) + predictor.ends((H[i] * H[j])[None])
        return predictor.score(both)[0, 0]

    with torch.no_grad():
        expected = torch.stack([logit(i, j, depth) for i, j in pairs.T.tolist()])
        torch.testing.assert_close(predictor(H, network, pairs), expected)


def test_no_gradient_goes_through_the_probabilities_and_the_mode_is_kept():
    network, pairs = random_case(1)
    predictor = eager(NCNCPredictor(6, offset=0.0)).train()
    H = embeddings(12).requires_grad_()
    *_, weights = predictor.completed_weights(H, link_graph(network), pairs)
    assert not weights.requires_grad
    assert ((weights > 0) & (weights < 1)).any()
    predictor(H, network, pairs).sum().backward()
    assert predictor.training
    assert all(module.training for module in predictor.modules())
    assert H.grad.abs().sum() > 0


def test_thinned_neighbourhoods_are_right_on_average():
    star = nx.star_graph(30)
    star.add_edge(31, 32)
    pairs = torch.tensor([[0], [31]])
    often = pairs.repeat(1, 400)
    whole = eager(NCNCPredictor(6, offset=0.0))
    thin = eager(NCNCPredictor(6, offset=0.0, max_degree=5)).train()
    H, graph = embeddings(33), link_graph(star)
    *_, expected = whole.completed_weights(H, graph, pairs)
    torch.manual_seed(0)
    starts, _, weights = thin.completed_weights(H, graph, often)
    assert set(np.diff(starts)) == {5 + 1}
    assert float(weights.sum()) / 400 == pytest.approx(float(expected.sum()), rel=0.03)


def test_thinned_neighbourhoods_are_the_same_in_every_evaluation_and_batch():
    network = nx.barabasi_albert_graph(40, 6, seed=0)
    pairs = torch.combinations(torch.arange(40)).T[:, ::7]
    thin = eager(NCNCPredictor(6, offset=0.0, max_degree=2)).eval()
    H, state = embeddings(40), torch.get_rng_state()
    with torch.no_grad():
        whole = thin(H, network, pairs)
        parts = torch.cat([thin(H, network, part) for part in pairs.split(5, 1)])
        torch.testing.assert_close(whole, parts)
        assert torch.equal(thin(H, network, pairs), whole)
        assert torch.equal(torch.get_rng_state(), state)
        other = eager(NCNCPredictor(6, offset=0.0, max_degree=2, seed=1)).eval()
        other.load_state_dict(thin.state_dict())
        assert (other(H, network, pairs) - whole).abs().max() > 1e-6
        thin.train()
        assert not torch.equal(thin(H, network, pairs), thin(H, network, pairs))


def test_on_a_ring_only_common_neighbours_tell_pairs_apart():
    ring = nx.cycle_graph(6)
    with torch.no_grad():
        H = PureGCN(1, 6, 2).eval()(torch.ones(6, 1), link_graph(ring).edge_index).double()
    torch.testing.assert_close(H, H[:1].expand(6, -1))
    pairs = torch.tensor([[0, 0], [2, 3]])
    with torch.no_grad():
        near, far = eager(GAEPredictor(6))(H, ring, pairs)
        torch.testing.assert_close(near, far)
        near, far = eager(NCNPredictor(6))(H, ring, pairs)
        assert abs(float(near - far)) > 1e-3


@pytest.mark.parametrize(("options", "layers"), [({}, 2), ({"jump": True}, 2), ({"residual": True}, 1)])
def test_pure_gcn_is_a_map_and_averages(options, layers):
    graph, x = link_graph(KARATE), torch.randn(34, 5)
    encoder = PureGCN(5, 4, layers, **options).eval()
    dense = nx.to_numpy_array(KARATE, weight=None) + np.eye(34)
    root = 1 / np.sqrt(dense.sum(1))
    average = torch.from_numpy(dense * root * root[:, None]).float()
    h = encoder.map(x)
    expected = average @ h + h if "residual" in options else average @ (average @ h)
    expected = expected + average @ h if "jump" in options else expected
    torch.testing.assert_close(encoder(x, graph.edge_index), expected)


@pytest.mark.parametrize(
    ("rule", "peer"),
    [("Adamic-Adar", nx.adamic_adar_index), ("resource allocation", nx.resource_allocation_index)],
)
def test_rules_equal_networkx(rule, peer):
    expected = [value for _, _, value in peer(KARATE, [tuple(pair) for pair in EVERY.T.tolist()])]
    np.testing.assert_allclose(pair_rule(KARATE, EVERY, rule).numpy(), expected, atol=1e-12)


def test_candidates_are_the_pairs_at_distance_two_best_first():
    far = dict(nx.all_pairs_shortest_path_length(KARATE))
    expected = {(i, j) for i, j in EVERY.T.tolist() if far[i][j] == 2}
    assert set(map(tuple, candidate_pairs(KARATE).T.tolist())) == expected
    few = candidate_pairs(KARATE, 5)
    every = pair_rule(KARATE, candidate_pairs(KARATE), "resource allocation")
    np.testing.assert_allclose(
        pair_rule(KARATE, few, "resource allocation").sort().values, every.sort().values[-5:], atol=1e-12
    )


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        (torch.tensor([[0], [34]]), "from 0 to 33, got 34"),
        (torch.tensor([[-1], [3]]), "from 0 to 33, got -1"),
        (torch.tensor([[2], [2]]), r"node \[2\] with itself"),
        (torch.tensor([[0.0], [2.0]]), "must be integers"),
        (torch.tensor([0, 1]), r"\[2, pairs\]"),
        ([[0], [1]], "got list"),
    ],
)
def test_bad_pairs_are_named(pairs, said, unchecked):
    with pytest.raises(InputError, match=said):
        common_neighbors(KARATE, pairs)
    with pytest.raises(InputError, match=said):
        NCNPredictor(4)(torch.zeros(34, 4), KARATE, pairs)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: NCNPredictor(0), "hidden must be"),
        (lambda: NCNPredictor(4, dropout=1.0), "dropout must be"),
        (lambda: NCNPredictor(4, extra="three-hop"), "extra must be"),
        (lambda: NCNCPredictor(4, depth=-1), "depth must be"),
        (lambda: NCNCPredictor(4, pt=0.0), "pt must be"),
        (lambda: NCNCPredictor(4, alpha=-1.0), "alpha must"),
        (lambda: NCNCPredictor(4, max_degree=0), "max_degree must"),
        (lambda: PureGCN(4, 4, 0), "layers must"),
        (lambda: common_neighbors(nx.DiGraph([(0, 1)]), torch.tensor([[0], [1]])), "directed"),
        (lambda: NCNPredictor(4)(torch.zeros(3, 4), KARATE, EVERY), r"H must be \[34, 4\]"),
        (lambda: pair_rule(KARATE, EVERY, "Katz"), "unknown rule"),
        (lambda: candidate_pairs(nx.complete_graph(4)), "no two nodes"),
    ],
)
def test_bad_options_are_named(make, said, unchecked):
    with pytest.raises(InputError, match=said):
        make()


@pytest.mark.parametrize("seed", range(4))
def test_many_pairs_and_few_share_the_same(seed, monkeypatch):
    """Both kernels against rows of the matrix multiplied; hubs, repeated pairs and nodes without links among them."""
    graph = link_graph(nx.barabasi_albert_graph(300, 3, seed=seed))
    random = np.random.default_rng(seed)
    first, second = random.integers(0, 300, (2, 2000))
    first[:50], second[:50] = 0, random.integers(1, 300, 50)
    first, second = first[first != second], second[first != second]
    expected = graph.matrix[first].multiply(graph.matrix[second]).tocsr()
    for many in (0, neighbourhoods.MANY):
        monkeypatch.setattr(neighbourhoods, "MANY", many)
        starts, columns = neighbourhoods.shared_rows(graph, first, second)
        assert np.array_equal(starts, expected.indptr)
        assert np.array_equal(columns, expected.indices)
    empty = np.zeros(0, dtype=np.int64)
    assert [len(part) for part in neighbourhoods.shared_rows(graph, empty, empty)] == [1, 0]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 8), st.floats(0, 1))
def test_rows_and_columns_exchanged(seed, rows, columns, density):
    matrix = sparse.random_array((rows, columns), density=density, rng=seed, format="csr")
    begins, at, entries = _kernels.transposed(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), columns)
    expected = matrix.tocsc()
    assert np.array_equal(begins, expected.indptr)
    assert np.array_equal(at, expected.indices)
    assert np.array_equal(matrix.data[entries], expected.data)
