"""Draw many sparse configurations of one network before training, and keep the one that looks best."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal

import torch
from torch import nn

from netopsy.core.arguments import checked
from netopsy.core.errors import lookup, require
from netopsy.core.seeds import check_seed, derive, generator
from netopsy.data import Dataset
from netopsy.sparsity.random_search_sparse.result import SearchResult
from netopsy.sparsity.random_search_sparse.scoring import Rescale, Score, gain_of, scores_of
from netopsy.sparsity.random_search_sparse.space import NodeSpace, SearchSpace, node_space, weight_space
from netopsy.training.checks import check_data


@checked
def random_search(
    model: nn.Module,
    data: Dataset,
    sparsity: float | int,
    *,
    n_candidates: int = 200,
    score: Score = "loss",
    loss: str = "cross_entropy",
    space: Literal["nodes", "weights"] | SearchSpace = "nodes",
    layers: Sequence[str] | None = None,
    rescale: Rescale = False,
    examples: int | None = 1000,
    batch_size: int = 1000,
    seed: int = 0,
) -> SearchResult:
    """The zero line of sparse architecture search: the best of many random configurations, before any training.

    Each candidate keeps the same share of units in every layer, chosen uniformly and independently of other layers,
    with the weights that the network has. Removing a unit removes its incoming weights, its bias and its outgoing
    weights, so that the share of weights that stay is smaller than that of units: of inner layers about its square.

    All candidates are scored together: of a perceptron the first layer's product is shared and only kept columns are
    multiplied; of other networks the masked weights are run as a stack, within about 200 MB.

    Args:
        model: the untrained network; it is not changed.
        data: training data to score on, never what the result is later tested on.
        sparsity: share of every layer's entries left out, in [0, 1).
        score: ``loss`` (mean ``loss`` on the data), ``error`` (share of wrong answers), or a function of the network
            of a candidate; lower is better. `warmup_loss`, `gradient_norm` and `snip_sum` make such functions.
        space: ``nodes`` for hidden units, ``weights`` for single weights, or a space of `node_space` or `weight_space`.
        layers: groups of units to search; all by default.
        rescale: multiply the outgoing weights of kept units by h/k, or by its square root with ``"sqrt"``.
        examples: how many samples of ``data`` to score on, drawn at random; ``None`` for all.
        batch_size: samples run at once.
        seed: of the configurations and of the samples.

    Raises:
        InputError: a sparsity outside [0, 1), no candidate, a network without units to remove, a score that is NaN
            for every candidate.

    Source: the abstract (search over nodes, selection before training). The score, the number of candidates, drawing
    all layers jointly and rescaling are ours: the paper's own choices are unconfirmed.

    >>> from netopsy.data import digits
    >>> from netopsy.models import mlp
    >>> net = mlp([64, 16, 16, 10], initialisation="he_normal")
    >>> found = random_search(net, digits(), 0.75, n_candidates=20, examples=200)
    >>> bool(found.scores.min() <= found.scores[0]), found.network(net, found.best).fc2
    (True, Linear(in_features=4, out_features=4, bias=True))
    """
    check_data("data", data)
    check_seed(seed)
    for name, value in (("n_candidates", n_candidates), ("batch_size", batch_size), ("examples", examples)):
        whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
        require(whole or (value is None and name == "examples"), f"{name} must be an int of at least 1, got {value!r}")
    gain = gain_of(rescale)
    if not isinstance(space, SearchSpace):
        lookup("space", space, {"nodes": 0, "weights": 0})
        require(layers is None or space == "nodes", "layers goes with space='nodes'")
        space = weight_space(model) if space == "weights" else node_space(model, data.inputs[:2], layers=layers)
    masks = space.sample(sparsity, n_candidates, seed=derive(seed, "configurations"))
    if isinstance(space, NodeSpace):
        space.units.check(model, {name: mask[0] for name, mask in masks.items()})
    chosen = data
    if examples is not None and examples < len(data):
        chosen = data[torch.randperm(len(data), generator=generator(derive(seed, "examples")))[:examples]]
    scores = scores_of(model, chosen, space, masks, score, loss=loss, gain=gain, batch_size=batch_size)
    missing = int(scores.isnan().sum())
    require(missing < len(scores), f"the score of every one of {len(scores)} candidates is NaN")
    if missing:
        warnings.warn(f"the score of {missing} of {len(scores)} candidates is NaN; they are not chosen", stacklevel=3)
    return SearchResult(space, float(sparsity), masks, scores, gain)
