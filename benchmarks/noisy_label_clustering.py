"""Flow diffusion against the same pushes in plain Python, and its cost around one cluster in growing graphs."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np

from benchmarks.timing import Comparison, Growth
from netopsy.graphs.noisy_label_clustering import CheckedGraph, FlowResult, flow_diffusion, local_cluster
from netopsy.lab.subjects.clusters import Blocks, block_graph
from netopsy.lab.subjects.clusters import planted as planted_cluster

SOURCE = 460.0
EPS = 0.02
SEEDS = range(5)
TOL = 1e-4


def benchmarks() -> Iterator[Comparison | Growth]:
    """Five seeds in a labelled block model of 2,000 nodes; then one cluster of 100 in graphs of 10^4 to 10^6 edges."""
    blocks = Blocks()
    graph = block_graph(blocks, 0)
    random = np.random.default_rng(0)
    labels = ((np.arange(blocks.nodes) < blocks.size) ^ (random.random(blocks.nodes) < 0.05)).astype(np.int8)
    labels[list(SEEDS)] = 1
    rows = {node: graph.columns[graph.starts[node] : graph.starts[node + 1]].tolist() for node in range(len(graph))}
    options = {"labels": labels, "eps": EPS, "tol": TOL, "max_passes": 1000}
    told = labels.tolist()
    check(flow_diffusion(graph, {0: SOURCE}, **options), plain_python(rows, told, {0: SOURCE}))

    def ours() -> None:
        for start in SEEDS:
            flow_diffusion(graph, {start: SOURCE}, **options)

    def theirs() -> None:
        for start in SEEDS:
            plain_python(rows, told, {start: SOURCE})

    yield Comparison("flow_diffusion", ours, theirs, target=0.02, peer_name="plain Python", rounds=7)
    yield Growth(
        "local_cluster_edges",
        {int(graph.edge_count): partial(local_cluster, graph, start, labels=guesses, volume_hint=1000)
         for graph, start, guesses in map(planted, (2_000, 20_000, 200_000))},
        size_name="edges",
        rounds=15,
    )  # fmt: skip


def planted(nodes: int) -> tuple[CheckedGraph, int, np.ndarray]:
    """A graph with the cluster, a node of it, and labels that are right for 9 of 10 nodes."""
    graph, members = planted_cluster(nodes, 0)
    truth = np.isin(np.arange(nodes), members)
    wrong = np.random.default_rng(nodes).random(nodes) < 0.1
    wrong[members] = np.random.default_rng(0).random(len(members)) < 0.1
    return graph, int(members[0]), (truth ^ wrong).astype(np.int8)


def plain_python(
    rows: Mapping[int, list[int]], labels: list[int], source: Mapping[int, float], eps: float = EPS
) -> dict[int, float]:
    """The same pushes in the same order over dictionaries, weights on the fly."""
    mass, height, degree = dict(source), dict.fromkeys(source, 0.0), {}
    queue = deque(source)
    while queue:
        node = queue.popleft()
        excess = mass[node] - 1.0
        if excess <= TOL:
            continue
        if node not in degree:
            degree[node] = sum(1.0 if labels[other] == labels[node] else eps for other in rows[node])
        step = excess / degree[node]
        height[node] = height.get(node, 0.0) + step
        mass[node] = 1.0
        for other in rows[node]:
            before = mass.get(other, 0.0)
            mass[other] = before + step * (1.0 if labels[other] == labels[node] else eps)
            if before <= 1.0 + TOL < mass[other]:
                queue.append(other)
    return height


def check(ours: FlowResult, theirs: Mapping[int, float]) -> None:
    """Both sides find the same."""
    assert np.allclose(ours.heights[ours.heights > 0], [theirs[node] for node in ours.support.tolist()])
