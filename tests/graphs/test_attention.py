from types import SimpleNamespace

import networkx as nx
import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.data.block_graphs import block_graph, class_features
from netopsy.graphs.adjacency import as_adjacency, edge_index_of
from netopsy.graphs.attention import GAT, softmax_into
from netopsy.graphs.node_classification import random_split
from netopsy.graphs.teddy import find_ticket, ugs_tickets


def directed(nodes=30, seed=0):
    graph = nx.gnp_random_graph(nodes, 0.15, seed=seed, directed=True)
    edges = torch.tensor([*graph.edges, (3, 3)]).T  # a loop that is in the list already
    return edges, torch.randn(nodes, 6, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("bias", [False, True])
def test_it_is_that_of_torch_geometric(bias):
    from torch_geometric.nn import GATConv

    edges, x = directed()
    ours = GAT(6, 8, 3, heads=4, bias=bias, seed=1).eval()
    first = GATConv(6, 2, heads=4, bias=bias)
    last = GATConv(8, 3, heads=1, concat=False, bias=bias)
    for layer, theirs in zip(ours.layers, (first, last), strict=True):
        if bias:
            nn.init.normal_(layer.bias)
            theirs.bias.data.copy_(layer.bias.data)
        theirs.lin.weight.data.copy_(layer.map.weight.data)
        theirs.att_src.data.copy_(layer.source.data[None])
        theirs.att_dst.data.copy_(layer.target.data[None])
    expected = last(nn.functional.elu(first(x, edges)), edges)
    torch.testing.assert_close(ours(x, edges), expected)
    plain = GAT(6, 8, 3, heads=4, dropout=0.0, bias=bias, seed=1).train()
    if not bias:
        torch.testing.assert_close(plain(x, edges), expected)


def test_a_weight_is_a_number_of_edges():
    """Twice the weight is the edge listed twice, no weight no edge; in training, as soft as that is."""
    edges, x = directed()
    edges = edges[:, edges[0] != edges[1]]
    model = GAT(6, 8, 3, heads=2, dropout=0.0, seed=0)
    counts = torch.randint(0, 3, (edges.shape[1],), generator=torch.Generator().manual_seed(1))
    repeated = edges.repeat_interleave(counts, 1)
    torch.testing.assert_close(model.train()(x, edges, counts.float()), model(x, repeated))
    there = model.eval()(x, edges[:, counts > 0])
    torch.testing.assert_close(model(x, edges, counts.float()), there)
    torch.testing.assert_close(model(x, edges, 0.1 * counts.float()), there)


def test_derivatives_reach_the_weights_of_edges():
    edges, x = directed(8)
    model, x = GAT(6, 4, 2, heads=2, dropout=0.0).double().train(), x.double()
    weights = torch.rand(edges.shape[1], dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.1
    assert torch.autograd.gradcheck(lambda w: model(x, edges, w), weights.requires_grad_())


def test_shares_add_up_however_large_the_scores():
    scores = torch.tensor([[1e4], [-1e4], [3.0], [200.0]], requires_grad=True)
    weights = torch.tensor([0.0, 2.0, 1.0, 1.0])
    shares = softmax_into(scores, torch.tensor([0, 0, 1, 1]), 3, weights)
    assert shares.flatten().tolist() == [0.0, 1.0, 0.0, 1.0]
    shares.sum().backward()
    assert scores.grad.isfinite().all()


def test_nodes_may_be_numbered_in_any_way():
    edges, x = directed()
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    model = GAT(6, 8, 3, heads=2).eval()
    place = order.argsort()
    torch.testing.assert_close(model(x[order], place[edges]), model(x, edges)[order])
    alone = model(x, edges.new_zeros(2, 0))
    torch.testing.assert_close(alone[4:5], model(x[4:5], edges.new_zeros(2, 0)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"heads": 3}, "hidden must be a multiple of heads"),
        ({"layers": 0}, "layers must be"),
        ({"heads": 0}, "heads must be"),
        ({"dropout": 1.0}, "dropout must be"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(InputError, match=message):
        GAT(6, 8, 3, **options)


def test_bad_graphs():
    edges, x = directed()
    model = GAT(6, 8, 3)
    with pytest.raises(InputError, match="from 0 to 29"):
        model(x, edges + 5)
    with pytest.raises(InputError, match="for each edge"):
        model(x, edges, torch.ones(3))
    with pytest.raises(InputError, match="not be negative"):
        model(x, edges, -torch.ones(edges.shape[1]))


def test_tickets_with_attention():
    graph = block_graph(120, 3, mean_degree=6.0, seed=0)
    labels = torch.from_numpy(graph.labels)
    masks = dict(zip(("train_mask", "val_mask", "test_mask"), random_split(labels, 8, 30, seed=0), strict=True))
    x = torch.from_numpy(class_features(graph.labels, 8, scale=1.0, seed=0)).float()
    data = SimpleNamespace(x=x, edge_index=edge_index_of(as_adjacency(graph)), y=labels, **masks)
    make = lambda: GAT(8, 16, 3, heads=4, seed=1)  # noqa: E731
    found = find_ticket(make, data, edge_sparsity=0.4, weight_sparsity=0.5, epochs=40)
    assert found.weight_sparsity == pytest.approx(0.5, abs=0.01)
    assert found.accuracy > 0.5  # of three classes
    (other,) = ugs_tickets(make, data, levels=(2,), kind="attention", epochs=15)
    assert 1 - other.mask.float().mean().item() == pytest.approx(1 - 0.95**2, abs=0.01)
    assert other.accuracy > 0.5
