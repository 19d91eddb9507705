"""What the neural-common-neighbor study measures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from netopsy.core.seeds import derive, generator, seeded
from netopsy.graphs.neural_common_neighbor import (
    RULES,
    CountPredictor,
    GAEPredictor,
    LinkGraph,
    LinkRecipe,
    LinkResult,
    LinkSplit,
    NCNCPredictor,
    NCNPredictor,
    PureGCN,
    fit_link_predictor,
    link_graph,
    link_metrics,
    pair_rule,
    random_link_split,
    score_pairs,
)
from netopsy.graphs.neural_common_neighbor.neighbourhoods import checked_pairs
from netopsy.graphs.neural_common_neighbor.published import RECIPES
from netopsy.graphs.neural_common_neighbor.training import embed
from netopsy.lab import Cell, Rows
from netopsy.lab.costs import milliseconds, milliseconds_in_turns
from netopsy.lab.subjects.networks import DIGITS, Digits, digits_links, grown_links, network_links, present
from netopsy.studies.graphs.neural_common_neighbor.plan import (
    BARE,
    COMPLETED,
    COUNT,
    ENCODER,
    GAE,
    NCN,
    NCNC,
    OBSERVED,
    REMOVED,
    SEEN,
    TEST,
    TUNED,
    Config,
    Training,
)

Row = dict[str, Any]
PREDICTORS: Mapping[str, Any] = {
    GAE: GAEPredictor,
    COUNT: CountPredictor,
    NCN: NCNPredictor,
    SEEN: NCNPredictor,
    NCNC: NCNCPredictor,
}


def plan(config: Config) -> Iterable[Cell]:
    """A cell for each seed and share of links thrown away, for each seed of a real network, and one for the time."""
    common: Row = {"network": DIGITS, "digits": config.digits, "training": config.training}
    for drop in config.drops:
        models = tuple(PREDICTORS) if drop == 0 else (NCN, NCNC)
        for seed in range(config.seeds):
            offsets = config.offsets if drop == 0 else ()
            yield Cell.of(near_digits, **common, seed=seed, drop=drop, models=models, offsets=offsets)
    for seed in range(config.seeds, config.removal_seeds):
        yield Cell.of(near_digits, **common, seed=seed, drop=0.0, models=(NCN, SEEN), offsets=())
    for name in config.networks if config.recipes else present(config.networks, config.instead):
        recipe = name if config.recipes and name in RECIPES else None
        training = dataclasses.replace(config.network_training, recipe=recipe)
        for seed in range(config.network_seeds):
            yield Cell.of(real_network, network=name, seed=seed, drop=0.0, training=training)
    timed = ("sizes", "links", "pairs", "repeats", "rounds", "completed")
    yield Cell.of(cost, hidden=config.training.hidden, **{name: getattr(config, name) for name in timed})


def near_digits(
    network: str,
    seed: int,
    drop: float,
    digits: Digits,
    training: Training,
    models: tuple[str, ...],
    offsets: tuple[float, ...],
) -> Rows:
    """Rows of the measures held out, offset, counts and histogram."""
    adjacency, x = digits_links(digits, seed)
    split = random_link_split(adjacency, 0.1, 0.2, seed, drop=drop)
    yield from rules(split, training.ks)
    for model in models:
        result = learned(model, x, split, training, seed)
        yield {"measure": "held out", "model": model, **result.metrics}
    if offsets:
        yield from tuned(result, x, split, offsets, training.ks)
        yield from shared_counts(result, x, split, training.batch_size, seed)


def real_network(network: str, seed: int, drop: float, training: Training) -> Rows:
    """Rows of the measure held out."""
    adjacency, x = network_links(network, seed)
    split = random_link_split(adjacency, 0.1, 0.2, seed)
    yield from rules(split, [k for k in training.ks if k <= split.validation_negatives.shape[1]])
    for model in (GAE, NCN, NCNC):
        yield {"measure": "held out", "model": model, **learned(model, x, split, training, seed).metrics}


def rules(split: LinkSplit, ks: Sequence[int]) -> Iterator[Row]:
    """The hand-made rules on the held-out links."""
    observed = link_graph(split.observed)
    for rule in RULES:
        links, others = (pair_rule(observed, pairs, rule) for pairs in (split.test, split.test_negatives))
        yield {"measure": "held out", "model": rule, **link_metrics(links, others, ks)}


def learned(model: str, x: Tensor, split: LinkSplit, training: Training, seed: int) -> LinkResult:
    """One model trained and measured on the held-out links; all models with the same budget and encoder.

    With the library's defaults, or by the paper's recipe for the graph of this name.
    """
    first: Row = {"seed": derive(seed, "start") % 2**31}
    rates: Row = {"batch_size": training.batch_size}
    dropped: Row = {}
    beside: Row = {}
    if training.recipe is not None:
        own = RECIPES[training.recipe]
        rates = {name: getattr(own, name) for name in ("encoder_lr", "predictor_lr", "edge_dropout", "batch_size")}
        dropped = {"dropout": own.encoder_dropout, "input_dropout": own.input_dropout}
        beside = {"dropout": own.predictor_dropout, **(own.completion if model == NCNC else {})}
    encoder = PureGCN(x.shape[1], training.hidden, training.layers, **dropped, **first)
    predictor = PREDICTORS[model](training.hidden, **beside, **first)
    recipe = LinkRecipe(epochs=training.epochs, ks=training.ks, select=training.select, **rates)
    given: Row = {"target_link_removal": model != SEEN, "recipe": recipe, "seed": derive(seed, model)}
    return fit_link_predictor(encoder, predictor, x, split, **given)


def tuned(
    result: LinkResult, x: Tensor, split: LinkSplit, offsets: Sequence[float], ks: Sequence[int]
) -> Iterator[Row]:
    """The trained NCNC with other offsets, for each measure the one that is best on the validation links."""
    observed, predictor = link_graph(split.observed), result.predictor
    assert isinstance(predictor, NCNCPredictor)
    before, best, test = predictor.offset, dict[str, float](), dict[str, float]()
    parts = (split.validation, split.validation_negatives, split.test, split.test_negatives)
    for offset in offsets:
        predictor.offset = float(offset)
        scores = score_pairs(result.encoder, predictor, x, observed, torch.cat(parts, 1))
        links, others, test_links, test_others = scores.split([part.shape[1] for part in parts])
        held, found = link_metrics(links, others, ks), link_metrics(test_links, test_others, ks)
        yield {"measure": "offset", "offset": float(offset), **found}
        for name, value in held.items():
            if value > best.get(name, -1.0):
                best[name], test[name] = value, found[name]
    predictor.offset = before
    yield {"measure": "held out", "model": TUNED, **test}


def shared_counts(result: LinkResult, x: Tensor, split: LinkSplit, batch_size: int, seed: int) -> Iterator[Row]:
    """How many neighbours training and test links have in common: as observed, without a batch's links, completed."""
    observed = link_graph(split.observed)
    order = torch.randperm(split.train.shape[1], generator=generator(derive(seed, "batches")))
    batches = [numbers.sort().values for numbers in order.split(batch_size)]
    without = [(observed.without(numbers), split.train[:, numbers]) for numbers in batches]
    soft = partial(_soft_count, result, x)
    samples = {
        OBSERVED: pair_rule(observed, split.train),
        REMOVED: torch.cat([pair_rule(*pair) for pair in without]),
        TEST: pair_rule(observed, split.test),
        REMOVED + COMPLETED: torch.cat([soft(*pair) for pair in without]),
        TEST + COMPLETED: soft(observed, split.test),
    }
    for which, sample in samples.items():
        against = samples[TEST + COMPLETED if which.endswith(COMPLETED) else TEST]
        distance = float(stats.ks_2samp(sample.numpy(), against.numpy()).statistic)
        yield {"measure": "counts", "which": which, "mean": float(sample.mean()), "distance": distance}
        shares = np.bincount(sample.round().long().clamp(max=16).numpy(), minlength=17) / len(sample)
        for count, share in enumerate(shares.tolist()):
            yield {"measure": "histogram", "which": which, "count": count, "share": share}


@torch.no_grad()
def _soft_count(result: LinkResult, x: Tensor, observed: LinkGraph, pairs: Tensor) -> Tensor:
    """The sum of the weights with which a pair's neighbours are pooled."""
    predictor: Any = result.predictor.eval()
    embeddings = embed(result.encoder.eval(), x, observed)
    starts, _, weights = predictor.completed_weights(embeddings, observed, pairs)
    sums = torch.cat([weights.new_zeros(1, dtype=torch.float64), weights.double().cumsum(0)])
    return torch.from_numpy(np.diff(sums.numpy()[starts]))


def cost(
    sizes: tuple[int, ...], links: int, hidden: int, pairs: int, repeats: int, rounds: int, completed: int
) -> Rows:
    """Milliseconds for the encoder's pass and the scores of so many pairs, half of them links, on growing graphs.

    Completion takes far longer: it is timed once, on one graph of each size up to ``completed`` nodes.
    """
    for nodes in sizes:
        for repeat in range(repeats):
            random = generator(repeat)
            grown, asked = grown_links(nodes, links, pairs, repeat, random)
            ends, x = checked_pairs(asked, nodes), torch.randn(nodes, hidden, generator=random)
            encoder = PureGCN(hidden, hidden).eval()
            pass_once = torch.no_grad()(partial(embed, encoder, x, grown))
            calls: dict[str, Callable[[], Tensor]] = {ENCODER: pass_once}
            embeddings = pass_once()
            for model in (GAE, NCN, NCNC):
                with seeded(0):
                    predictor = PREDICTORS[model](hidden).eval()
                calls[model] = partial(score_pairs, encoder, predictor, x, grown, asked)
                calls[model + BARE] = torch.no_grad()(partial(predictor.scores, embeddings, grown, *ends))
            once = {name: calls.pop(name) for name in (NCNC, NCNC + BARE)}
            took = milliseconds_in_turns(calls, rounds=rounds)
            if repeat == 0 and nodes <= completed:
                took |= {name: milliseconds(call, rounds=1) for name, call in once.items()}
            for model, value in took.items():
                yield {"model": model, "nodes": nodes, "repeat": repeat, "value": value}
