"""A random search against brute force, exact counts and closed forms."""

import math
from collections import Counter
from itertools import combinations

import pytest
import torch
from scipy.stats import chisquare
from tests.core.units.networks import IMAGE, made
from torch import nn

from netopsy import InputError
from netopsy.core.units import apply_unit_masks, compact
from netopsy.data import Dataset
from netopsy.models import mlp
from netopsy.sparsity.random_search_sparse import (
    SearchResult,
    gradient_norm,
    node_space,
    random_search,
    snip_sum,
    warmup_loss,
    weight_space,
)
from netopsy.training import Recipe, evaluate

RANDOM = torch.Generator().manual_seed(0)
ROWS = Dataset(torch.randn(30, 5, generator=RANDOM), torch.arange(30) % 3)
IMAGES = Dataset(torch.randn(12, *IMAGE, generator=RANDOM), torch.arange(12) % 3)


def net(*hidden, seed=0):
    return mlp([5, *hidden, 3], initialisation="he_normal", seed=seed)


def scores_one_by_one(model, data, found):
    """By masks on what each layer reads, one candidate after the other."""
    losses = []
    for number in range(len(found.scores)):
        with apply_unit_masks(model, found.space.units, found.candidate(number)):
            losses.append(evaluate(model, data).loss)
    return torch.tensor(losses)


@pytest.mark.parametrize("hidden", [(6,), (6, 7), (6, 7, 8)])
def test_scores_are_those_of_the_masked_networks(hidden):
    model = net(*hidden)
    found = random_search(model, ROWS, 0.5, n_candidates=15)
    torch.testing.assert_close(found.scores, scores_one_by_one(model, ROWS, found))
    part = random_search(model, ROWS, 0.5, n_candidates=15, layers=["fc1"], batch_size=7)
    torch.testing.assert_close(part.scores, scores_one_by_one(model, ROWS, part))
    assert set(part.masks) == {"fc1"}


@pytest.mark.parametrize("name", ["squeezing", "joined", "decoder"])
def test_networks_of_any_kind_are_scored_as_a_stack(name):
    model = made(name)
    found = random_search(model, IMAGES, 0.5, n_candidates=4)
    torch.testing.assert_close(found.scores, scores_one_by_one(model, IMAGES, found), atol=1e-5, rtol=1e-5)


def test_a_search_that_sees_all_configurations_finds_the_best_and_no_other():
    model = net(6)
    found = random_search(model, ROWS, 0.5, n_candidates=500)
    every = {}
    for kept in combinations(range(6), 3):
        mask = torch.zeros(6, dtype=torch.bool)
        mask[list(kept)] = True
        every[kept] = evaluate(compact(model, found.space.units, {"fc1": mask}), ROWS).loss
    best = tuple(found.best["fc1"].nonzero()[:, 0].tolist())
    assert best == min(every, key=every.get)
    assert tuple(found.worst["fc1"].nonzero()[:, 0].tolist()) == max(every, key=every.get)
    drawn = [tuple(mask.nonzero()[:, 0].tolist()) for mask in found.masks["fc1"]]
    torch.testing.assert_close(found.scores, torch.tensor([every[kept] for kept in drawn]))


def test_there_are_as_many_configurations_as_combinatorics_says():
    sample = torch.zeros(1, 5)
    assert node_space(net(6), sample).size(0.5) == 20
    assert node_space(net(6, 6), sample).size(0.5) == 400
    wide = node_space(mlp([5, 1000, 1000, 3]), sample)
    assert wide.size(0.75) == math.comb(1000, 250) ** 2
    assert wide.kept(0.95) == {"fc1": 50, "fc2": 50}
    assert node_space(net(6), sample).kept(0.99) == {"fc1": 1}


def test_every_subset_is_as_likely_and_layers_are_independent():
    drawn = node_space(net(5, 4), torch.zeros(1, 5)).sample(0.5, 10_000, seed=3)
    assert (drawn["fc1"].sum(1) == 2).all()
    codes = [(drawn[name].int() * 2 ** torch.arange(drawn[name].shape[1])).sum(1).tolist() for name in ("fc1", "fc2")]
    for own, subsets in zip(codes, (10, 6), strict=True):
        counts = Counter(own)
        assert len(counts) == subsets
        assert chisquare(list(counts.values())).pvalue > 1e-3
    both = Counter(zip(*codes, strict=True))
    assert len(both) == 60
    assert chisquare(list(both.values())).pvalue > 1e-3


def test_without_sparsity_every_candidate_is_the_network_itself():
    model = net(6, 7)
    found = random_search(model, ROWS, 0, n_candidates=4)
    torch.testing.assert_close(found.scores, torch.full((4,), evaluate(model, ROWS).loss))


def test_permuted_units_permute_the_masks_and_leave_the_scores():
    model, other, order = net(6, 4), net(6, 4), torch.randperm(6, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        other.fc1.weight.copy_(model.fc1.weight[order])
        other.fc1.bias.copy_(model.fc1.bias[order])
        other.fc2.weight.copy_(model.fc2.weight[:, order])
    found = random_search(model, ROWS, 0.5, n_candidates=8)
    for number, score in enumerate(found.scores):
        mask = found.candidate(number)
        mask["fc1"] = mask["fc1"][order]
        assert evaluate(found.network(other, mask), ROWS).loss == pytest.approx(float(score), abs=1e-6)


def test_the_first_candidate_has_any_rank():
    ranks, model = [], net(8, 8, seed=1)
    space = node_space(model, ROWS.inputs)
    for seed in range(120):
        scores = random_search(model, ROWS, 0.5, n_candidates=5, seed=seed, space=space).scores
        ranks.append(int((scores < scores[0]).sum()))
    assert chisquare([ranks.count(rank) for rank in range(5)]).pvalue > 1e-3


def result(*scores):
    space = node_space(net(6), torch.zeros(1, 5))
    return SearchResult(space, 0.5, space.sample(0.5, len(scores)), torch.tensor(scores))


def test_the_expected_best_of_fewer_candidates():
    assert result(2.0, 3.0, 1.0).expected_best(2) == pytest.approx(4 / 3)
    many = result(*torch.rand(40, generator=RANDOM).tolist())
    assert many.expected_best(1) == pytest.approx(float(many.scores.mean()))
    assert many.expected_best(40) == pytest.approx(float(many.scores.min()))
    assert result(math.nan, 3.0, 1.0).expected_best(2) == 1.0
    assert int(result(math.nan, 3.0, 1.0).best["fc1"].sum()) == 3
    for n in (0, 41):
        with pytest.raises(InputError, match="from 1 to 40"):
            many.expected_best(n)


@pytest.mark.parametrize(("rescale", "factor"), [(True, 2.0), ("sqrt", 2**0.5)])
def test_rescaled_outgoing_weights_count_in_scores_and_networks(rescale, factor):
    model = net(6, 8)
    found = random_search(model, ROWS, 0.5, n_candidates=5, rescale=rescale)
    plain = random_search(model, ROWS, 0.5, n_candidates=5)
    for number, score in enumerate(found.scores):
        network = found.network(model, found.candidate(number))
        assert evaluate(network, ROWS).loss == pytest.approx(float(score), abs=1e-6)
        own = plain.network(model, found.candidate(number))
        torch.testing.assert_close(network.fc2.weight, factor * own.fc2.weight)
        torch.testing.assert_close(network.fc1.weight, own.fc1.weight)
    stacked = random_search(nn.Sequential(model, Same()), ROWS, 0.5, n_candidates=5, rescale=rescale)
    torch.testing.assert_close(stacked.scores, found.scores)


class Same(nn.Module):
    def forward(self, x):
        return x


def test_weights_can_be_searched_one_by_one():
    model = net(6)
    found = random_search(model, ROWS, 0.9, n_candidates=6, space="weights")
    assert found.space.size(0.9) == math.comb(30, 3) * math.comb(18, 2)
    assert {name: mask.flatten(1).sum(1).unique().tolist() for name, mask in found.masks.items()} == {
        "fc1.weight": [3],
        "output.weight": [2],
    }
    for number, score in enumerate(found.scores):
        network = found.network(model, found.candidate(number))
        assert evaluate(network, ROWS).loss == pytest.approx(float(score), abs=1e-6)
    assert weight_space(model, exclude=["output"]).shapes == {"fc1.weight": (6, 5)}


def test_other_scores():
    model = net(6, 7)
    wrong = random_search(model, ROWS, 0.5, n_candidates=6, score="error")
    for number, score in enumerate(wrong.scores):
        assert 1 - evaluate(wrong.network(model, wrong.candidate(number)), ROWS).accuracy == pytest.approx(float(score))
    for score in (warmup_loss(ROWS, Recipe(steps=2)), gradient_norm(ROWS), snip_sum(ROWS)):
        found = random_search(model, ROWS, 0.5, n_candidates=3, score=score)
        assert float(found.scores[1]) == pytest.approx(score(found.network(model, found.candidate(1))))
    values = iter([math.nan, 2.0, 1.0])
    with pytest.warns(UserWarning, match="score of 1 of 3 candidates is NaN"):
        found = random_search(model, ROWS, 0.5, n_candidates=3, score=lambda _: next(values))
    assert found.expected_best(2) == 1.0


def test_a_small_memory_changes_nothing(monkeypatch):
    model = net(6, 7)
    whole = random_search(model, ROWS, 0.5, n_candidates=5).scores
    monkeypatch.setattr("netopsy.sparsity.random_search_sparse.scoring.MEMORY", 1)
    torch.testing.assert_close(random_search(model, ROWS, 0.5, n_candidates=5).scores, whole)
    conv = made("decoder")
    one = random_search(conv, IMAGES, 0.5, n_candidates=3).scores
    monkeypatch.setattr("netopsy.sparsity.random_search_sparse.scoring.MEMORY", 10**9)
    torch.testing.assert_close(random_search(conv, IMAGES, 0.5, n_candidates=3).scores, one)


def test_the_network_is_left_as_it_was(left_as_found):
    for model, data in ((net(6, 7).train(), ROWS), (made("residual").train(), IMAGES)):
        before = left_as_found(model)
        random_search(model, data, 0.5, n_candidates=3)
        random_search(model, data, 0.5, n_candidates=2, score=gradient_norm(data), rescale=True)
        assert left_as_found(model) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sparsity": 1.0}, r"sparsity must be in \[0, 1\)"),
        ({"sparsity": -0.1}, r"sparsity must be in \[0, 1\)"),
        ({"n_candidates": 0}, "n_candidates must be an int of at least 1"),
        ({"examples": 0}, "examples must be an int"),
        ({"rescale": "cube"}, "rescale must be"),
        ({"score": "luck"}, "unknown score"),
        ({"space": "layers"}, "unknown space"),
        ({"space": "weights", "layers": ["fc1"]}, "layers goes with"),
        ({"layers": ["fc9"]}, "unknown group of hidden units"),
        ({"layers": []}, "at least one group"),
        ({"seed": -1}, "seed must be"),
        ({"score": lambda _: math.nan}, "every one of 200 candidates is NaN"),
        ({"score": lambda _: "good"}, "score must return a number"),
    ],
)
def test_bad_arguments_are_named(options, message, unchecked):
    with pytest.raises(InputError, match=message):
        random_search(**{"model": net(4), "data": ROWS, "sparsity": 0.5, **options})


def test_networks_and_data_that_do_not_fit():
    with pytest.raises(InputError, match="no hidden units that can be removed"):
        random_search(nn.Linear(5, 3), ROWS, 0.5)
    with pytest.raises(InputError, match="do not go through the network"):
        random_search(net(4), IMAGES, 0.5)
    with pytest.raises(InputError, match="belong to another network"):
        random_search(net(4), ROWS, 0.5, space=node_space(net(9), ROWS.inputs))
    with pytest.warns(UserWarning, match="some units are not searched: 0 .'1' .LayerNorm"):
        space = node_space(
            nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4), nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3)), ROWS.inputs
        )
    assert space.widths == {"2": 6}


def test_the_result_is_drawn():
    axes = result(2.0, 3.0, 1.0).plot()
    assert axes.get_legend().get_texts()[0].get_text() == "best: 1"
