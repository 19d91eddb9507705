import itertools
from types import SimpleNamespace

import networkx as nx
import pytest
import torch
from torch import nn

from netopsy import InputError
from netopsy.data.block_graphs import block_graph, class_features
from netopsy.graphs.adjacency import as_adjacency, edge_index_of
from netopsy.graphs.networks import GCN, GIN, neighbour_sum
from netopsy.graphs.node_classification import NodeRecipe, random_split
from netopsy.graphs.propagation import propagator
from netopsy.graphs.teddy import L0Projection, find_ticket, prune_edges, teddy_scores, ugs_tickets
from netopsy.graphs.teddy.edge_masks import EdgeWeights
from netopsy.graphs.teddy.ticket import accuracy, trained

EPOCHS = 12


@pytest.fixture(scope="module")
def data():
    graph = block_graph(120, 3, mean_degree=6.0, seed=0)
    labels = torch.from_numpy(graph.labels)
    masks = dict(zip(("train_mask", "val_mask", "test_mask"), random_split(labels, 8, 30, seed=0), strict=True))
    x = torch.from_numpy(class_features(graph.labels, 8, scale=1.0, seed=0)).float()
    return SimpleNamespace(x=x, edge_index=edge_index_of(as_adjacency(graph)), y=labels, **masks)


def gcn():
    return GCN(8, 16, 3, bias=False, seed=1)


def gin():
    return GIN(8, 16, 3, seed=1)


def ticket(data, **options):
    given = {"edge_sparsity": 0.4, "weight_sparsity": 0.65, "epochs": EPOCHS, **options}
    return find_ticket(given.pop("make", gcn), data, **given)


def test_the_ticket_is_as_sparse_as_asked_at_every_epoch(data):
    found = ticket(data)
    count = data.edge_index.shape[1] // 2
    assert found.edge_index.shape[1] == 2 * (count - int(0.4 * count))
    assert found.edge_sparsity == pytest.approx(0.4, abs=1 / count)
    size = sum(p.numel() for p in found.model.parameters())
    assert found.weight_sparsity == pytest.approx(-(-65 * size // 100) / size)
    assert len(found.history) == EPOCHS
    assert all(epoch.sparsity == pytest.approx(found.weight_sparsity) for epoch in found.history)
    expected, mask = prune_edges(data.edge_index, teddy_scores(data.edge_index, 120), 0.4)
    assert torch.equal(found.edge_index, expected)
    assert torch.equal(found.mask, mask)
    assert found.accuracy == pytest.approx(accuracy(found.model, data, found.edge_index))
    assert found.teacher is not None
    assert found.seconds > 0


def test_it_is_the_plain_training_where_nothing_is_removed_or_taught(data):
    found = ticket(data, edge_sparsity=0.0, weight_sparsity=0.0, lam=0.0)
    plain = trained(gcn(), data, data.edge_index, NodeRecipe(epochs=EPOCHS, select="accuracy"))
    torch.testing.assert_close(found.logits, plain.logits)
    assert found.teacher is None
    assert found.accuracy == plain.test


def test_the_network_sees_the_short_list_and_its_degrees(data):
    seen = []

    class Watching(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = gcn()

        def forward(self, x, edge_index):
            seen.append(edge_index.shape[1])
            return self.inner(x, edge_index)

    found = ticket(data, make=Watching, lam=0.0)
    assert set(seen) == {found.edge_index.shape[1]}
    prepared = ticket(data, lam=0.0, prepare=propagator)
    torch.testing.assert_close(prepared.logits, found.logits)


def test_the_teacher_teaches(data):
    """A teacher who knows every label hands that on."""
    knows = 8.0 * torch.nn.functional.one_hot(data.y, 3).float()
    sparse = {"edge_sparsity": 0.7, "weight_sparsity": 0.0, "epochs": 40}
    gains = []
    for seed in range(2):
        alone = ticket(data, lam=0.0, seed=seed, **sparse)
        taught = ticket(data, lam=10.0, teacher=knows, seed=seed, **sparse)
        gains.append(taught.accuracy - alone.accuracy)
        assert taught.teacher is None  # given, not trained here
    assert sum(gains) / 2 > 0.03
    own = ticket(data, lam=10.0, epochs=3)
    given = ticket(data, lam=10.0, epochs=3, teacher=own.teacher.logits)
    assert torch.equal(given.logits, own.logits)


def test_random_state_and_data_are_left_alone(data):
    before = torch.random.get_rng_state()
    kept = data.edge_index.clone(), data.x.clone()
    one, other = ticket(data), ticket(data)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(one.logits, other.logits)
    assert torch.equal(kept[0], data.edge_index)
    assert torch.equal(kept[1], data.x)


def test_networks_and_data_of_torch_geometric(data):
    from torch_geometric.data import Data
    from torch_geometric.nn.models import GAT

    def gat():
        torch.manual_seed(0)
        return GAT(8, 16, 2, out_channels=3, heads=4, dropout=0.6, act="elu")

    found = ticket(Data(**vars(data)), make=gat, epochs=40)
    assert found.weight_sparsity == pytest.approx(0.65, abs=0.01)
    assert found.accuracy > 0.4  # of three classes


def test_a_ticket_learns(data):
    for make in (gcn, gin):
        found = ticket(data, make=make, epochs=60)
        assert found.accuracy > 0.65
        assert found.accuracy > found.teacher.test - 0.2


@pytest.mark.parametrize(("kind", "peer"), [("normalised", propagator), ("sum", neighbour_sum)])
def test_edge_weights_at_one_give_the_plain_operator(kind, peer):
    network = nx.gnp_random_graph(15, 0.3, seed=1)
    both = edge_index_of(as_adjacency(network))
    once = both[:, both[0] < both[1]]
    operator = EdgeWeights(once, 15, kind).operator(torch.ones(once.shape[1]))
    x = torch.randn(15, 4)
    torch.testing.assert_close(operator @ x, peer(both, 15) @ x)


@pytest.mark.parametrize("kind", ["normalised", "sum"])
def test_the_derivative_by_edge_weights_is_right(kind):
    network = nx.gnp_random_graph(7, 0.5, seed=1)
    both = edge_index_of(as_adjacency(network))
    once = both[:, both[0] < both[1]]
    structure = EdgeWeights(once, 7, kind)
    weights = torch.rand(once.shape[1], dtype=torch.float64, requires_grad=True)
    x = torch.randn(7, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w, f: structure.operator(w) @ f, (weights, x))


@pytest.mark.parametrize(("make", "kind"), [(gcn, "normalised"), (gin, "sum")])
def test_ugs_prunes_as_much_as_teddy_at_each_level(data, make, kind):
    found = list(ugs_tickets(make, data, levels=(1, 3), kind=kind, epochs=EPOCHS))
    assert [each.level for each in found] == [1, 3]
    for each in found:
        wanted = ticket(data, edge_sparsity=1 - 0.95**each.level, weight_sparsity=1 - 0.9**each.level, epochs=1)
        assert each.mask.sum() == wanted.mask.sum()
        assert torch.equal(data.edge_index[:, each.mask], each.edge_index)
        backward = set(map(tuple, each.edge_index.flip(0).T.tolist()))
        assert set(map(tuple, each.edge_index.T.tolist())) == backward
        zeros = L0Projection(each.model, 0.0).sparsity()
        assert zeros == pytest.approx(wanted.weight_sparsity, abs=2.5 / 180)  # the two eps of GIN may be 0 besides
    assert (found[0].mask | ~found[1].mask).all()  # once gone, gone


def test_a_later_level_has_taken_all_rounds_and_its_own_last_training(data, monkeypatch):
    monkeypatch.setattr("netopsy.graphs.teddy.ugs.perf_counter", itertools.count().__next__)
    found = list(ugs_tickets(gcn, data, levels=(1, 3), epochs=1))
    # One tick of this clock for each round and each last training.
    assert [each.seconds for each in found] == [2, 4]


def test_ugs_without_pruning_is_the_plain_training(data):
    (found,) = ugs_tickets(gcn, data, levels=(1,), edge_rate=0.0, weight_rate=0.0, epochs=EPOCHS)
    plain = trained(gcn(), data, data.edge_index, NodeRecipe(epochs=EPOCHS, select="accuracy"))
    assert found.accuracy == plain.test
    assert all(torch.equal(*pair) for pair in zip(found.model.parameters(), plain.model.parameters(), strict=True))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"edge_sparsity": 1.0}, "edge_sparsity must be"),
        ({"weight_sparsity": -0.1}, "weight_sparsity must be"),
        ({"lam": -1.0}, "lam must be"),
        ({"epochs": 0}, "epochs must be"),
        ({"make": lambda: "network"}, "model must be a torch"),
        ({"teacher": torch.zeros(120, 2)}, "student and teacher must be"),
        ({"x": torch.zeros(3, 8)}, "nodes from 0 to 2"),
        ({"val_mask": None}, "data must have a tensor 'val_mask', got NoneType"),
        ({"edge_index": torch.tensor([[0], [1]])}, "in both directions"),
    ],
)
def test_bad_input(data, options, says, unchecked):
    held = {name: options.pop(name) for name in ("x", "val_mask", "edge_index") if name in options}
    with pytest.raises(InputError, match=says):
        ticket(SimpleNamespace(**{**vars(data), **held}), **{"lam": 0.1, **options})


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"levels": ()}, "levels must be"),
        ({"levels": (3, 1)}, "levels must be"),
        ({"levels": (0,)}, "levels must be"),
        ({"kind": "mean"}, "kind must be"),
        ({"edge_rate": 1.0}, "edge_rate must be"),
        ({"weight_rate": -1.0}, "weight_rate must be"),
    ],
)
def test_bad_input_to_ugs(data, options, says, unchecked):
    with pytest.raises(InputError, match=says):
        ugs_tickets(gcn, data, **options)


def test_ugs_takes_no_loops(data):
    looped = SimpleNamespace(**{**vars(data), "edge_index": torch.tensor([[0, 1, 1], [1, 0, 1]])})
    with pytest.raises(InputError, match="no loops"):
        ugs_tickets(gcn, looped)
