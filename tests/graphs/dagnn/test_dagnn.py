import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch_geometric import nn as peers
from torch_geometric.nn.conv.gcn_conv import gcn_norm as peer_norm

from netopsy import InputError
from netopsy.graphs.adjacency import as_adjacency, edge_index_of
from netopsy.graphs.dagnn import (
    DAGNN,
    AdaptivePropagation,
    deepen,
    gcn_norm,
    oversmoothing_curve,
    propagation_limit,
    propagator,
    smoothness,
)

PATH = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])


def edges_of(network):
    return edge_index_of(as_adjacency(network))


def random_graph(seed, n=9):
    return edges_of(nx.gnp_random_graph(n, 0.4, seed=seed)), n


def dense(edge_index, n, mode="sym"):
    edges, weights = gcn_norm(edge_index, n, mode=mode)
    matrix = torch.zeros(n, n, dtype=weights.dtype)
    matrix.index_put_(tuple(edges.flip(0)), weights, accumulate=True)
    return matrix.double()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 100))
def test_normalisation_equals_torch_geometric_and_the_definition(seed):
    edges, n = random_graph(seed)
    matrix = torch.zeros(n, n).index_put_(tuple(edges), torch.tensor(1.0)) + torch.eye(n)
    degree = matrix.sum(1)
    expected = (matrix / degree.sqrt() / degree.sqrt()[:, None]).double()
    torch.testing.assert_close(dense(edges, n), expected)
    torch.testing.assert_close(dense(edges, n, "row"), (matrix / degree[:, None]).double())
    index, weights = peer_norm(edges, None, n)
    peer = torch.zeros(n, n, dtype=torch.float64).index_put_(tuple(index), weights.double(), accumulate=True)
    torch.testing.assert_close(dense(edges, n), peer)


def test_loops_that_are_there_keep_their_weight():
    edges, weights = gcn_norm(torch.tensor([[0, 0, 1], [0, 1, 0]]), 2, torch.tensor([3.0, 1.0, 1.0]))
    assert edges.shape[1] == 4
    assert weights[0] == pytest.approx(3 / 4)


@pytest.mark.parametrize("mode", ["sym", "row"])
def test_the_operator_and_its_derivative_are_those_of_the_matrix(mode):
    edges, n = random_graph(3)
    operator = propagator(edges, n, mode=mode)
    x = torch.randn(n, 4, dtype=torch.float64, requires_grad=True)
    matrix = dense(edges, n, mode)
    torch.testing.assert_close(operator @ x, matrix @ x, atol=1e-6, rtol=1e-6)
    (ours,) = torch.autograd.grad((operator @ x).square().sum(), x)
    (theirs,) = torch.autograd.grad((matrix @ x).square().sum(), x)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    assert torch.autograd.gradcheck(lambda given: operator @ given, x)
    assert torch.autograd.gradgradcheck(lambda given: operator @ given.square(), x)


def test_a_directed_edge_brings_what_it_begins_at_to_where_it_ends():
    edges, n = torch.tensor([[0, 1, 3, 3, 2], [1, 2, 0, 2, 2]]), 4
    weights = torch.tensor([0.5, 2.0, 3.0, 1.0, 4.0])
    x = torch.randn(n, 5)
    peer = peer_norm(edges, weights.double(), n)[1]
    torch.testing.assert_close(gcn_norm(edges, n, weights)[1].sort()[0], peer.sort()[0])
    for hops in (1, 4):
        ours = AdaptivePropagation(5, hops, "last")(x, edges, weights)
        torch.testing.assert_close(ours, peers.APPNP(hops, 0.0)(x, edges, weights))
    rows = dense(edges, n, "row")
    torch.testing.assert_close(rows.sum(1), torch.ones(n, dtype=torch.float64))
    assert rows[1].tolist() == [0.5, 0.5, 0, 0]  # node 1 hears of node 0; node 0 hears nothing of node 1
    assert rows[0, 1] == 0


def test_the_last_hop_and_a_linear_map_are_torch_geometrics_sgconv():
    edges, n = random_graph(6, 20)
    theirs = peers.SGConv(5, 3, K=4)
    x, weights = torch.randn(n, 5), torch.rand(edges.shape[1])
    for edge_weight in (None, weights):
        ours = theirs.lin(AdaptivePropagation(5, 4, "last")(x, edges, edge_weight))
        torch.testing.assert_close(ours, theirs(x, edges, edge_weight))


def test_the_path_of_three():
    matrix = dense(PATH, 3)
    assert torch.linalg.eigvalsh(matrix).tolist() == pytest.approx([-1 / 6, 0.5, 1], abs=1e-6)
    limit = propagation_limit(PATH, 3) @ np.eye(3)
    assert limit.round(4).tolist() == [[0.2857, 0.3499, 0.2857], [0.3499, 0.4286, 0.3499], [0.2857, 0.3499, 0.2857]]
    rows = propagation_limit(PATH, 3, "row") @ np.eye(3)
    assert np.allclose(rows, np.array([2, 3, 2]) / 7)


def test_the_limit_is_approached_as_fast_as_the_eigenvalues_say():
    edges = edges_of(nx.karate_club_graph())
    matrix = dense(edges, 34)
    values = torch.linalg.eigvalsh(matrix)
    assert values[-2] == pytest.approx(0.896142, abs=1e-5)
    assert values[0] == pytest.approx(-0.420110, abs=1e-5)
    limit = torch.from_numpy(propagation_limit(edges, 34) @ np.eye(34))
    for hops, error in ((10, 0.334017), (50, 4.15760e-3), (100, 1.72856e-5)):
        gap = torch.linalg.matrix_norm(torch.linalg.matrix_power(matrix, hops) - limit, 2)
        assert float(gap) == pytest.approx(error, rel=1e-3)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 50), st.sampled_from(["sym", "row"]))
def test_powers_tend_to_the_limit_on_graphs_in_pieces(seed, mode):
    edges = edges_of(nx.disjoint_union(nx.gnp_random_graph(5, 0.6, seed=seed), nx.path_graph(3)))
    matrix = dense(edges, 8, mode)
    limit = propagation_limit(edges, 8, mode) @ np.eye(8)
    assert np.allclose(np.linalg.matrix_power(matrix.numpy(), 3000), limit, atol=1e-4)


def test_smoothness_of_known_features():
    assert smoothness(torch.eye(5)).graph == pytest.approx(2**0.5 / 2)
    opposed = torch.tensor([[1.0, 0]] * 3 + [[-2.0, 0]] * 3)
    assert smoothness(opposed).graph == pytest.approx(0.6)
    assert smoothness(torch.ones(4, 3)).graph == 0
    x = torch.randn(30, 5)
    unit = x / x.norm(dim=1, keepdim=True)
    loops = [sum(float((unit[i] - unit[j]).norm()) / 2 for j in range(30) if j != i) / 29 for i in range(30)]
    assert smoothness(x).nodes.tolist() == pytest.approx(loops, rel=1e-5)


def test_smoothness_falls_with_the_hops():
    edges, x = edges_of(nx.karate_club_graph()), torch.randn(34, 6, dtype=torch.float64)
    curve = oversmoothing_curve(edges, x, [0, 5, 10, 20, 40, 80])
    assert (curve.graph[2:].diff() < 0).all()
    assert curve.graph[0] == pytest.approx(smoothness(x).graph)
    current = x
    for _ in range(5):
        current = dense(edges, 34) @ current
    assert float(curve.graph[1]) == pytest.approx(smoothness(current).graph, abs=1e-6)


def test_gates_with_known_parameters():
    layer = AdaptivePropagation(4, 3)
    nn.init.zeros_(layer.score.weight)
    nn.init.zeros_(layer.score.bias)
    edges, n = random_graph(1)
    x, matrix = torch.randn(n, 4), dense(edges, n).float()
    hops = [x, matrix @ x, matrix @ matrix @ x, matrix @ matrix @ matrix @ x]
    torch.testing.assert_close(layer(x, edges), sum(hops) / 2)
    nn.init.constant_(layer.score.bias, 50.0)
    torch.testing.assert_close(layer(x, edges), sum(hops))
    mixed, scores = layer(x, edges, return_scores=True)
    assert scores.shape == (n, 4)
    torch.testing.assert_close(mixed, torch.einsum("nl,lnc->nc", scores, torch.stack(hops)))
    torch.testing.assert_close(AdaptivePropagation(4, 3, "mean")(x, edges), sum(hops) / 4)
    torch.testing.assert_close(AdaptivePropagation(4, 3, "last")(x, edges), hops[-1])
    torch.testing.assert_close(AdaptivePropagation(4, 0, "last")(x, edges), x)


def test_without_hops_and_with_a_gate_of_zeros_half_of_what_was_transformed_comes_out():
    edges, n = random_graph(1)
    model, x = DAGNN(4, 6, 3, K=0).eval(), torch.randn(n, 4)
    assert model.propagation.score is not None
    nn.init.zeros_(model.propagation.score.weight)
    nn.init.zeros_(model.propagation.score.bias)
    torch.testing.assert_close(model(x, edges), model.transform(x) / 2)


def test_the_last_hop_is_torch_geometrics_appnp():
    edges, n = random_graph(2, 30)
    x = torch.randn(n, 5)
    torch.testing.assert_close(AdaptivePropagation(5, 7, "last")(x, edges), peers.APPNP(7, 0.0)(x, edges))


def test_one_gate_for_all_nodes_and_hops_and_the_authors_counts():
    count = lambda model: sum(parameter.numel() for parameter in model.parameters())  # noqa: E731
    assert count(AdaptivePropagation(7, 10)) == 8
    assert count(DAGNN(1433, 64, 7)) == 92239
    assert count(DAGNN(128, 256, 40, K=16, batch_norm=True)) == 43857


@pytest.fixture(scope="module")
def small_model():
    return DAGNN(6, 8, 3, K=5).double().eval()


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 100))
def test_relabelling_the_nodes_relabels_the_answers(small_model, seed):
    edges, n = random_graph(seed)
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    place = order.argsort()
    x = torch.randn(n, 6, dtype=torch.float64)
    torch.testing.assert_close(small_model(x[order], place[edges]), small_model(x, edges)[order], atol=1e-6, rtol=1e-6)


def test_gradients_are_right():
    edges, n = random_graph(4, 5)
    model = DAGNN(3, 4, 2, K=3, dropout=0.0).double()
    assert torch.autograd.gradcheck(
        lambda x: model(x, edges), torch.randn(n, 3, dtype=torch.float64, requires_grad=True)
    )


def test_an_operator_made_once_gives_the_same():
    edges, n = random_graph(5)
    model, x = DAGNN(6, 8, 3).eval(), torch.randn(n, 6)
    assert torch.equal(model(x, edges), model(x, propagator(edges, n)))


def test_any_node_wise_module_is_deepened_and_one_node_or_class_will_do():
    deep = deepen(nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 1)), 4, channels=1)
    assert deep(torch.zeros(3, 5), PATH).shape == (3, 1)
    assert deep(torch.zeros(1, 5), torch.zeros(2, 0, dtype=torch.long)).shape == (1, 1)
    alone = AdaptivePropagation(2, 3, "last")(torch.ones(4, 2), torch.tensor([[0, 1], [1, 0]]))
    torch.testing.assert_close(alone, torch.ones(4, 2))


def test_bad_input_is_named(unchecked):
    x = torch.zeros(3, 2)
    with pytest.raises(InputError, match="K must be an int of at least 0, got -1"):
        AdaptivePropagation(2, -1)
    with pytest.raises(InputError, match="gate must be"):
        AdaptivePropagation(2, 1, gate="softmax")
    layer = AdaptivePropagation(2, 1)
    with pytest.raises(InputError, match="nodes from 0 to 2, got 5"):
        layer(x, torch.tensor([[0], [5]]))
    with pytest.raises(InputError, match="not negative"):
        layer(x, PATH, torch.tensor([1.0, 1.0, -1.0, 1.0]))
    with pytest.raises(InputError, match=r"edge_weight must be \[4\]"):
        layer(x, PATH, torch.ones(3))
    with pytest.raises(InputError, match=r"H must be \[nodes, 2\]"):
        layer(torch.zeros(3, 4), PATH)
    with pytest.raises(InputError, match="operator on 3 nodes"):
        layer(torch.zeros(5, 2), propagator(PATH, 3))
    with pytest.raises(InputError, match="integers"):
        layer(x, torch.zeros(2, 3))
    with pytest.raises(InputError, match="model must be a torch nn.Module, got function"):
        deepen(lambda given: given, 4, channels=3)
    with pytest.raises(InputError, match="X must be floats, got torch.int64"):
        smoothness(torch.ones(3, 2, dtype=torch.long))
    with pytest.raises(InputError, match="at least two nodes"):
        smoothness(torch.zeros(1, 3))
    with pytest.raises(InputError, match="both ways"):
        propagation_limit(torch.tensor([[0], [1]]), 2)
    with pytest.raises(InputError, match="ks must be"):
        oversmoothing_curve(PATH, x, [])
