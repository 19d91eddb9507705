"""Do neighbours in common, pooled and completed, predict missing links better? Wang et al. 2024 re-tested."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import networkx as nx
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import sparse, stats
from torch import Tensor

from netopsy.core.drawing import INK, PALETTE, figure_grid
from netopsy.core.errors import lookup
from netopsy.core.seeds import derive, generator, seeded
from netopsy.data.graph_files import local_networks, read_graph
from netopsy.data.graphs import GRAPHS, graph
from netopsy.data.neighbour_graphs import digits_graph
from netopsy.data.planetoid import PLANETOID, local_planetoid, planetoid
from netopsy.graphs.adjacency import as_adjacency
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
from netopsy.graphs.neural_common_neighbor.training import embed
from netopsy.lab import Cell, Part, Rows, Study, Tables, above, below, gain, mean_interval, paired_difference
from netopsy.lab.costs import milliseconds, milliseconds_in_turns
from netopsy.lab.plots import bars, growth, intervals, lines, mean_with_band, panels

GAE, COUNT, NCN, SEEN, NCNC = "GAE", "GAE + count", "NCN", "NCN, targets seen", "NCNC"
PREDICTORS: Mapping[str, Any] = {
    GAE: GAEPredictor,
    COUNT: CountPredictor,
    NCN: NCNPredictor,
    SEEN: NCNPredictor,
    NCNC: NCNCPredictor,
}
TUNED, ENCODER, BARE = "NCNC, offset tuned", "encoder alone", "without the encoder"
SHOWN = (RULES[0], GAE, COUNT, NCN, NCNC, TUNED)
DIGITS = "digits"
OBSERVED, REMOVED, TEST = "training links", "training links, batch removed", "test links"
COMPLETED = ", completed"
OVER_PLAIN, OVER_NCN, BY_REMOVAL, TIMES = 0.03, 0.02, 0.01, 3.0

Row = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """The numbers that differ from one citation network to the next, and the Hits@100 that the paper reports."""

    encoder_lr: float
    predictor_lr: float
    batch_size: int
    input_dropout: float
    """Of the features."""
    encoder_dropout: float
    predictor_dropout: float
    edge_dropout: float
    completion: Mapping[str, float]
    """What NCNC takes beside."""
    reported: Mapping[str, float]
    """From memory."""


RECIPES: Mapping[str, Recipe] = {
    "cora": Recipe(
        *(4.3e-3, 2.4e-3, 1152, 0.7, 0.05, 0.05, 0.4),
        completion={"scale": 4.3, "offset": 2.8, "pt": 0.75, "alpha": 1.0},
        reported={NCN: 0.891, NCNC: 0.897},
    ),
    "citeseer": Recipe(
        *(8.5e-3, 7.8e-3, 384, 0.4, 0.75, 0.55, 0.0),
        completion={"scale": 6.5, "offset": 4.4, "pt": 0.75, "alpha": 0.4},
        reported={NCN: 0.916, NCNC: 0.935},
    ),
    "pubmed": Recipe(
        *(9.7e-3, 2e-3, 2048, 0.3, 0.1, 0.05, 0.0),
        completion={"scale": 5.3, "offset": 0.5, "pt": 0.5, "alpha": 0.3},
        reported={NCN: 0.791, NCNC: 0.813},
    ),
}
"""The published settings of Wang et al. 2024, all with one layer of 256 units without weights in its averages."""


@dataclass(frozen=True)
class Digits:
    """The graph of near digits and its features."""

    neighbours: int = 8
    """Near digits that each is joined to."""
    features: int = 8
    noise: float = 1.0
    """Of the features, in standard deviations of what they are without it."""


@dataclass(frozen=True)
class Training:
    """One budget for all models; with ``recipe`` the paper's for the citation network of that name."""

    hidden: int = 64
    layers: int = 2
    epochs: int = 15
    batch_size: int = 1024
    ks: tuple[int, ...] = (20, 50, 100)
    select: str = "Hits@100"
    recipe: str | None = None


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 5
    removal_seeds: int = 10
    """Of the claim on target links alone, whose sign a few runs do not settle."""
    digits: Digits = Digits()
    training: Training = Training()
    drops: tuple[float, ...] = (0.0, 0.2, 0.4)
    """Shares of the observed links that are thrown away as well."""
    offsets: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
    networks: tuple[str, ...] = ("USAir", "NS", "Celegans", "cora")
    """Real networks, as far as they are on this machine."""
    instead: tuple[str, ...] = ("karate", "les_miserables")
    """Those of networkx, where none of the others is."""
    recipes: bool = False
    """Train on citation networks by the paper's recipe for each, fetch those that are not here, and judge them, too."""
    network_seeds: int = 3
    network_training: Training = Training(epochs=30, batch_size=256, ks=(10, 20, 50, 100), select="AP")
    sizes: tuple[int, ...] = (1000, 2000, 5000, 10_000, 20_000, 50_000)
    """Nodes of the graphs on which scores are timed."""
    links: int = 5
    """That each of their nodes comes with."""
    pairs: int = 20_000
    repeats: int = 3
    """Graphs of each size."""
    rounds: int = 20
    """Of each graph's scores, of which the fastest counts."""
    completed: int = 10_000
    """Nodes up to which NCNC, which takes far longer and on which nothing is judged, is timed as well."""


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
            grown = link_graph(as_adjacency(nx.barabasi_albert_graph(nodes, links, seed=repeat)))
            split = random_link_split(grown.matrix, 0.01, 0.01, repeat)
            random = generator(repeat)
            drawn = torch.randint(split.train.shape[1], (pairs // 2,), generator=random)
            ends = torch.randint(nodes, (2, pairs), generator=random)
            others = ends[:, ends[0] != ends[1]][:, : pairs - pairs // 2]
            asked = torch.cat([split.train[:, drawn], others], 1)
            x = torch.randn(nodes, hidden, generator=random)
            encoder = PureGCN(hidden, hidden)
            calls: dict[str, Callable[[], Tensor]] = {ENCODER: torch.no_grad()(partial(embed, encoder, x, grown))}
            for model in (GAE, NCN, NCNC):
                with seeded(0):
                    predictor = PREDICTORS[model](hidden)
                calls[model] = partial(score_pairs, encoder, predictor, x, grown, asked)
            once = calls.pop(NCNC)
            took = milliseconds_in_turns(calls, rounds=rounds)
            if repeat == 0 and nodes <= completed:
                took[NCNC] = milliseconds(once, rounds=1)
            for model, value in took.items():
                yield {"model": model, "nodes": nodes, "repeat": repeat, "value": value}


def digits_links(digits: Digits, seed: int) -> tuple[sparse.csr_array, Tensor]:
    """The graph of near digits, and a few noisy random projections of their pixels."""
    network, pixels = digits_graph(digits.neighbours)
    random = generator(derive(seed, "features"))
    given = torch.from_numpy((pixels - pixels.mean(0)) / 16).float()
    seen = given @ torch.randn(given.shape[1], digits.features, generator=random) / 8
    return network.adjacency, seen + digits.noise * seen.std() * torch.randn(seen.shape, generator=random)


def present(wanted: tuple[str, ...], instead: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the wanted networks that are on this machine; where none is, the others, which come with networkx."""
    here = {*local_planetoid(), *local_networks()}
    return tuple(name for name in wanted if name in here) or instead


def network_links(name: str, seed: int) -> tuple[sparse.csr_array, Tensor]:
    """A network by name, and its nodes' features; random ones where it has none, which are not made from its links."""
    if name in PLANETOID:
        data = planetoid(name)
        return as_adjacency(data), data.x / data.x.sum(1, keepdim=True).clamp(min=1)
    known = graph(name) if name in GRAPHS else read_graph(lookup("network", name, local_networks()))
    adjacency = as_adjacency(known)
    return adjacency, torch.randn(int(adjacency.shape[0]), 64, generator=generator(derive(seed, "features")))


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Over runs: a split with features and first weights of its own; over graphs for the time."""
    first = f"Hits@{max(config.training.ks)}"
    metrics = (first, *(f"Hits@{k}" for k in config.training.ks if f"Hits@{k}" != first), "AP")
    (plain, more), *rest = (_leads(by_seed(tables, metric)) for metric in metrics)
    same = [f"the same in {metric}" for metric in metrics[1:]]
    over_plain, over_ncn = (dict(zip(same, column, strict=True)) for column in zip(*rest, strict=True))
    hits = by_seed(tables, first)
    both = hits[[*SHOWN]].dropna()
    beside: Row = dict(both.mean()) | {f"{NCN} less {COUNT}": paired_difference(both[NCN], both[COUNT])}
    name = f"{first}, {NCN} less the better of {GAE} and count"
    yield "neural-common-neighbor-1", gain(name, plain, OVER_PLAIN, beside=beside | over_plain)
    yield "neural-common-neighbor-1", gain(f"{first}, {NCNC} less {NCN}", more, OVER_NCN, beside=over_ncn)
    yield from (("neural-common-neighbor-1", item) for item in real_networks(tables, config))

    pairs = hits[[NCN, SEEN]].dropna()
    counts = tables["counts"].groupby("which", sort=False)[["mean", "distance"]].mean()
    beside = dict(pairs.mean()) | {f"neighbours in common, {which}": value for which, value in counts["mean"].items()}
    beside |= {f"Kolmogorov distance, {which}": value for which, value in counts["distance"].items() if value}
    name, removed = f"{first}, targets removed less seen", paired_difference(pairs[NCN], pairs[SEEN])
    yield "neural-common-neighbor-2", gain(name, removed, BY_REMOVAL, beside=beside)

    found = lead(tables, first)
    centred = np.array(found.columns, dtype=float) - np.mean(found.columns)
    slopes = mean_interval(found.to_numpy(dtype=float) @ centred / (centred**2).sum())
    beside = {f"lead, {drop:.0%} thrown away": found[drop].mean() for drop in found}
    yield "neural-common-neighbor-3", above(f"slope of {NCNC}'s lead in {first}", slopes, beside=beside)

    times, bare = timings(tables)
    ratio, without = ((each[NCN] / each[GAE]).unstack("nodes") for each in (times, bare))
    beside = {f"ratio, {nodes:,} nodes": ratio[nodes].mean() for nodes in ratio}
    beside |= {f"{BARE}, {nodes:,} nodes": without[nodes].median() for nodes in ratio}
    completed = (times[NCNC] / times[GAE]).dropna()
    if len(completed):
        beside |= {f"{NCNC} over {GAE}, {completed.index[-1][1]:,} nodes": completed.iloc[-1]}
    name = f"{NCN}'s time over {GAE}'s, largest over the sizes"
    yield "neural-common-neighbor-4", below(name, mean_interval(ratio.max(axis=1)), TIMES, unit="graphs", beside=beside)


def _leads(hits: pd.DataFrame) -> tuple[Any, Any]:
    """NCN less the better of GAE and count; NCNC less NCN."""
    both = hits[[*SHOWN]].dropna()
    plain = both[[GAE, RULES[0]]].max(axis=1)
    return paired_difference(both[NCN], plain), paired_difference(both[NCNC], both[NCN])


def real_networks(tables: Tables, config: Config) -> Iterator[Part | str]:
    """Citation networks by the paper's recipes are judged; others are told in a sentence each."""
    for name in tables["held out"]["network"].unique():
        if config.recipes and name in RECIPES:
            hits, told = by_seed(tables, "Hits@100", network=name), RECIPES[name].reported
            beside = {NCN: hits[NCN].mean(), NCNC: hits[NCNC].mean()}
            beside |= {f"the paper's {model}": value for model, value in told.items()}
            yield above(f"{name}: {NCN} less {GAE}", paired_difference(hits[NCN], hits[GAE]), beside=beside)
            yield above(f"{name}: {NCNC} less {NCN}", paired_difference(hits[NCNC], hits[NCN]))
        elif name != DIGITS:
            means = by_seed(tables, "AP", network=name).mean()
            words = ", ".join(f"{model} {means[model]:.3f}" for model in (RULES[0], GAE, NCN, NCNC))
            yield f"On {name}, average precision: {words}."


def by_seed(tables: Tables, metric: str, drop: float = 0.0, network: str = DIGITS) -> pd.DataFrame:
    """One row a seed, one column a model."""
    return tables.wide("held out", columns="model", values=metric, network=network, drop=drop)


def lead(tables: Tables, metric: str) -> pd.DataFrame:
    """NCNC minus NCN: one row a seed, one column for each share thrown away."""
    wide = tables.wide("held out", columns=["model", "drop"], values=metric, network=DIGITS)
    return (wide[NCNC] - wide[NCN]).dropna().sort_index(axis=1)


def timings(tables: Tables) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Milliseconds, a row a graph and a column a model; and the same less the encoder's pass."""
    times = tables.wide("cost", index=["repeat", "nodes"], columns="model")
    return times, times.drop(columns=ENCODER).sub(times[ENCODER], axis=0)


COLORS = {NCN: PALETTE[0], SEEN: PALETTE[0], NCNC: PALETTE[1], TUNED: PALETTE[1], GAE: PALETTE[2], COUNT: PALETTE[2]}
SHADES = {**dict(zip(RULES, PALETTE[:2:-1], strict=False)), **COLORS, ENCODER: INK}
METRICS = ("AUC", "AP", "MRR", "Hits@20", "Hits@50", "Hits@100")
SAID = {TEST: "test", OBSERVED: "training, as observed", REMOVED: "training, batch's links removed"}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Hits on the digits, neighbours in common, the lead on sparser graphs, the offset, real networks and the time."""
    hits = {f"Hits@{k}": by_seed(tables, f"Hits@{k}") for k in sorted(config.training.ks, reverse=True)}
    held = tables["held out"]
    known = held[held["network"] != DIGITS]
    metrics = {name: known.dropna(subset=[name]) for name in METRICS if name in known and known[name].notna().any()}
    common = {"neighbours in common": "", "weights of the completed neighbourhood": COMPLETED}
    costs = dict(zip(("the encoder's pass included", BARE), timings(tables), strict=True))
    asked = f"milliseconds for {config.pairs:,} pairs"
    return {
        "hits": panels(hits, _hits, width=3.2, height=3.0, sharey=True),
        "counts": panels(common, partial(_counts, tables), width=4.2, height=3.0, sharey=True),
        "incomplete": _incomplete(tables, config),
        "networks": panels(
            {name: (name, own) for name, own in metrics.items()}, _networks, height=3.4, sharey=True, legend=True
        ),
        "cost": panels(costs, partial(_cost, label=asked), width=4.4),
    }


def _hits(ax: Axes, hits: pd.DataFrame) -> None:
    samples = {model: hits[model].dropna() for model in (*RULES, GAE, COUNT, SEEN, NCN, NCNC, TUNED)}
    found = {model: mean_interval(values) for model, values in samples.items()}
    intervals(ax, found, samples=samples, colors=SHADES, mark=None)
    ax.set(xlim=(0, 1.02), xlabel="share above the best pairs without a link")


def _counts(tables: Tables, ax: Axes, suffix: str) -> None:
    table = tables["histogram"].groupby(["which", "count"])["share"].mean().unstack("count")
    for (which, said), color in zip(SAID.items(), (INK, PALETTE[1], PALETTE[0]), strict=True):
        if which + suffix in table.index:
            ax.step(table.columns, table.loc[which + suffix], where="mid", color=color, label=said)
    most = int(table.columns.max())
    ticks = list(range(0, most + 1, 4))
    ax.set_xticks(ticks, [f"{tick}+" if tick == most else str(tick) for tick in ticks])
    ax.set(xlabel="together, of a link", ylabel="share of the links", ylim=(0, None))
    ax.legend()


def _incomplete(tables: Tables, config: Config) -> Figure:
    drawn, ((share, leads, offset),) = figure_grid(1, 3, 9.6, 3.0)
    metric, label = f"Hits@{max(config.training.ks)}", "observed links thrown away as well, %"
    found = lead(tables, metric).rename(columns=lambda drop: 100 * drop)
    held = tables.rows("held out", network=DIGITS, model=(NCN, NCNC), seed=tuple(found.index))
    lines(share, held.assign(drop=100 * held["drop"]), x="drop", by="model", values=metric, colors=COLORS)
    share.set(xlabel=label, ylabel=metric, ylim=(None, 1.0))
    mean_with_band(leads, found.columns, found, color=INK, marker="o")
    leads.axhline(0, color=INK, linewidth=0.8, linestyle=":")
    leads.set(xlabel=label, ylabel=f"{NCNC} - {NCN} in {metric}")
    hits = tables["offset"].melt(["seed", "offset"], [f"Hits@{k}" for k in config.training.ks], "metric")
    lines(offset, hits, x="offset", by="metric")
    offset.set(xlabel="offset of the trained NCNC", ylabel="on test links", ylim=(0, 1.02))
    share.legend(loc="lower left")
    offset.legend(loc="lower right")
    return drawn


def _networks(ax: Axes, of: tuple[str, pd.DataFrame]) -> None:
    metric, table = of
    names = (*RULES, GAE, NCN, NCNC)
    bars(ax, table, by="network", beside="model", values=metric, names=names, colors=SHADES, horizontal=True)
    ax.set_xlim(0, 1.02)


def _cost(ax: Axes, times: pd.DataFrame, *, label: str) -> None:
    growth(ax, times.melt(ignore_index=False).reset_index(), x="nodes", by="model", colors=SHADES)
    ax.set(xlabel="nodes", ylabel=label)


_SMALL = Training(hidden=8, layers=1, epochs=1, batch_size=8192)
_PAPER = Training(hidden=256, layers=1, epochs=100, batch_size=1152)
STUDY = Study(
    paper="neural-common-neighbor",
    presets={
        "smoke": Config(
            seeds=1,
            removal_seeds=1,
            training=_SMALL,
            drops=(0.0, 0.4),
            offsets=(1.0, 3.0),
            networks=("karate",),
            instead=("karate",),
            network_seeds=1,
            network_training=dataclasses.replace(_SMALL, epochs=2, batch_size=256, ks=(3,), select="AP"),
            sizes=(100, 200),
            pairs=200,
            repeats=1,
            rounds=1,
        ),
        "laptop": Config(),
        "paper": Config(
            seeds=10,
            training=_PAPER,
            networks=tuple(RECIPES),
            recipes=True,
            network_seeds=10,
            network_training=dataclasses.replace(_PAPER, batch_size=256, ks=(10, 20, 50, 100), select="AP"),
        ),
    },
    plan=plan,
    measures=(near_digits, real_network, cost),
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce neural-common-neighbor``."""
