"""What is measured in the study of neural common neighbours: held-out links, counts in common, and time."""

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
    PairPredictor,
    PureGCN,
    fit_link_predictor,
    link_graph,
    link_metrics,
    pair_rule,
    random_link_split,
    score_pairs,
)
from netopsy.graphs.neural_common_neighbor.training import embed
from netopsy.lab import Cell, Rows
from netopsy.lab.costs import milliseconds, milliseconds_in_turns
from netopsy.studies.graphs.neural_common_neighbor.networks import (
    attachment_graph,
    digits_links,
    network_links,
    present,
)
from netopsy.studies.graphs.neural_common_neighbor.plan import (
    COUNT,
    DIGITS,
    GAE,
    NCN,
    NCNC,
    RECIPES,
    SEEN,
    TUNED,
    Config,
    Digits,
    Training,
)

Row = dict[str, Any]


def plan(config: Config) -> Iterable[Cell]:
    """A cell for each seed and share of links thrown away, for each seed of a real network, and one for the time."""
    common: Row = {"network": DIGITS, "digits": config.digits, "training": config.training}
    for drop in config.drops:
        models = (GAE, COUNT, NCN, SEEN, NCNC) if drop == 0 else (NCN, NCNC)
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
    adjacency, x = digits_links(digits.neighbours, digits.features, digits.noise, seed)
    split = random_link_split(adjacency, 0.1, 0.2, seed, drop=drop)
    yield from rules(split, training.ks)
    for model in models:
        row, result = learned(model, x, split, training, seed)
        yield row
    if offsets:
        yield from tuned(result, x, split, offsets, training.ks)
        yield from shared_counts(result, x, split, training.batch_size, seed)


def real_network(network: str, seed: int, drop: float, training: Training) -> Rows:
    """Rows of the measure held out."""
    adjacency, x = network_links(network, seed)
    split = random_link_split(adjacency, 0.1, 0.2, seed)
    yield from rules(split, [k for k in training.ks if k <= split.validation_negatives.shape[1]])
    yield from (learned(model, x, split, training, seed)[0] for model in (GAE, NCN, NCNC))


PREDICTORS: Mapping[str, Any] = {
    GAE: GAEPredictor,
    COUNT: CountPredictor,
    NCN: NCNPredictor,
    SEEN: NCNPredictor,
    NCNC: NCNCPredictor,
}


def rules(split: LinkSplit, ks: Sequence[int]) -> Iterator[Row]:
    """The hand-made rules on the held-out links."""
    graph = link_graph(split.observed)
    for rule in RULES:
        links, others = (pair_rule(graph, pairs, rule) for pairs in (split.test, split.test_negatives))
        yield {"measure": "held out", "model": rule, **link_metrics(links, others, ks)}


def learned(model: str, x: Tensor, split: LinkSplit, training: Training, seed: int) -> tuple[Row, LinkResult]:
    """One model trained and measured on the held-out links; all models with the same budget and encoder."""
    encoder, predictor, recipe = setting(model, x.shape[1], training, seed)
    result = fit_link_predictor(
        encoder, predictor, x, split, target_link_removal=model != SEEN, recipe=recipe, seed=derive(seed, model)
    )
    return {"measure": "held out", "model": model, **result.metrics}, result


def setting(model: str, channels: int, training: Training, seed: int) -> tuple[PureGCN, PairPredictor, LinkRecipe]:
    """What is trained and how: with the library's defaults, or by the paper's recipe for the graph of this name."""
    hidden, start = training.hidden, derive(seed, "start") % 2**31
    given: Any = {"epochs": training.epochs, "ks": training.ks, "select": training.select}
    if training.recipe is None:
        encoder = PureGCN(channels, hidden, training.layers, seed=start)
        return encoder, PREDICTORS[model](hidden, seed=start), LinkRecipe(batch_size=training.batch_size, **given)
    own = RECIPES[training.recipe]
    dropped: Any = {"dropout": own.encoder_dropout, "input_dropout": own.input_dropout}
    encoder = PureGCN(channels, hidden, training.layers, seed=start, **dropped)
    completed = {"scale": own.scale, "offset": own.offset, "pt": own.pt, "alpha": own.alpha} if model == NCNC else {}
    predictor = PREDICTORS[model](hidden, own.predictor_dropout, seed=start, **completed)
    rates: Any = {"encoder_lr": own.encoder_lr, "predictor_lr": own.predictor_lr, "edge_dropout": own.edge_dropout}
    return encoder, predictor, LinkRecipe(batch_size=own.batch_size, **rates, **given)


def tuned(
    result: LinkResult, x: Tensor, split: LinkSplit, offsets: Sequence[float], ks: Sequence[int]
) -> Iterator[Row]:
    """The trained NCNC with other offsets, for each measure the one that is best on the validation links."""
    graph, predictor = link_graph(split.observed), result.predictor
    assert isinstance(predictor, NCNCPredictor)
    before, best, test = predictor.offset, dict[str, float](), dict[str, float]()
    parts = (split.validation, split.validation_negatives, split.test, split.test_negatives)
    for offset in offsets:
        predictor.offset = float(offset)
        scores = score_pairs(result.encoder, predictor, x, graph, torch.cat(parts, 1))
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
    graph = link_graph(split.observed)
    order = torch.randperm(split.train.shape[1], generator=generator(derive(seed, "batches")))
    batches = [numbers.sort().values for numbers in order.split(batch_size)]
    without = [(graph.without(numbers), split.train[:, numbers]) for numbers in batches]
    test = pair_rule(graph, split.test)
    samples = {
        "training links": pair_rule(graph, split.train),
        "training links, batch removed": torch.cat([pair_rule(*pair) for pair in without]),
        "test links": test,
    }
    soft = partial(_soft_count, result, x)
    samples["training links, batch removed, completed"] = torch.cat([soft(*pair) for pair in without])
    samples["test links, completed"] = soft(graph, split.test)
    for which, sample in samples.items():
        against = samples["test links, completed"] if which.endswith("completed") else test
        distance = float(stats.ks_2samp(sample.numpy(), against.numpy()).statistic)
        yield {"measure": "counts", "which": which, "mean": float(sample.mean()), "distance": distance}
        shares = np.bincount(sample.round().long().clamp(max=16).numpy(), minlength=17) / len(sample)
        for count, share in enumerate(shares.tolist()):
            yield {"measure": "histogram", "which": which, "count": count, "share": share}


@torch.no_grad()
def _soft_count(result: LinkResult, x: Tensor, graph: LinkGraph, pairs: Tensor) -> Tensor:
    """The sum of the weights with which a pair's neighbours are pooled."""
    predictor: Any = result.predictor.eval()
    embeddings = embed(result.encoder.eval(), x, graph)
    starts, _, weights = predictor.completed_weights(embeddings, graph, pairs)
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
            graph = link_graph(attachment_graph(nodes, links, repeat))
            split = random_link_split(graph.matrix, 0.01, 0.01, repeat)
            random = generator(repeat)
            drawn = torch.randint(split.train.shape[1], (pairs // 2,), generator=random)
            ends = torch.randint(nodes, (2, pairs), generator=random)
            others = ends[:, ends[0] != ends[1]][:, : pairs - pairs // 2]
            asked = torch.cat([split.train[:, drawn], others], 1)
            x = torch.randn(nodes, hidden, generator=random)
            encoder = PureGCN(hidden, hidden)
            calls: dict[str, Callable[[], Tensor]] = {"encoder alone": partial(_embed_once, encoder, x, graph)}
            for model in (GAE, NCN, NCNC):
                with seeded(0):
                    predictor = PREDICTORS[model](hidden)
                calls[model] = partial(score_pairs, encoder, predictor, x, graph, asked)
            once = calls.pop(NCNC)
            took = milliseconds_in_turns(calls, rounds=rounds)
            if repeat == 0 and nodes <= completed:
                took[NCNC] = milliseconds(once, rounds=1)
            for model, value in took.items():
                yield {"model": model, "nodes": nodes, "repeat": repeat, "value": value}


@torch.no_grad()
def _embed_once(encoder: PureGCN, x: Tensor, graph: LinkGraph) -> Tensor:
    return embed(encoder, x, graph)
