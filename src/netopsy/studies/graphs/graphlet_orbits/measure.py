"""What is measured for the graphlet-orbits study: what walks see of the orbits, what counting costs, and which tell
the labels of nodes better."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import networkx as nx
import numpy as np
from scipy import sparse

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
from netopsy.lab import Cell, Rows
from netopsy.studies.graphs.graphlet_orbits.networks import FIXED, labelled, random_graph
from netopsy.studies.graphs.graphlet_orbits.plan import EDGE, FAMILIES, REAL, Config

Row = dict[str, Any]


def plan(config: Config) -> Iterable[Cell]:
    """A cell for each kind of graph, for the cost, and for each graph with labels; a fixed one with all seeds."""
    for family in (*FAMILIES, REAL):
        yield Cell.of(walks, family=family, graphs=config.random_graphs // len(FAMILIES))
    yield Cell.of(cost, sizes=config.sizes, attached=config.attached, networks=config.networks)
    every = tuple(range(config.seeds))
    for graph in config.graphs:
        numbers = {name: getattr(config, name) for name in ("windows", "dim", "folds", "inner")}
        for seeds in [every] if graph in FIXED else [(seed,) for seed in every]:
            yield Cell.of(labels, graph=graph, seeds=seeds, **numbers)


def walks(family: str, graphs: int) -> Rows:
    """For every graph how often the identity is violated, and how well walks explain each unseen matrix."""
    networks = (
        {name: network(name).adjacency for name in GRAPHS}
        if family == REAL
        else {f"{family} {number}": _matrix(random_graph(family, number)) for number in range(graphs)}
    )
    for name, A in networks.items():
        at = {"graph": name, "nodes": A.shape[0]}
        powers = [A.toarray().astype(np.int64)]
        for _ in range(2):
            powers.append(powers[-1] @ powers[0])
        apart = ~np.eye(A.shape[0], dtype=bool)
        for length, power in enumerate(powers, start=1):
            mixed = np.sum([part.toarray() for part in walk_decomposition(A, length).values()], 0)
            yield {**at, "measure": "identity", "length": length, "violations": int((mixed != power)[apart].sum())}
        walks = np.stack([np.ones(apart.sum()), *(power[apart].astype(float) for power in powers)], 1)
        for key, matrix in orbit_adjacencies(A, UNSEEN):
            explained = r_squared(walks, matrix.toarray()[apart].astype(float))
            if explained is not None:
                yield {**at, "measure": "explained", "key": name_of(key), "value": explained}


def r_squared(given: np.ndarray, wanted: np.ndarray) -> float | None:
    """Share of the variance that a linear regression explains; ``None`` where there is no variance."""
    centred = wanted - wanted.mean()
    total = float(centred @ centred)
    if total == 0.0:
        return None
    scaled = given / np.abs(given).max(0)
    residual = wanted - scaled @ np.linalg.lstsq(scaled, wanted, rcond=None)[0]
    return 1 - float(residual @ residual) / total


def cost(sizes: tuple[int, ...], attached: int, networks: bool) -> Rows:
    """All 28 matrices of growing graphs, each in a process of its own, and of real ones together in another."""
    for nodes in sizes:
        yield from ({"measure": "growth", **found} for found in in_a_process("made", str(nodes), str(attached)))
    if networks:
        yield from ({"measure": "network", **found} for found in in_a_process("real"))


def in_a_process(*what: str) -> list[Row]:
    """Seconds, megabytes and entries, from `netopsy.studies.graphs.graphlet_orbits.process`."""
    call = [sys.executable, "-m", "netopsy.studies.graphs.graphlet_orbits.process", *what]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout.splitlines()[-1]))


def labels(graph: str, seeds: tuple[int, ...], windows: tuple[int, ...], dim: int, folds: int, inner: int) -> Rows:
    """Macro F1 of a linear classifier on the features of every orbit and every window, and of those chosen."""
    features: Mapping[tuple[str, str], np.ndarray] = {}
    for seed in seeds:
        given = labelled(graph, seed)
        if not features or graph not in FIXED:
            features = all_features(given.adjacency, windows, dim)
        assert given.labels is not None
        yield from _cross_validated(features, given.labels, seed, folds, inner)


def all_features(A: sparse.csr_array, windows: Sequence[int], dim: int) -> dict[tuple[str, str], np.ndarray]:
    """Embeddings of one scale by kind ("orbit" or "walk") and name; an orbit pair that does not occur has none."""
    found = {("orbit", name_of(key)): gopmi(matrix) for key, matrix in orbit_adjacencies(A, KEYS) if matrix.nnz}
    found |= {("walk", f"window {window}"): random_walk_pmi(A, window) for window in windows}
    return {name: _scaled(embed(P, dim)) for name, P in found.items() if P.nnz}


def _scaled(features: np.ndarray) -> np.ndarray:
    return features / (np.sqrt((features**2).sum(1).mean()) or 1.0) * np.sqrt(10)


def _cross_validated(
    features: Mapping[tuple[str, str], np.ndarray], labels: np.ndarray, seed: int, folds: int, inner: int
) -> Iterator[Row]:
    from sklearn.model_selection import StratifiedKFold

    def split(count: int, *path: int | str) -> StratifiedKFold:
        return StratifiedKFold(count, shuffle=True, random_state=derive(seed, *path) % 2**32)

    scores: dict[tuple[str, str], list[float]] = {each: [] for each in features}
    for fold, (train, test) in enumerate(split(folds, "fold").split(labels, labels)):
        parts = [(train[a], train[b]) for a, b in split(inner, "inner", fold).split(train, labels[train])]
        before = {
            each: float(np.mean([_f1(values, labels, *part) for part in parts])) for each, values in features.items()
        }
        for each, values in features.items():
            scores[each].append(_f1(values, labels, train, test))
        for kind in ("orbit", "orbit but the edge", "walk"):
            own = [
                each
                for each in features
                if each[0] == kind.split()[0] and (kind != "orbit but the edge" or each[1] != EDGE)
            ]
            best = max(own, key=lambda each: before[each])
            at = {"seed": seed, "fold": fold, "kind": kind, "choice": best[1]}
            yield {"measure": "chosen", **at, "value": scores[best][-1]}
    for (kind, choice), by_fold in scores.items():
        at = {"seed": seed, "kind": kind, "choice": choice}
        yield {"measure": "candidate", **at, "value": float(np.mean(by_fold))}


def _f1(features: np.ndarray, labels: np.ndarray, train: np.ndarray, test: np.ndarray) -> float:
    from sklearn.linear_model import RidgeClassifier
    from sklearn.metrics import f1_score

    model = RidgeClassifier(alpha=1.0, class_weight="balanced").fit(features[train], labels[train])
    return float(f1_score(labels[test], model.predict(features[test]), average="macro", zero_division=0))


def name_of(key: tuple[int, int, int]) -> str:
    """A key as people write it."""
    return "-".join(map(str, key))


def _matrix(network: nx.Graph) -> sparse.csr_array:
    return sparse.csr_array(nx.to_scipy_sparse_array(network, weight=None, dtype=float))
