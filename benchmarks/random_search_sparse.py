"""Scoring 200 sub-networks, and training 8, at once against one after the other under torch.nn.utils.prune."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import prune

from benchmarks.timing import Comparison, Growth
from netopsy.core.units import weight_masks
from netopsy.data import Dataset, digits_split, index_batches
from netopsy.models import mlp
from netopsy.sparsity.random_search_sparse import SearchResult, node_space, random_search
from netopsy.training import Recipe, evaluate, fit_many

SPARSITY, TRAINED = 0.75, 8
RECIPE = Recipe(steps=300, batch_size=64, optimizer="sgd", lr=0.05)


def benchmarks() -> Iterator[Comparison | Growth]:
    """The network of the study: digits, two hidden layers of 256, of which a quarter of the units is kept."""
    data = digits_split()[0].standardise()
    model = mlp([64, 256, 256, 10], initialisation="he_normal")
    space = node_space(model, data.inputs[:2])
    search = partial(random_search, model, data, SPARSITY, space=space)
    found = search(n_candidates=TRAINED)
    check(model, data, found)
    yield Comparison(
        "random_search_sparse_scoring",
        partial(search, n_candidates=200),
        partial(scores_under_prune, model, data, 200),
        target=0.1,
        peer_name="loop under prune",
        rounds=5,
    )
    yield Comparison(
        "random_search_sparse_training",
        partial(train_at_once, model, data, found),
        partial(train_under_prune, model, data, found),
        target=0.33,
        peer_name="loop under prune",
        rounds=3,
    )
    yield Growth(
        "random_search_sparse_candidates",
        {count: partial(search, n_candidates=count) for count in (100, 200, 400, 800)},
        size_name="candidates",
        rounds=3,
    )


@torch.no_grad()
def scores_under_prune(model: nn.Module, data: Dataset, count: int) -> list[float]:
    """How it is written with torch's own pruning: draw rows of each hidden layer, run, put back."""
    losses = []
    for _ in range(count):
        sparse = copy.deepcopy(model)
        for name in ("fc1", "fc2"):
            layer = sparse.get_submodule(name)
            prune.random_structured(layer, "weight", amount=SPARSITY, dim=0)
            prune.custom_from_mask(layer, "bias", layer.get_buffer("weight_mask")[:, 0])
        losses.append(float(functional.cross_entropy(sparse(data.inputs), data.targets)))
    return losses


def under_prune(model: nn.Module, masks: Mapping[str, Tensor]) -> nn.Module:
    """A copy with these weight masks, as torch keeps them."""
    sparse = copy.deepcopy(model)
    for name, mask in masks.items():
        layer, _, own = name.rpartition(".")
        prune.custom_from_mask(sparse.get_submodule(layer), own, mask)
    return sparse


def train_at_once(model: nn.Module, data: Dataset, found: SearchResult) -> list[nn.Module]:
    """The small networks of all candidates as one stack."""
    networks = [found.network(model, found.candidate(number)) for number in range(TRAINED)]
    fit_many(networks, data, RECIPE, seeds=range(TRAINED))
    return networks


def train_under_prune(model: nn.Module, data: Dataset, found: SearchResult) -> list[nn.Module]:
    """One masked network after the other, in a plain loop."""
    networks = []
    for number in range(TRAINED):
        sparse = under_prune(model, weight_masks(model, found.space.units, found.candidate(number)))
        optimizer = torch.optim.SGD(sparse.parameters(), lr=RECIPE.lr)
        batches = index_batches(len(data), RECIPE.batch_size, number)
        for _ in range(RECIPE.steps):
            chosen = next(batches)
            optimizer.zero_grad()
            functional.cross_entropy(sparse(data.inputs[chosen]), data.targets[chosen]).backward()
            optimizer.step()
        networks.append(sparse)
    return networks


def check(model: nn.Module, data: Dataset, found: SearchResult) -> None:
    """Both sides compute the same, before and after training."""
    pairs = zip(train_at_once(model, data, found), train_under_prune(model, data, found), strict=True)
    for number, (ours, theirs) in enumerate(pairs):
        sparse = under_prune(model, weight_masks(model, found.space.units, found.candidate(number)))
        assert abs(evaluate(sparse, data).loss - float(found.scores[number])) < 1e-5
        assert abs(evaluate(ours, data).loss - evaluate(theirs, data).loss) < 1e-3
