"""Do walks miss what orbits see, is counting them quick, and do they tell labels better? Windels et al. re-tested.

Run as a program, the module counts in a process of its own, which tells the most memory that it ever held.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from scipy import sparse

from netopsy.core.drawing import INK, PALETTE, figure, figure_grid
from netopsy.core.seeds import derive
from netopsy.data.graphs import GRAPHS
from netopsy.data.graphs import graph as network
from netopsy.graphs.graphlet_orbits import (
    KEYS,
    UNSEEN,
    embed,
    gopmi,
    orbit_adjacencies,
    random_walk_pmi,
    walk_decomposition,
)
from netopsy.lab import Cell, Part, Rows, Study, Tables, exact, gain, most, open_part, paired_difference
from netopsy.lab.costs import most_megabytes, seconds
from netopsy.lab.plots import growth
from netopsy.lab.statistics import r_squared
from netopsy.lab.subjects.networks import FIXED, labelled, matrix_of, random_graph, real_networks

FAMILIES = ("uniform", "preferential", "small world")
REAL = "real"
EDGE = "1-0-0"
"""The orbit adjacency that is the graph itself, and so a walk of length 1."""
ORBIT, BUT_EDGE, WALK = "orbit", "orbit but the edge", "walk"
NODES, SECONDS, MEGABYTES, MARGIN = 10_000, 60.0, 2000.0, 0.01

Row = dict[str, Any]
Features = Mapping[tuple[str, str], np.ndarray]


@dataclass(frozen=True)
class Config:
    """Every number of the experiment."""

    seeds: int = 5
    random_graphs: int = 51
    """On which the identity is checked, a third of each family."""
    sizes: tuple[int, ...] = (1000, 2000, 5000, 10000, 20000)
    """Nodes of the graphs that are counted for their cost."""
    networks: bool = True
    """Whether real networks are counted for their cost, too."""
    attached: int = 10
    """Edges that each of their nodes comes with."""
    apart: bool = True
    """Whether costs are measured in processes of their own, so that memory is that of one graph."""
    graphs: tuple[str, ...] = ("karate", "roles", "blocks", "digits")
    """Whose labels are predicted."""
    windows: tuple[int, ...] = (1, 2, 3, 5, 10)
    dim: int = 128
    folds: int = 5
    inner: int = 3
    """Folds of the training part on which the orbit and the window are chosen."""


def plan(config: Config) -> Iterable[Cell]:
    """A cell for each kind of graph, for the cost, and for each graph with labels; a fixed one with all seeds."""
    for family in (*FAMILIES, REAL):
        yield Cell.of(walks, family=family, graphs=config.random_graphs // len(FAMILIES))
    at = {"attached": config.attached, "networks": config.networks, "apart": config.apart}
    yield Cell.of(cost, sizes=config.sizes, **at)
    every = tuple(range(config.seeds))
    for graph in config.graphs:
        numbers: Row = {name: getattr(config, name) for name in ("windows", "dim", "folds", "inner")}
        for seeds in [every] if graph in FIXED else [(seed,) for seed in every]:
            yield Cell.of(labels, graph=graph, seeds=seeds, **numbers)


def walks(family: str, graphs: int) -> Rows:
    """For every graph how often the identity is violated, and how well walks explain each unseen matrix."""
    networks = (
        {name: network(name).adjacency for name in GRAPHS}
        if family == REAL
        else {f"{family} {number}": matrix_of(random_graph(family, number)) for number in range(graphs)}
    )
    for name, A in networks.items():
        at = {"graph": name, "nodes": A.shape[0]}
        powers = [np.linalg.matrix_power(A.toarray().astype(np.int64), length) for length in (1, 2, 3)]
        apart = ~np.eye(A.shape[0], dtype=bool)
        for length, power in enumerate(powers, start=1):
            mixed = np.sum([part.toarray() for part in walk_decomposition(A, length).values()], 0)
            yield {**at, "measure": "identity", "length": length, "violations": int((mixed != power)[apart].sum())}
        walks = np.stack([np.ones(apart.sum()), *(power[apart].astype(float) for power in powers)], 1)
        for key, matrix in orbit_adjacencies(A, UNSEEN):
            explained = r_squared(walks, matrix.toarray()[apart].astype(float))
            if explained is not None:
                yield {**at, "measure": "explained", "key": name_of(key), "value": explained}


def cost(sizes: tuple[int, ...], attached: int, networks: bool, apart: bool) -> Rows:
    """All 28 matrices of growing graphs, each in a process of its own, and of real ones together in another."""
    count = in_a_process if apart else counted
    for nodes in sizes:
        yield from ({"measure": "growth", **found} for found in count(str(nodes), str(attached)))
    if networks:
        yield from ({"measure": "network", **found} for found in count(REAL))


def in_a_process(*what: str) -> list[Row]:
    """What `counted` gives, from a process of its own."""
    call = [sys.executable, "-m", "netopsy.studies.graphs.graphlet_orbits", *what]
    return list(json.loads(subprocess.run(call, capture_output=True, text=True, check=True).stdout.splitlines()[-1]))


def counted(nodes: str, attached: str = "") -> list[Row]:
    """Seconds, the most megabytes of the process so far, and entries, for a made graph or for the real networks."""
    if nodes == REAL:
        networks = {name: each.adjacency.sign() for name, each in real_networks().items()}
    else:
        networks = {f"{nodes} nodes": matrix_of(nx.barabasi_albert_graph(int(nodes), int(attached), seed=42))}
    _entries(network("karate").adjacency)  # compiles
    rows = []
    for name, A in networks.items():
        took, entries = seconds(partial(_entries, A))
        at = {"graph": name, "nodes": A.shape[0], "edges": A.nnz // 2}
        rows.append({**at, "seconds": took, "megabytes": most_megabytes(), "entries": entries})
    return rows


def _entries(A: sparse.csr_array) -> int:
    """Of all matrices, of which none is kept."""
    entries = 0
    for _, matrix in orbit_adjacencies(A, threads=1):
        entries += int(matrix.nnz)
        del matrix  # before the next is made
    return entries


def labels(graph: str, seeds: tuple[int, ...], windows: tuple[int, ...], dim: int, folds: int, inner: int) -> Rows:
    """Macro F1 of a linear classifier on the features of every orbit and every window, and of those chosen."""
    features: Features = {}
    for seed in seeds:
        given = labelled(graph, seed)
        if not features or graph not in FIXED:
            features = all_features(given.adjacency, windows, dim)
        assert given.labels is not None
        yield from _cross_validated(features, given.labels, seed, folds, inner)


def all_features(A: sparse.csr_array, windows: Sequence[int], dim: int) -> Features:
    """Embeddings of one scale by kind (orbit or walk) and name; an orbit pair that does not occur has none."""
    found = {(ORBIT, name_of(key)): gopmi(matrix) for key, matrix in orbit_adjacencies(A, KEYS) if matrix.nnz}
    found |= {(WALK, f"window {window}"): random_walk_pmi(A, window) for window in windows}
    embedded = {name: embed(P, dim) for name, P in found.items() if P.nnz}
    return {name: x / (np.sqrt((x**2).sum(1).mean()) or 1.0) * np.sqrt(10) for name, x in embedded.items()}


def _cross_validated(features: Features, labels: np.ndarray, seed: int, folds: int, inner: int) -> Iterator[Row]:
    from sklearn.model_selection import StratifiedKFold

    def split(count: int, *path: int | str) -> StratifiedKFold:
        return StratifiedKFold(count, shuffle=True, random_state=derive(seed, *path) % 2**32)

    choices = {
        ORBIT: [each for each in features if each[0] == ORBIT],
        BUT_EDGE: [each for each in features if each[0] == ORBIT and each[1] != EDGE],
        WALK: [each for each in features if each[0] == WALK],
    }
    scores: dict[tuple[str, str], list[float]] = {each: [] for each in features}
    for fold, (train, test) in enumerate(split(folds, "fold").split(labels, labels)):
        parts = [(train[a], train[b]) for a, b in split(inner, "inner", fold).split(train, labels[train])]
        before = {each: np.mean([_f1(x, labels, *part) for part in parts]) for each, x in features.items()}
        for each, x in features.items():
            scores[each].append(_f1(x, labels, train, test))
        for kind, own in choices.items():
            best = max(own, key=lambda each: before[each])
            at = {"seed": seed, "fold": fold, "kind": kind, "choice": best[1]}
            yield {"measure": "chosen", **at, "value": scores[best][-1]}
    for (kind, choice), by_fold in scores.items():
        yield {"measure": "candidate", "seed": seed, "kind": kind, "choice": choice, "value": np.mean(by_fold)}


def _f1(features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    from sklearn.linear_model import RidgeClassifier
    from sklearn.metrics import f1_score

    model = RidgeClassifier(alpha=1.0, class_weight="balanced").fit(features[train], labels[train])
    return float(f1_score(labels[test], model.predict(features[test]), average="macro", zero_division=0))


def name_of(key: tuple[int, int, int]) -> str:
    """A key as people write it."""
    return "-".join(map(str, key))


def judge(tables: Tables, config: Config) -> Iterator[tuple[str, Part | str]]:
    """What walks see, the cost, and labels: over graphs where they are drawn anew, else over splits of the one."""
    identity, explained = tables["identity"], tables["explained"]
    beside: Row = {"graphs": identity["graph"].nunique()}
    violations = int(identity["violations"].sum())
    yield "graphlet-orbits-1", exact("entries that differ from the mixture of orbits", violations, beside=beside)
    top = explained.sort_values("value").iloc[-1]
    beside = {"key": top["key"], "graph": top["graph"], "largest R²": float(top["value"])}
    beside |= {"largest median R² of a key": explained.groupby("key")["value"].median().max()}
    beside |= {"keys that never occurred": len(UNSEEN) - explained["key"].nunique()}
    over = max(0.0, float(1e-6 - (1 - top["value"])))
    yield "graphlet-orbits-1", exact("R² above 1 - 1e-6 by", over, beside=beside)

    made = tables["growth"].assign(megabytes=lambda own: own.get("megabytes", math.nan)).astype({"megabytes": float})
    beside = {f"{row.nodes:,} nodes": f"{row.seconds:.2f} s, {row.megabytes:.0f} MB" for row in made.itertuples()}
    if "network" in tables:
        beside |= {str(row.graph): f"{row.seconds:.2f} s" for row in tables["network"].itertuples()}
    own = made[made["nodes"] == NODES]
    if own.empty or own["megabytes"].isna().any():
        yield "graphlet-orbits-2", open_part("cost", why=f"{NODES:,} nodes were not measured", beside=beside)
    else:
        took, held = own.iloc[0][["seconds", "megabytes"]].astype(float)
        yield "graphlet-orbits-2", exact(f"seconds for {NODES:,} nodes", took, SECONDS, beside=beside)
        yield "graphlet-orbits-2", exact(f"MB for {NODES:,} nodes", held, MEGABYTES)

    parts: dict[str, list[Part]] = {ORBIT: [], BUT_EDGE: []}
    often = {}
    for name, own in tables["chosen"].groupby("graph", sort=False):
        means = own.groupby(["seed", "kind"])["value"].mean().unstack()
        for kind, judged in parts.items():
            more = paired_difference(means[kind], means[WALK])
            judged.append(gain(str(name), more, MARGIN, unit="splits" if name in FIXED else "graphs"))
        first = own.groupby("kind")["choice"].agg(lambda choices: choices.value_counts().index[0])
        often[f"{name}, chosen most often"] = f"{first[ORBIT]} and {first[WALK]}"
    half = math.ceil(len(parts[ORBIT]) / 2)
    yield "graphlet-orbits-3", most("F1, orbit less window", parts[ORBIT], half, beside=often)
    yield "graphlet-orbits-3", most(f"the same without {EDGE}", parts[BUT_EDGE], half)
    yield "graphlet-orbits-3", f"{EDGE} is the graph itself, a walk of length 1, which must not stand for the orbits."


def draw(tables: Tables, config: Config) -> dict[str, Figure]:
    """How well walks explain what they cannot see, how well orbits and walks tell labels, and the cost."""
    return {"explained": _explained(tables), "labels": _labels(tables), "cost": _cost(tables)}


def _explained(tables: Tables) -> Figure:
    drawn, ax = figure(7.2, 3.6)
    names = [name_of(key) for key in UNSEEN]
    for number, family in enumerate((*FAMILIES, REAL)):
        own = tables.rows("explained", family=family)
        places = own["key"].map(names.index) + (number - 1.5) * 0.18
        ax.plot(places, own["value"], "o", color=PALETTE[number], markersize=3, alpha=0.5, label=f"{family} graphs")
    ax.axhline(1, color=INK, linewidth=0.8)
    _name_orbits(ax, names)
    ax.set(ylim=(-0.02, 1.05), ylabel="R² from A, A² and A³", xlabel="orbit adjacency (hop-orbit-orbit); a dot a graph")
    drawn.legend(loc="outside upper center", ncols=4, markerscale=1.6)
    return drawn


def _name_orbits(ax: Axes, names: list[str]) -> None:
    ax.set_xticks(range(len(names)), names, rotation=60, ha="right")
    ax.grid(axis="x", visible=False)


def _labels(tables: Tables) -> Figure:
    means = tables.mean("candidate", ["graph", "kind", "choice"])
    graphs, names = list(means.index.unique("graph")), [name_of(key) for key in KEYS]
    drawn, axes = figure_grid(len(graphs), 1, 8.4, 1.2 + 1.55 * len(graphs), sharex=True)
    unseen = np.array([key in UNSEEN for key in KEYS])
    sets = (("orbits no walk sees", PALETTE[1], unseen), ("orbits in walks' mixtures", PALETTE[5], ~unseen))
    dashes = ("-", "--", "-.", ":", (0, (1, 4)))
    for ax, name in zip(axes[:, 0], graphs, strict=True):
        heights = means[name, ORBIT].reindex(names)
        for dash, (window, value) in zip(dashes, means[name, WALK].items(), strict=False):
            ax.axhline(value, color=PALETTE[0], linewidth=1, linestyle=dash, label=f"walks, {window}")
        for label, color, own in sets:
            ax.bar(np.flatnonzero(own), heights[own], color=color, width=0.75, label=label)
        for place in np.flatnonzero(heights.isna()):
            ax.text(place, 0.02, "none", rotation=90, ha="center", va="bottom", fontsize=6, color=INK)
        ax.set_title(name)
        ax.set(ylim=(0, 1.0), ylabel="macro F1")
        _name_orbits(ax, names)
    axes[-1, 0].set_xlabel("orbit adjacency (hop-orbit-orbit)")
    drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper center", ncols=4)
    return drawn


def _cost(tables: Tables) -> Figure:
    drawn, ((time, memory, real),) = figure_grid(1, 3, 9.6, 3.2, width_ratios=[1.0, 1.0, 1.1])
    made = tables["growth"].astype({"megabytes": float})
    for ax, column, label in (
        (time, "seconds", "seconds, one thread"),
        (memory, "megabytes", "MB of the whole process"),
    ):
        growth(ax, made, x="nodes", values=column)
        ax.set(xlabel="nodes, ten edges each", ylabel=label)
    if "network" in tables:
        ordered = tables["network"].sort_values("seconds")
        real.plot(ordered["seconds"], range(len(ordered)), "o", color=PALETTE[0])
        names = [f"{row.graph}: {row.nodes:,.0f} nodes, {row.edges:,.0f} edges" for row in ordered.itertuples()]
        real.set_yticks(range(len(ordered)), names, fontsize=7)
        real.set(xscale="log", xlabel="seconds, one thread")
        real.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    else:
        real.set_axis_off()
    return drawn


STUDY = Study(
    paper="graphlet-orbits",
    presets={
        "smoke": Config(
            seeds=1,
            random_graphs=6,
            sizes=(200,),
            networks=False,
            apart=False,
            graphs=("karate",),
            windows=(1, 3),
            dim=8,
            folds=2,
            inner=2,
        ),
        "laptop": Config(),
        "paper": Config(seeds=10, graphs=("karate", "roles", "blocks", *FIXED[1:])),
    },
    plan=plan,
    measures=(walks, cost, labels),
    judge=judge,
    draw=draw,
)
"""``netopsy reproduce graphlet-orbits``."""

if __name__ == "__main__":
    print(json.dumps(counted(*sys.argv[1:])))
