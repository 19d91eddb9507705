"""Units of networks: one pass against numpy pair by pair, matching against networkx, LASSO against scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.timing import Comparison, Growth
from netopsy.representations.convergent_learning import match_units, sparse_mapping, statistics_of, unit_statistics

NETWORKS, UNITS = 4, 128


class Given(nn.Module):
    """A network whose layer gives what it is shown: what is timed is the statistics, not a network."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(seed)
        self.layer = nn.Linear(32, UNITS)
        with torch.no_grad():
            self.layer.weight.copy_(torch.randn(UNITS, 32, generator=random))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.layer(inputs)  # type: ignore[no-any-return]


def benchmarks() -> Iterator[Comparison | Growth]:
    """Three comparisons, and how the pass grows with the samples."""
    random = torch.Generator().manual_seed(0)
    series = [torch.rand(20_000, 32, generator=random) @ torch.rand(32, UNITS, generator=random) for _ in range(4)]
    tables = [each.numpy() for each in series]

    def pair_by_pair() -> list[np.ndarray]:
        return [np.corrcoef(a, b, rowvar=False) for a, b in combinations(tables, 2)]

    stats = statistics_of(series)
    apart = max(
        float(np.abs(stats.correlation(i, j).numpy() - found[:UNITS, UNITS:]).max())
        for (i, j), found in zip(combinations(range(NETWORKS), 2), pair_by_pair(), strict=True)
    )
    print(f"correlations of four networks differ from numpy's by at most {apart:.1e}")
    yield Comparison(
        "convergent_learning_statistics", lambda: statistics_of(series), pair_by_pair, target=0.5, peer_name="numpy"
    )
    similarity = stats.correlation(0, 1)
    yield Comparison(
        "convergent_learning_matching",
        lambda: match_units(similarity),
        lambda: _with_networkx(similarity.numpy()),
        target=0.05,
        peer_name="networkx",
        rounds=3,
    )
    yield Comparison(
        "convergent_learning_mapping",
        lambda: sparse_mapping(stats, 0, 1, 0.1, tolerance=1e-4),
        lambda: _with_scikit_learn(tables[0], tables[1], 0.1),
        target=0.5,
        peer_name="scikit-learn",
        rounds=3,
    )
    models = [Given(seed) for seed in range(NETWORKS)]
    sizes = (4_000, 16_000, 64_000)
    yield Growth(
        "convergent_learning_samples",
        {n: lambda n=n: unit_statistics(models, "layer", _batches(n)) for n in sizes},  # type: ignore[misc]
        size_name="samples",
        rounds=3,
    )


def _batches(n: int) -> Iterator[Tensor]:
    random = torch.Generator().manual_seed(0)
    for _ in range(n // 1000):
        yield torch.rand(1000, 32, generator=random)


def _with_networkx(similarity: np.ndarray) -> object:
    import networkx as nx

    graph = nx.Graph()
    for i, row in enumerate(similarity):
        graph.add_weighted_edges_from((("a", i), ("b", j), float(value)) for j, value in enumerate(row))
    return nx.max_weight_matching(graph, maxcardinality=True)


def _with_scikit_learn(a: np.ndarray, b: np.ndarray, penalty: float) -> object:
    from sklearn.linear_model import Lasso

    x, y = ((each - each.mean(0)) / each.std(0) for each in (a, b))
    return Lasso(alpha=penalty, fit_intercept=False, precompute=True, tol=1e-4, max_iter=20_000).fit(x, y)
