"""Do networks that differ in their first weights alone learn the same units? Li et al. 2016 re-tested.

Every pair of networks is drawn anew, so that pairs are independent. The same pairs before any training, and trained
ones that look at different images, are the controls.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor, nn

from netopsy.core.capture import layer_activations
from netopsy.core.drawing import PALETTE, figure_grid
from netopsy.core.modes import best_device, device_of
from netopsy.core.moments import unit_rows
from netopsy.core.seeds import derive, generator
from netopsy.data import Dataset, digits_split, load_data
from netopsy.lab import Cell, Part, Rows, Study, Tables, above, below, gain, mean_interval, paired_difference
from netopsy.lab.plots import dots, mean_with_band, panels
from netopsy.models import initialise
from netopsy.representations.convergent_learning import (
    UnitStats,
    clusters_of,
    half_squared_error,
    held_out_loss,
    mapping_path,
    match_units,
    mutual_information_matrix,
    single_unit_loss,
    sparse_mapping,
    spectral_unit_clusters,
    unit_statistics,
)
from netopsy.training import Recipe, evaluate, fit, fit_many

TRAINED, UNTRAINED, SHUFFLED = "trained", "before training", "other images"
ONE, DENSE, FEW, RANDOM, FROM_UNTRAINED = (
    "best single unit",
    "dense map",
    "sparse map",
    "as many random units",
    "dense map from the untrained network",
)
HIGH, LOW, FEWEST = 0.8, 0.5, 6
QUANTILES = 60
"""Points of the figure of sorted correlations."""


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 10
    """Pairs of networks."""
    data: str = "digits"
    """Or a set of the Hub."""
    widths: tuple[int, ...] = (16, 32, 32)
    """Channels of the convolutions; the second and every further one but the last is followed by pooling."""
    hidden: int = 64
    epochs: int = 15
    batch_size: int = 100
    lr: float = 2e-3
    images: int = 1000
    """At most, by which units are matched; as many others, at most, are held out."""
    penalties: tuple[float, ...] = (0.5, 0.4, 0.3, 0.25, 0.2, 0.16, 0.13, 0.1, 0.08, 0.06, 0.04, 0.02, 0.01)
    stacked: bool = True
    """Whether the networks of a pair train together; large ones go one by one."""


def plan(config: Config) -> Iterable[Cell]:
    """A pair of networks a cell."""
    for seed in range(config.seeds):
        yield Cell.of(pair, seed=seed, config=config)


def network(config: Config, channels: int, side: int, classes: int, seed: int) -> nn.Sequential:
    """Convolutions with ReLU, a hidden layer and the output, named by the layers that are compared."""
    model = nn.Sequential()
    for number, (before, after) in enumerate(pairwise((channels, *config.widths)), start=1):
        model.add_module(f"weights{number}", nn.Conv2d(before, after, 3, padding=1))
        model.add_module(f"conv{number}", nn.ReLU())
        if 1 < number < len(config.widths):
            model.add_module(f"pool{number}", nn.MaxPool2d(2))
            side //= 2
    model.add_module("flatten", nn.Flatten())
    model.add_module("weights", nn.Linear(config.widths[-1] * side * side, config.hidden))
    model.add_module("fc", nn.ReLU())
    model.add_module("output", nn.Linear(config.hidden, classes))
    return initialise(model, "he_normal", seed=seed)


def layers_of(config: Config) -> list[str]:
    """The layers that are compared."""
    return [*(f"conv{number}" for number in range(1, len(config.widths) + 1)), "fc"]


def sets(config: Config, seed: int) -> tuple[Dataset, Dataset]:
    """What is trained on, and others to hold out."""
    if config.data == "digits":
        train, _, test = digits_split(seed)
        return train, test
    return load_data(config.data, split="train"), load_data(config.data, split="test")


def pair(seed: int, config: Config) -> Rows:
    """Two networks from other first weights in other orders of the same images, compared layer by layer."""
    train, test = sets(config, seed)
    channels, side = train.inputs.shape[1], train.inputs.shape[2]
    fresh = [network(config, channels, side, train.class_count, derive(seed, "weights", k)) for k in (0, 1)]
    trained = _trained(fresh, train, config, seed)
    device = best_device()
    for model in (*fresh, *trained):
        model.to(device)
    for number, model in enumerate(trained):
        yield {"measure": "accuracy", "network": number, "value": evaluate(model, test).accuracy}
    shown, other = train.inputs[: config.images], test.inputs[: config.images]
    order = torch.randperm(len(shown), generator=generator(derive(seed, "shuffle")))
    for layer in layers_of(config):
        stats, held_out = (unit_statistics(trained, layer, some) for some in (shown, other))
        before = unit_statistics(fresh, layer, shown)
        found = {TRAINED: stats, UNTRAINED: before, SHUFFLED: _of_shuffled(trained, layer, shown, order)}
        yield from _matched(found, layer)
        yield from _mapped(stats, held_out, layer, config, seed)
        mixed, mixed_other = (unit_statistics([fresh[0], trained[1]], layer, some) for some in (shown, other))
        loss = float(held_out_loss(sparse_mapping(mixed, 0, 1, 0.0), mixed, mixed_other, 0, 1).nanmean())
        yield {"measure": "maps", "layer": layer, "method": FROM_UNTRAINED, "value": loss}
        yield from _clustered(stats, layer, seed)
        yield from _by_information(trained, layer, shown, stats)


def _trained(fresh: Sequence[nn.Module], train: Dataset, config: Config, seed: int) -> list[nn.Module]:
    trained = [copy.deepcopy(model) for model in fresh]
    steps = config.epochs * max(1, len(train) // config.batch_size)
    recipe = Recipe(steps=steps, batch_size=config.batch_size, lr=config.lr)
    seeds = [derive(seed, "order", number) for number in range(len(trained))]
    if config.stacked:
        fit_many(trained, train, recipe, seeds=seeds)
    else:
        for model, own in zip(trained, seeds, strict=True):
            fit(model.to(best_device()), train, recipe, seed=own)
    return trained


def _of_shuffled(models: Sequence[nn.Module], layer: str, images: Tensor, order: Tensor) -> UnitStats:
    """The second network looks at the images in another order: what is alike then is chance."""

    class Shuffled(nn.Module):
        def __init__(self, model: nn.Module) -> None:
            super().__init__()
            self.model = model

        def forward(self, inputs: Tensor) -> Tensor:
            return self.model(inputs[order])  # type: ignore[no-any-return]

    return unit_statistics([models[0], Shuffled(models[1])], [layer, f"model.{layer}"], [images])


def _living(stats: UnitStats) -> Tensor:
    return stats.correlation(0, 1)[stats.alive(0)][:, stats.alive(1)]


def _matched(found: Mapping[str, UnitStats], layer: str) -> Rows:
    """Mean correlation with the partner, the tails, and the sorted correlations of the figure."""
    for method, stats in found.items():
        matching = match_units(_living(stats))
        values = matching.value[matching.index >= 0]
        at = {"measure": "matched", "layer": layer, "method": method}
        shares = {"high": float((values > HIGH).double().mean()), "low": float((values < LOW).double().mean())}
        yield {**at, "value": float(values.mean()), "units": len(values), **shares}
    for method, mode in (("one to one", "matching"), ("best of all", "semi")):
        sorted_values = match_units(_living(found[TRAINED]), mode).value.nan_to_num(0)  # type: ignore[arg-type]
        at_points = sorted_values.quantile(1 - torch.linspace(0, 1, QUANTILES, dtype=sorted_values.dtype))
        for place, value in enumerate(at_points.tolist()):
            at = {"measure": "sorted", "layer": layer, "method": method}
            yield {**at, "share": place / (QUANTILES - 1), "value": value}


def _mapped(stats: UnitStats, held_out: UnitStats, layer: str, config: Config, seed: int) -> Rows:
    """Held-out errors of one unit, of all, and of few at each penalty, beside as many random ones."""
    at = {"measure": "maps", "layer": layer}
    yield {**at, "method": ONE, "value": float(single_unit_loss(stats, held_out, 0, 1).nanmean())}
    path = mapping_path(stats, 0, 1, [0.0, *config.penalties])
    yield {**at, "method": DENSE, "value": float(held_out_loss(path[0], stats, held_out, 0, 1).nanmean())}
    for found in path[1:]:
        used = float(found.used[stats.alive(1)].double().mean())
        loss = float(held_out_loss(found, stats, held_out, 0, 1).nanmean())
        chance = _random_units(stats, held_out, max(1, round(used)), seed)
        for method, value in ((FEW, loss), (RANDOM, chance)):
            yield {"measure": "path", "layer": layer, "method": method, "used": used, "value": value}


def _random_units(stats: UnitStats, held_out: UnitStats, count: int, seed: int) -> float:
    """Held-out error of every target by the least-squares map from so many units drawn at random for it."""
    within, between = stats.correlation(0, 0), stats.correlation(0, 1)
    alive = stats.alive(0).nonzero()[:, 0]
    weight = torch.zeros_like(between)
    random = generator(derive(seed, "random units", count))
    for target in range(between.shape[1]):
        units = alive[torch.randperm(len(alive), generator=random)[:count]]
        solution = torch.linalg.lstsq(within[units][:, units], between[units, target, None], driver="gelsd").solution
        weight[units, target] = solution[:, 0]
    products = [held_out.second_moments(stats, *which) for which in ((0, 0), (0, 1), (1, 1))]
    loss = half_squared_error(weight, products[0], products[1], products[2].diagonal())
    return float(loss[stats.alive(1)].mean())


def _clustered(stats: UnitStats, layer: str, seed: int) -> Rows:
    """The share of clusters with units of both networks, as it is and with the units of one relabelled."""
    alive = [stats.alive(k) for k in (0, 1)]
    k = max(2, min(int(each.sum()) for each in alive) // 3)
    found = spectral_unit_clusters(stats, k=k, seed=seed)
    counts = found.sizes.clamp(max=2)
    kinds = {f"{a} and {b}": int((counts == torch.tensor([a, b])).all(1).sum()) for a in (0, 1, 2) for b in (0, 1, 2)}
    kinds = {kind: count for kind, count in kinds.items() if kind != "0 and 0"}
    yield {"measure": "clusters", "layer": layer, "method": TRAINED, "value": found.mixed, "k": k, **kinds}
    blocks = [[stats.correlation(a, b)[alive[a]][:, alive[b]] for b in (0, 1)] for a in (0, 1)]
    random = generator(derive(seed, "relabelled", layer))
    between = blocks[0][1]
    between = between[torch.randperm(len(between), generator=random)][
        :, torch.randperm(between.shape[1], generator=random)
    ]
    joint = torch.cat([torch.cat([blocks[0][0], between], 1), torch.cat([between.T, blocks[1][1]], 1)])
    labels, _ = clusters_of(joint, k, seed=seed)
    first, second = (set(part.tolist()) for part in labels.split([len(between), between.shape[1]]))
    yield {"measure": "clusters", "layer": layer, "method": "relabelled", "value": len(first & second) / k, "k": k}


def _by_information(models: Sequence[nn.Module], layer: str, images: Tensor, stats: UnitStats) -> Rows:
    """How often both ways of matching agree."""
    first, second = (
        unit_rows(layer_activations(m, images.to(device_of(m)), layer)[layer]).cpu()[:, stats.alive(k)]
        for k, m in enumerate(models)
    )
    information = mutual_information_matrix(first, second)
    ours, theirs = match_units(_living(stats)), match_units(information)
    held = ours.index >= 0
    best = information.topk(min(3, information.shape[1]), 1).indices
    near = (best == ours.index[:, None]).any(1)
    yield {
        "measure": "information",
        "layer": layer,
        "method": "agreement",
        "value": float((ours.index == theirs.index)[held].double().mean()),
        "near": float(near[held].double().mean()),
    }


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """Trained pairs against untrained ones; one unit, few and all; mixed clusters; information."""
    unit, paper = "pairs of networks", "convergent-learning"
    layers = layers_of(config)
    for layer in layers:
        found = tables.wide("matched", layer=layer)
        beside = found.mean().to_dict()
        more = paired_difference(found[TRAINED], found[UNTRAINED])
        yield f"{paper}-1", gain(f"{layer}: {TRAINED} less {UNTRAINED}", more, 0.10, unit=unit, beside=beside)
        maps = tables.wide("maps", layer=layer)
        less = paired_difference(maps[ONE], maps[DENSE])
        name = f"{layer}: {ONE} less {DENSE}"
        yield f"{paper}-2", gain(name, less, 0.05, unit=unit, beside=maps.mean().to_dict())
    pooled = tables.rows("matched", method=TRAINED)
    for tail, words in (("high", f"above {HIGH:g}"), ("low", f"below {LOW:g}")):
        counted = pooled.assign(count=pooled[tail] * pooled["units"]).groupby("seed")
        shares = counted["count"].sum() / counted["units"].sum()
        yield f"{paper}-1", above(f"units matched {words}, of all layers", mean_interval(shares), 0.10, unit=unit)
    yield f"{paper}-3", _few(tables, layers[0], unit)
    clusters = tables.wide("clusters")
    more = paired_difference(clusters[TRAINED], clusters["relabelled"])
    beside = clusters.mean().to_dict()
    yield f"{paper}-4", gain("clusters of both networks, less relabelled", more, 0.10, unit=unit, beside=beside)
    agreed = tables.wide("information")["agreement"]
    near = tables["information"].groupby("seed")["near"].mean()
    beside = {"partner among the best three by information": mean_interval(near)}
    yield f"{paper}-5", above("units with the same partner", mean_interval(agreed), 0.70, unit=unit, beside=beside)
    accuracy = mean_interval(tables["accuracy"].groupby("seed")["value"].mean())
    yield f"{paper}-1", f"Test accuracy of the networks: {accuracy:.3f}."


def _few(tables: Tables, layer: str, unit: str) -> Part:
    """Of every pair the map with the smallest penalty that uses at most so many units in the mean."""
    path, dense = tables.rows("path", layer=layer), tables.wide("maps", layer=layer)[DENSE]
    chosen: dict[str, dict[int, float]] = {FEW: {}, RANDOM: {}, "used": {}, "within 1.1 times": {}}
    for seed, own in path.groupby("seed"):
        sparse = own[own["method"] == FEW]
        allowed = sparse[sparse["used"] <= FEWEST]
        if allowed.empty:
            continue
        best = allowed.loc[allowed["used"].idxmax()]
        chosen[FEW][seed], chosen["used"][seed] = best["value"], best["used"]
        chosen[RANDOM][seed] = own[(own["method"] == RANDOM) & (own["used"] == best["used"])]["value"].iloc[0]
        near = sparse[sparse["value"] <= 1.1 * dense[seed]]["used"]
        chosen["within 1.1 times"][seed] = near.min() if len(near) else float("nan")
    seeds = list(chosen[FEW])
    few = [chosen[FEW][seed] for seed in seeds]
    more = paired_difference(few, [dense[seed] for seed in seeds])
    beside: dict[str, Any] = {
        DENSE: dense.mean(),
        FEW: mean_interval(few),
        RANDOM: mean_interval([chosen[RANDOM][seed] for seed in seeds]),
        "weights a unit": mean_interval([chosen["used"][seed] for seed in seeds]),
        "weights a unit within 1.1 times the dense error": mean_interval(
            [chosen["within 1.1 times"][seed] for seed in seeds]
        ),
    }
    return below(f"{layer}: {FEW} of at most {FEWEST} less {DENSE}", more, 0.05, unit=unit, beside=beside)


COLORS = {
    TRAINED: PALETTE[0],
    UNTRAINED: PALETTE[5],
    SHUFFLED: PALETTE[1],
    "one to one": PALETTE[0],
    "best of all": PALETTE[5],
    FEW: PALETTE[0],
    RANDOM: PALETTE[5],
    "relabelled": PALETTE[5],
}


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """Sorted correlations by layer as in the paper, errors by the number of weights, and the kinds of clusters."""
    layers = layers_of(config)
    curves = {layer: tables.rows("sorted", layer=layer) for layer in layers}
    drawn, ((matched, clusters),) = figure_grid(1, 2, 8.6, 3.0)
    dots(matched, tables["matched"], by="layer", beside="method", colors=COLORS)
    matched.set(xlabel="mean correlation with the partner")
    dots(clusters, tables["clusters"], by="layer", beside="method", colors=COLORS)
    clusters.set(xlabel="clusters with units of both networks")
    for ax in (matched, clusters):
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    paths = {layer: tables.rows("path", layer=layer) for layer in layers}
    return {
        "sorted": panels(curves, _sorted, columns=2, legend=True),
        "layers": drawn,
        "maps": panels(paths, partial(_path, dense=tables["maps"]), columns=2, legend=True),
    }


def _sorted(ax: Axes, table: Any) -> None:
    for method in ("best of all", "one to one"):
        wide = table[table["method"] == method].pivot_table(index="seed", columns="share", values="value")
        mean_with_band(ax, 100 * wide.columns.to_numpy(float), wide.to_numpy(), label=method, color=COLORS[method])
    ax.set(xlabel="units, best matched first (%)", ylabel="correlation", ylim=(-0.05, 1.02))


def _path(ax: Axes, table: Any, dense: Any) -> None:
    layer = table["layer"].iloc[0]
    for method in (FEW, RANDOM):
        own = table[table["method"] == method]
        for _, each in own.groupby("seed"):
            first = each.sort_values("used")
            ax.plot(first["used"], first["value"], color=COLORS[method], alpha=0.35, linewidth=1)
        ax.plot([], [], color=COLORS[method], label=method)
    for method, line in ((ONE, ":"), (DENSE, "--")):
        value = dense[(dense["layer"] == layer) & (dense["method"] == method)]["value"].mean()
        ax.axhline(value, color=PALETTE[1], linestyle=line, linewidth=1.2, label=method)
    ax.set(xlabel="weights a unit", ylabel="held-out error", ylim=(0, 0.52))


_PAPER: Callable[..., Config] = partial(
    Config,
    widths=(64, 128, 256, 256, 256),
    hidden=512,
    epochs=60,
    images=10_000,
    penalties=(0.5, 0.3, 0.2, 0.15, 0.1, 0.05, 0.02, 0.01, 0.005),
    stacked=False,
)
STUDY = Study(
    paper="convergent-learning",
    presets={
        "smoke": Config(seeds=1, widths=(4, 6, 6), hidden=8, epochs=1, images=100, penalties=(0.3, 0.1)),
        "laptop": Config(),
        "paper": _PAPER(data="hub:uoft-cs/cifar10", seeds=6),
    },
    plan=plan,
    measures=(pair,),
    judge=judge,
    draw=draw,
)
