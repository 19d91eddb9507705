"""What is handed in as float64 comes out to 1e-12, whatever torch's default type is."""

import networkx as nx
import numpy as np
import pytest
import torch

from netopsy.graphs.adjacency import as_adjacency, edge_index_of
from netopsy.graphs.attention import GAT
from netopsy.graphs.dagnn import DAGNN, AdaptivePropagation, oversmoothing_curve, smoothness
from netopsy.graphs.graph_valuation import smoothed_features
from netopsy.graphs.networks import APPNP, GCN, GIN
from netopsy.graphs.neural_common_neighbor import NCNCPredictor, NCNPredictor, PureGCN, link_graph
from netopsy.graphs.neural_common_neighbor.blocks import normalised
from netopsy.graphs.propagation import gcn_norm, propagator

PATH = torch.tensor([[0, 1, 1, 2], [1, 0, 2, 1]])
KARATE = as_adjacency(nx.karate_club_graph())
EDGES = edge_index_of(KARATE)


def averaging(adjacency=KARATE):
    matrix = adjacency.toarray() + np.eye(adjacency.shape[0])
    root = matrix.sum(1) ** -0.5
    return torch.from_numpy(root[:, None] * matrix * root)


def test_a_path_of_three_is_averaged_in_float64():
    made = AdaptivePropagation(3, 1, gate="last").double()(torch.eye(3).double(), PATH)
    assert abs(float(made[0, 1].detach()) - 6**-0.5) < 1e-15


def test_normalised_weights_are_float64_even_of_single_precision_ones():
    weights = torch.full((4,), 0.1)
    _, made = gcn_norm(PATH, 3, weights)
    assert made.dtype == torch.float64
    assert abs(float(made[0]) - 0.1 / np.sqrt((1 + 0.1) * (1 + 0.2))) < 1e-8
    assert abs(float(gcn_norm(PATH, 3)[1][0]) - 6**-0.5) < 1e-15


def test_one_operator_serves_every_type_and_rounds_once():
    operator = propagator(EDGES, 34)
    x = torch.rand(34, 3)
    assert (operator @ x).dtype == torch.float32
    torch.testing.assert_close(operator @ x.double(), averaging() @ x.double(), atol=1e-14, rtol=0)
    assert operator.to(x).matrix is operator.to(x).matrix  # not made anew at each step


@pytest.mark.parametrize("edges", ["edges", "operator"])
@pytest.mark.parametrize("made", [GCN, APPNP, DAGNN, PureGCN])
def test_networks_agree_with_dense_algebra_in_float64(made, edges):
    model = made(34, 8) if made is PureGCN else made(34, 8, 4)
    model = model.double().eval()
    x, S = torch.eye(34, dtype=torch.float64), averaging()
    if made is GCN:
        first, second = model.maps
        expected = S @ second((S @ (x @ first.weight.T) + first.bias).relu())
    elif made is APPNP:
        expected = start = model.transform(x)
        for _ in range(10):
            expected = 0.9 * (S @ expected) + 0.1 * start
    elif made is DAGNN:
        hops = [model.transform(x)]
        for _ in range(10):
            hops.append(S @ hops[-1])
        expected = sum(torch.sigmoid(model.propagation.score(hop)) * hop for hop in hops)
    else:
        expected = model.map(x)
        for _ in range(model.layers):
            expected = S @ expected
        if model.coefficients is not None:
            every = [model.map(x)]
            for _ in range(model.layers):
                every.append(S @ every[-1])
            expected = sum(c * hop for c, hop in zip(model.coefficients, every[1:], strict=True))
    given = EDGES if edges == "edges" else propagator(EDGES, 34)
    torch.testing.assert_close(model(x, given), expected, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("made", [GIN, GAT])
def test_integer_weights_beyond_single_precision_stay_exact(made):
    model = made(2, 8, 2).double().eval()
    x = torch.eye(3, 2, dtype=torch.float64)
    large = torch.tensor([2**24 + 1, 2**24 + 1, 2, 2])
    torch.testing.assert_close(model(x, PATH, large), model(x, PATH, large.double()), atol=1e-12, rtol=0)


def test_smoothness_curves_and_smoothed_features():
    x = torch.rand(34, 5, dtype=torch.float64)
    S = averaging()
    curve = oversmoothing_curve(EDGES, x, [0, 3])
    assert curve.graph.dtype == torch.float64
    assert abs(float(curve.graph[1]) - smoothness(torch.linalg.matrix_power(S, 3) @ x).graph) < 1e-12
    np.testing.assert_allclose(smoothed_features(KARATE, x, 2), S @ S @ x, atol=1e-12)


def test_link_predictors_are_given_float64():
    graph = link_graph(KARATE)
    x = torch.eye(34, dtype=torch.float64)
    torch.testing.assert_close(normalised(graph) @ x, averaging(), atol=1e-15, rtol=0)
    predictor = NCNCPredictor(34, dropout=0.0, max_degree=3).double().eval()
    _, _, weights = predictor.completed_weights(x, graph, torch.tensor([[0], [33]]))
    assert weights.dtype == torch.float64
    # An odd number of neighbours drawn down to 3 counts by a ratio that single precision cannot say.
    model = NCNPredictor(34, dropout=0.0).double().eval()
    assert model(x, graph, torch.tensor([[0], [33]])).dtype == torch.float64


def test_a_graph_convolution_is_that_of_torch_geometric_with_its_bias_behind_the_average():
    from torch_geometric.nn import GCNConv

    model = GCN(5, 4, 3).double().eval()
    for layer in model.maps:
        torch.nn.init.normal_(layer.bias)
    x = torch.rand(34, 5, dtype=torch.float64)
    expected = x
    for number, layer in enumerate(model.maps):
        peer = GCNConv(layer.in_features, layer.out_features).double()
        peer.lin.weight.data, peer.bias.data = layer.weight.data, layer.bias.data
        expected = peer(expected.relu() if number else expected, EDGES)
    torch.testing.assert_close(model(x, EDGES), expected, atol=1e-12, rtol=1e-12)
