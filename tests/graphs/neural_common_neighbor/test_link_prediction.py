import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score
from torch import nn
from torch_geometric.nn import GCNConv

from netopsy import InputError
from netopsy.graphs.neural_common_neighbor import (
    GAEPredictor,
    LinkRecipe,
    NCNCPredictor,
    NCNPredictor,
    PureGCN,
    auc,
    average_precision,
    fit_link_predictor,
    hits_at_k,
    link_graph,
    link_loss,
    link_metrics,
    missing_links,
    mrr,
    random_link_split,
    score_pairs,
)
from netopsy.graphs.neural_common_neighbor.training import _batches

KARATE = nx.karate_club_graph()
RECIPE = LinkRecipe(epochs=2, batch_size=32, ks=(5,))


def communities(seed=0):
    """Groups of ten in which most are linked."""
    return nx.relaxed_caveman_graph(12, 10, 0.1, seed=seed)


def test_hits_of_the_definition():
    pos, neg = torch.tensor([0.9, 0.4]), torch.tensor([0.8, 0.5, 0.3])
    assert hits_at_k(pos, neg, 2) == 0.5
    assert hits_at_k(torch.tensor([0.5, 0.6]), neg, 2) == 0.5  # strictly above


@settings(deadline=None, max_examples=40)
@example(0, 1)  # many ties
@given(st.integers(0, 1000), st.integers(1, 5))
def test_metrics_equal_scikit_learn_and_the_definition(seed, levels):
    random = np.random.default_rng(seed)
    pos, neg = (torch.from_numpy(np.round(random.normal(m, 1, 20), levels - 1)) for m in (0.5, 0.0))
    truth, scores = np.r_[np.ones(20), np.zeros(20)], torch.cat([pos, neg]).numpy()
    assert auc(pos, neg) == pytest.approx(roc_auc_score(truth, scores))
    assert average_precision(pos, neg) == pytest.approx(average_precision_score(truth, scores))
    ranks = [1 + float((neg > each).sum()) + 0.5 * float((neg == each).sum()) for each in pos]
    assert mrr(pos, neg) == pytest.approx(np.mean(1 / np.array(ranks)))
    assert mrr(pos, neg.expand(20, -1)) == pytest.approx(mrr(pos, neg))
    best = np.sort(neg.numpy())[::-1]
    assert hits_at_k(pos, neg, 3) == pytest.approx(float((pos.numpy() > best[2]).mean()))


def test_bad_scores_are_named(unchecked):
    with pytest.raises(InputError, match="k must be from 1 to 2, the negatives, got 3"):
        hits_at_k(torch.ones(1), torch.ones(2), 3)
    with pytest.raises(InputError, match="NaN"):
        auc(torch.tensor([float("nan")]), torch.ones(1))
    with pytest.raises(InputError, match="at least one link"):
        mrr(torch.ones(0), torch.ones(1))
    with pytest.raises(InputError, match="a row for each"):
        mrr(torch.ones(2), torch.ones(3, 4))
    assert "Hits@20" not in link_metrics(torch.ones(3), torch.zeros(5))
    rows = torch.rand(3, 4)
    for measure in (auc, average_precision, link_metrics, lambda pos, neg: hits_at_k(pos, neg, 2)):
        with pytest.raises(InputError, match=r"neg must be the scores \[others\].*got \(3, 4\); only mrr"):
            measure(torch.ones(3), rows)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000))
def test_a_split_parts_the_links_and_its_negatives_are_none(seed):
    network = nx.gnp_random_graph(15, 0.5, seed=seed)
    split = random_link_split(network, 0.1, 0.2, seed)
    links = [tuple(pair) for part in (split.train, split.validation, split.test) for pair in part.T.tolist()]
    assert sorted(links) == sorted(map(tuple, map(sorted, network.edges)))
    others = torch.cat([split.validation_negatives, split.test_negatives], 1)
    assert not any(network.has_edge(*pair) for pair in others.T.tolist())
    assert len(set(map(tuple, others.T.tolist()))) == others.shape[1]
    assert (others[0] < others[1]).all()
    again = random_link_split(network, 0.1, 0.2, seed)
    assert torch.equal(again.test, split.test)
    fewer = random_link_split(network, 0.1, 0.2, seed, drop=0.4)
    assert torch.equal(fewer.test, split.test)
    assert fewer.train.shape[1] == split.train.shape[1] - round(0.4 * split.train.shape[1])


def test_negatives_are_uniform():
    ring = nx.cycle_graph(6)
    counts = np.zeros((6, 6))
    for seed in range(300):
        split = random_link_split(ring, 0.2, 0.2, seed)
        for i, j in split.test_negatives.T.tolist():
            counts[i, j] += 1
    found = counts[counts > 0]
    assert len(found) == 9
    assert abs(found / found.sum() - 1 / 9).max() < 0.05


def test_bad_splits_are_named():
    with pytest.raises(InputError, match="shares below 1"):
        random_link_split(KARATE, 0.6, 0.5)
    with pytest.raises(InputError, match="too few"):
        random_link_split(nx.path_graph(3), 0.1, 0.2)
    with pytest.raises(InputError, match="pairs that are no links"):
        random_link_split(nx.complete_graph(8))


def model(kind=NCNPredictor, **options):
    return PureGCN(8, 6, dropout=0.0), kind(6, 0.0, **options)


def test_with_the_targets_removed_the_loss_is_that_of_a_graph_without_them():
    x, split = torch.randn(34, 8), random_link_split(KARATE)
    graph = link_graph(split.observed)
    random = torch.Generator().manual_seed(0)
    links, numbers, negatives = next(_batches(graph, split, LinkRecipe(batch_size=20), random))
    smaller = KARATE.copy()
    smaller.remove_edges_from(torch.cat([links, split.validation, split.test], 1).T.tolist())
    encoder, predictor = model(NCNCPredictor, offset=0.0)
    parameters = [*encoder.parameters(), *predictor.parameters()]
    gradients = []
    for adj in (graph.without(numbers), smaller):
        loss = link_loss(encoder, predictor, x, adj, links, negatives)
        gradients.append(torch.autograd.grad(loss, parameters, allow_unused=True))
    for one, other in zip(*gradients, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other)


def test_an_epoch_sees_every_link_once_and_negatives_that_are_not_observed():
    split = random_link_split(KARATE)
    graph = link_graph(split.observed)
    for kind in ("unobserved", "never linked"):
        recipe = LinkRecipe(batch_size=20, negatives=kind)
        batches = list(_batches(graph, split, recipe, torch.Generator().manual_seed(0)))
        links = torch.cat([links for links, _, _ in batches], 1)
        assert sorted(links.T.tolist()) == sorted(split.train.T.tolist())
        for part, numbers, _ in batches:
            assert graph.without(numbers).matrix[tuple(part.numpy())].sum() == 0
        against = split.observed if kind == "unobserved" else nx.to_scipy_sparse_array(KARATE, format="csr")
        others = torch.cat([others for *_, others in batches], 1)
        assert against[tuple(others.numpy())].sum() == 0
        assert others.shape == links.shape


def test_the_loss_is_two_means_of_logarithms():
    x, split = torch.randn(34, 8), random_link_split(KARATE)
    encoder, predictor = model()
    links, negatives = split.test, split.validation_negatives
    p = [score_pairs(encoder, predictor, x, KARATE, pairs).sigmoid() for pairs in (links, negatives)]
    expected = -p[0].log().mean() - (1 - p[1]).log().mean()
    torch.testing.assert_close(link_loss(encoder, predictor, x, KARATE, links, negatives).detach(), expected)


@pytest.mark.parametrize("kind", [GAEPredictor, NCNPredictor, NCNCPredictor])
def test_learning_finds_communities(kind):
    network, x = communities(), torch.randn(120, 16, generator=torch.Generator().manual_seed(0))
    split = random_link_split(network)
    encoder, predictor = PureGCN(16, 16), kind(16)
    recipe = LinkRecipe(epochs=15, batch_size=128, encoder_lr=0.01, predictor_lr=0.01, ks=(20,), edge_dropout=0.1)
    found = fit_link_predictor(encoder, predictor, x, split, recipe=recipe)
    assert found.losses[-1] < found.losses[0]
    assert found.metrics["AUC"] > 0.85
    parts = (split.validation, split.validation_negatives)
    scores = [score_pairs(found.encoder, found.predictor, x, split.observed, pairs) for pairs in parts]
    assert link_metrics(*scores, (20,))["AP"] == pytest.approx(found.validation["AP"])
    likely = missing_links(found, x, split.observed, top=30)
    assert (likely.probability.diff() <= 0).all()
    assert split.observed[tuple(likely.pairs.numpy())].sum() == 0
    held = {tuple(sorted(edge)) for edge in network.edges}
    assert np.mean([tuple(pair) in held for pair in likely.pairs.T.tolist()]) > 0.3


def test_a_run_is_repeated_and_the_random_state_is_left():
    x, split = torch.randn(34, 8), random_link_split(KARATE)
    runs = []
    for _ in range(2):
        state = torch.random.get_rng_state()
        runs.append(fit_link_predictor(PureGCN(8, 6), NCNPredictor(6), x, split, recipe=RECIPE))
        assert torch.equal(torch.random.get_rng_state(), state)
    assert runs[0].losses == runs[1].losses
    assert runs[0].metrics == runs[1].metrics


def test_any_torch_geometric_encoder_will_do():
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = GCNConv(8, 6)

        def forward(self, x, edge_index):
            return self.layer(x, edge_index)

    x, split = torch.randn(34, 8), random_link_split(KARATE)
    found = fit_link_predictor(Encoder(), NCNPredictor(6), x, split, recipe=RECIPE, target_link_removal=False)
    assert set(found.metrics) == {"AUC", "AP", "MRR", "Hits@5"}


def test_bad_training_is_named(unchecked):
    x, split = torch.randn(34, 8), random_link_split(KARATE)
    with pytest.raises(InputError, match=r"x must be \[34, channels\]"):
        fit_link_predictor(*model(), x[:5], split)
    with pytest.raises(InputError, match="x must be finite"):
        fit_link_predictor(*model(), x.masked_fill(x == x[3, 3], float("nan")), split)
    with pytest.raises(InputError, match=r"x must be floats \[nodes, channels\], got \(34, 8\) of torch.int64"):
        fit_link_predictor(*model(), x.long(), split)
    with pytest.raises(InputError, match="select must be one of AUC, AP, MRR, Hits@5"):
        fit_link_predictor(*model(), x, split, recipe=LinkRecipe(ks=(5,), select="Hits@100"))
    with pytest.raises(InputError, match="must be a torch nn.Module"):
        fit_link_predictor("encoder", model()[1], x, split)
    with pytest.raises(InputError, match="epochs must be"):
        LinkRecipe(epochs=0)
    with pytest.raises(InputError, match="negatives must be"):
        LinkRecipe(negatives="hard")
    found = fit_link_predictor(*model(), x, split, recipe=RECIPE)
    with pytest.raises(InputError, match="top must be"):
        missing_links(found, x, KARATE, top=0)
