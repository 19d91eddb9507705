import pytest
import torch
from torch import nn
from torch.nn import functional
from torch_geometric import nn as peers

from netopsy import InputError
from netopsy.graphs.dagnn import DAGNN
from netopsy.graphs.networks import APPNP, GCN, GIN, neighbour_sum
from netopsy.graphs.neural_common_neighbor import PureGCN
from netopsy.graphs.node_classification import NodeRecipe, random_split, train_node_classifier
from netopsy.graphs.propagation import operator_of, propagator


def two_groups(n=60, seed=0):
    """Two groups joined within, with features that tell them apart a little."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(n) % 2
    near = (torch.rand(n, n, generator=random) < torch.where(labels[:, None] == labels, 0.3, 0.02)).triu(1)
    edges = torch.cat([near.nonzero(), near.nonzero().flip(1)]).T
    x = torch.randn(n, 4, generator=random) + labels[:, None]
    return x, edges, labels


def split(labels):
    return dict(zip(("train", "validation", "test"), random_split(labels, 5, 20), strict=True))


@pytest.mark.parametrize("make", [GCN, GIN, APPNP])
def test_networks_learn_and_are_left_at_the_chosen_epoch(make):
    x, edges, labels = two_groups()
    model = make(4, 8, 2)
    found = train_node_classifier(model, x, edges, labels, **split(labels), recipe=NodeRecipe(epochs=40))
    assert found.test > 0.85
    assert found.losses.index(min(found.losses)) == found.epoch
    with torch.no_grad():
        torch.testing.assert_close(found.model.eval()(x, edges), found.logits)
    by_accuracy = train_node_classifier(
        make(4, 8, 2), x, edges, labels, **split(labels), recipe=NodeRecipe(epochs=40, select="accuracy")
    )
    assert by_accuracy.validation >= found.validation


def test_a_layer_of_gcn_is_torch_geometrics():
    x, edges, _ = two_groups()
    ours, theirs = GCN(4, 8, 3, layers=1), peers.GCNConv(4, 3)
    theirs.lin.weight.data, theirs.bias.data = ours.maps[0].weight.data, torch.zeros(3)
    # Bias before the average or behind it differ; both are zero here.
    torch.testing.assert_close(ours.eval()(x, edges), theirs(x, edges))


def test_directed_and_weighted_edges_go_the_way_of_torch_geometric():
    edges = torch.tensor([[0, 1, 3, 3, 2], [1, 2, 0, 2, 2]])
    x, weights = torch.randn(4, 5), torch.tensor([0.5, 2.0, 3.0, 1.0, 4.0])
    ours, theirs = GCN(5, 8, 3, layers=1).eval(), peers.GCNConv(5, 3)
    theirs.lin.weight.data, theirs.bias.data = ours.maps[0].weight.data, torch.zeros(3)
    torch.testing.assert_close(ours(x, edges, weights), theirs(x, edges, weights))
    teleport = APPNP(5, 8, 3, K=4, alpha=0.2).eval()
    expected = peers.APPNP(4, 0.2)(teleport.transform(x), edges, weights)
    torch.testing.assert_close(teleport(x, edges, weights), expected)
    pure = PureGCN(5, 3, 2).eval()
    torch.testing.assert_close(pure(x, edges, weights), peers.APPNP(2, 0.0)(pure.map(x), edges, weights))
    isomorphism = GIN(5, 3, 2, layers=1).eval()
    inner = peers.GINConv(isomorphism.maps[0], eps=0.0)
    expected = isomorphism.outputs[0](inner(x, edges).relu())
    torch.testing.assert_close(isomorphism(x, edges), expected)
    sums = peers.SimpleConv(aggr="sum")(x, edges, weights)
    torch.testing.assert_close(neighbour_sum(edges, 4, weights) @ x, sums)


def test_runs_repeat_by_seed_and_leave_the_global_state():
    x, edges, labels = two_groups()
    state = torch.get_rng_state()
    one, other = (
        train_node_classifier(GCN(4, 8, 2, seed=1), x, edges, labels, **split(labels), recipe=NodeRecipe(epochs=5))
        for _ in range(2)
    )
    torch.testing.assert_close(one.logits, other.logits)
    assert torch.equal(state, torch.get_rng_state())


def test_penalties_and_steps_are_called():
    x, edges, labels = two_groups()
    seen = []
    model = GCN(4, 8, 2)
    found = train_node_classifier(
        model,
        x,
        propagator(edges, len(x)),
        labels,
        **split(labels),
        recipe=NodeRecipe(epochs=4, weight_decay=0.0),
        penalty=lambda logits: 1e3 * logits.square().mean(),
        after_step=seen.append,
    )
    assert seen == [0, 1, 2, 3]
    free = train_node_classifier(GCN(4, 8, 2), x, edges, labels, **split(labels), recipe=NodeRecipe(epochs=4))
    assert found.logits.abs().mean() < free.logits.abs().mean()


def test_patience_ends_a_run_that_gets_worse():
    _, edges, labels = two_groups()
    x = torch.randn(60, 4, generator=torch.Generator().manual_seed(1))  # by which nothing can be told
    recipe = NodeRecipe(epochs=100, lr=0.2, weight_decay=0.0, patience=10)
    found = train_node_classifier(GCN(4, 64, 2, dropout=0.0), x, edges[:, :0], labels, **split(labels), recipe=recipe)
    assert 50 < len(found.losses) < 100


def test_bad_input_is_named(unchecked):
    x, edges, labels = two_groups()
    masks = split(labels)
    with pytest.raises(InputError, match="must not overlap"):
        train_node_classifier(GCN(4, 8, 2), x, edges, labels, **{**masks, "test": masks["train"]})
    with pytest.raises(InputError, match="train must mark"):
        train_node_classifier(GCN(4, 8, 2), x, edges, labels, **{**masks, "train": masks["train"] & False})
    with pytest.raises(InputError, match="class 0 has 30 nodes"):
        random_split(labels, 31, 2)
    with pytest.raises(InputError, match="nodes are left"):
        random_split(labels, 5, 60)
    with pytest.raises(InputError, match="layers must be"):
        GCN(4, 8, 2, layers=0)
    assert isinstance(GCN(4, 8, 2), nn.Module)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda x, labels: (x.index_fill(0, torch.tensor([3]), float("nan")), labels), "x must be finite"),
        (lambda x, labels: (x.long(), labels), "x must be floats"),
        (lambda x, labels: (x, labels + 1), "labels must be from 0 to 1, as the model tells 2 classes apart, got 2"),
        (lambda x, labels: (x, labels - 1), "labels must be from 0 to 1, as the model tells 2 classes apart, got -1"),
        (lambda x, labels: (x, labels.float()), "labels must be int64"),
        (lambda x, labels: (x, functional.one_hot(labels)), "labels must be int64"),
        (lambda x, labels: (x[:9], labels), r"labels must be \[9\]"),
    ],
)
def test_features_and_labels_that_cannot_be_learned_are_named(change, said, unchecked):
    x, edges, labels = two_groups()
    masks, model = split(labels), GCN(4, 8, 2)
    before = [value.clone() for value in model.parameters()]
    x, labels = change(x, labels)
    with pytest.raises(InputError, match=said):
        train_node_classifier(model, x, edges, labels, **masks)
    assert all(torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True))


def test_labels_of_nodes_that_no_mask_marks_are_not_looked_at():
    x, edges, labels = two_groups()
    masks = dict(zip(("train", "validation", "test"), random_split(labels, 5, 20, 10), strict=True))
    labels[~(masks["train"] | masks["validation"] | masks["test"])] = -1
    train_node_classifier(GCN(4, 8, 2), x, edges, labels, **masks, recipe=NodeRecipe(epochs=1))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"epochs": 0}, "epochs must be"),
        ({"lr": 0.0}, "lr must be"),
        ({"lr": float("nan")}, "lr must be"),
        ({"weight_decay": -1.0}, "weight_decay must be"),
        ({"select": "f1"}, "select must be"),
        ({"patience": 0}, "patience must be"),
    ],
)
def test_bad_recipes_are_named(options, said, unchecked):
    with pytest.raises(InputError, match=said):
        NodeRecipe(**options)


@pytest.mark.parametrize("make", [GCN, GIN, APPNP, DAGNN, PureGCN])
def test_features_of_whole_numbers_are_named(make, unchecked):
    with pytest.raises(InputError, match="must be floats"):
        make(4, 8, 2)(torch.zeros(3, 4, dtype=torch.long), torch.tensor([[0, 1], [1, 0]]))


@pytest.mark.parametrize("make", [GCN, GIN, APPNP])
@pytest.mark.parametrize(
    ("edges", "weights", "said"),
    [
        (torch.tensor([[0, 9], [1, 0]]), None, "nodes from 0 to 2, got 9"),
        (torch.tensor([[0, -1], [1, 0]]), None, "nodes from 0 to 2, got -1"),
        (torch.tensor([[0.0, 1.0], [1.0, 0.0]]), None, "must be integers"),
        (torch.tensor([[False, True], [True, False]]), None, "must be integers"),
        (torch.tensor([[0, 1, 2], [1, 0, 0]]), torch.ones(5), r"edge_weight must be \[3\]"),
        (torch.tensor([[0, 1, 2], [1, 0, 0]]), torch.ones(3, dtype=torch.complex64), "one real number for each edge"),
        (torch.tensor([[0, 1], [1, 0]]), torch.tensor([1.0, float("nan")]), "edge_weight must be finite"),
        (propagator(torch.tensor([[0, 1], [1, 0]]), 2), None, "operator on 2 nodes, not 3"),
    ],
)
def test_edges_and_weights_that_do_not_fit_are_named(make, edges, weights, said, unchecked):
    with pytest.raises(InputError, match=said):
        make(4, 8, 2)(torch.zeros(3, 4), edges, weights)


def test_a_sum_takes_whole_and_negative_weights_and_an_operator_no_stray_node(unchecked):
    x = torch.tensor([[1.0], [2.0], [4.0]])
    edges = torch.tensor([[0, 1], [1, 0]])
    assert (neighbour_sum(edges, 3, torch.tensor([2, -3])) @ x).flatten().tolist() == [-6, 2, 0]
    with pytest.raises(InputError, match="nodes from 0 to 1, got 2"):
        operator_of(torch.tensor([[0], [2]]), torch.ones(1), 2)


@pytest.mark.parametrize(
    "make",
    [
        lambda: GCN(3, 4, 2, dropout=0.0),
        lambda: GIN(3, 4, 2, dropout=0.0),
        lambda: APPNP(3, 4, 2, K=3, dropout=0.0),
        lambda: DAGNN(3, 4, 2, K=3, dropout=0.0),
        lambda: PureGCN(3, 4, 2, dropout=0.0),
    ],
)
def test_gradients_reach_the_weights_of_the_edges(make):
    # Directed, one edge listed twice, one from a node to itself.
    edges = torch.tensor([[0, 1, 2, 2, 0, 3], [1, 2, 0, 0, 3, 3]])
    model, x = make().double(), torch.randn(5, 3, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(6, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda given, w: model(given, edges, w), (x, weights))
    plain, followed = model(x, edges, weights.detach()), model(x, edges, weights)
    assert torch.equal(plain, followed)


def test_weights_of_zero_have_a_finite_gradient():
    weights = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    operator = propagator(torch.tensor([[0, 1], [1, 0]]), 2, weights, loops=False)
    (gradient,) = torch.autograd.grad((operator @ torch.ones(2, 1, dtype=torch.float64)).sum(), weights)
    assert gradient.isfinite().all()


def test_the_derivative_by_weights_has_a_derivative():
    edges = torch.tensor([[0, 1, 2, 2, 0], [1, 2, 0, 0, 3]])
    weights = torch.rand(5, dtype=torch.float64, requires_grad=True)
    x = torch.randn(4, 2, dtype=torch.float64, requires_grad=True)
    for make in (propagator, neighbour_sum):
        twice = lambda w, given, make=make: make(edges, 4, w) @ (make(edges, 4, w) @ given)  # noqa: E731
        assert torch.autograd.gradgradcheck(twice, (weights, x))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: APPNP(3, 4, 2, K=-1), "K must be an int of at least 0, got -1"),
        (lambda: APPNP(3, 4, 2, K=2.5), "K must be an int of at least 0, got 2.5"),
        (lambda: APPNP(3, 4, 2, alpha=3.0), "alpha must be from 0 to 1, got 3.0"),
        (lambda: APPNP(3, 4, 2, dropout=2.0), "dropout must be"),
        (lambda: GCN(3, 4, 2, dropout=2), "dropout must be at least 0 and below 1, got 2"),
        (lambda: GIN(3, 4, 2, dropout=-1.0), "dropout must be"),
        (lambda: GCN(3, 0, 2), "hidden must be an int of at least 1, got 0"),
        (lambda: DAGNN(3, -1, 2), "hidden must be an int of at least 1, got -1"),
        (lambda: PureGCN(3, 4, dropout=2.0), "dropout must be"),
        (lambda: PureGCN(3, 4, input_dropout=1.0), "input_dropout must be"),
    ],
)
def test_bad_sizes_and_shares_are_named(make, said, unchecked):
    with pytest.raises(InputError, match=said):
        make()
