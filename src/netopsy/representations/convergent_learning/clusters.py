"""Many-to-many: groups of units of two networks that belong together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import UnknownNameError, require
from netopsy.core.seeds import check_seed
from netopsy.representations.convergent_learning.statistics import UnitStats

Weight = Literal["clip", "abs"]


@dataclass(frozen=True)
class UnitClusters:
    """Groups of the units of two networks."""

    first: Int[Tensor, "units"]
    """The cluster of each unit of the first network; -1 for a dead one."""
    second: Int[Tensor, "others"]
    """The cluster of each unit of the second."""
    k: int
    """How many clusters there are."""

    @property
    def sizes(self) -> Int[Tensor, "clusters 2"]:
        """Units of the first and of the second network in each cluster."""
        counts = [each[each >= 0].bincount(minlength=self.k) for each in (self.first, self.second)]
        return torch.stack(counts, 1)

    @property
    def mixed(self) -> float:
        """Share of the clusters that hold units of both networks."""
        return float((self.sizes > 0).all(1).double().mean())

    @property
    def order(self) -> Int[Tensor, "all_units"]:
        """All units, those of the second network numbered behind the first's, cluster by cluster; no dead ones."""
        both = torch.cat([self.first, self.second])
        order = both.argsort(stable=True)
        return order[both[order] >= 0]


@checked
def spectral_unit_clusters(
    stats: UnitStats, i: int = 0, j: int = 1, k: int | None = None, *, weight: Weight = "clip", seed: int = 0
) -> UnitClusters:
    """Spectral clustering of the units of two networks by their correlations within and between the networks.

    Li et al. 2016, section 5: normalised cuts (Ng, Jordan and Weiss 2002) of the joint graph of both networks' units.
    How the paper treats negative correlations, and its number of clusters, are unconfirmed: here they are clipped at 0
    by default.

    Args:
        i, j: numbers of networks in ``stats``.
        k: clusters; by default where the gap between eigenvalues is largest, from 2 to half the units of one network.
        weight: "clip" negative correlations at 0, or take "abs" values.

    Raises:
        InputError: fewer clusters than 2 or more than units, or an unknown weight.

    >>> from netopsy.representations.convergent_learning import statistics_of
    >>> a, b = torch.randn(2, 200, 1, generator=torch.Generator().manual_seed(0))
    >>> found = spectral_unit_clusters(statistics_of([torch.cat([a, a, b], 1), torch.cat([b, a], 1)]), k=2)
    >>> bool(found.first[0] == found.first[1] == found.second[1] != found.second[0])
    True
    """
    if weight not in ("clip", "abs"):
        raise UnknownNameError("weight", weight, ("clip", "abs"))
    check_seed(seed)
    blocks = [[stats.correlation(a, b) for b in (i, j)] for a in (i, j)]
    joint = torch.cat([torch.cat(row, 1) for row in blocks])
    alive = torch.cat([stats.alive(each) for each in (i, j)])
    labels, found = clusters_of(
        joint[alive][:, alive], k, weight=weight, most=min(stats.sizes[i], stats.sizes[j]) // 2, seed=seed
    )
    every = torch.full((len(alive),), -1)
    every[alive] = labels
    return UnitClusters(every[: stats.sizes[i]], every[stats.sizes[i] :], found)


@checked
def clusters_of(
    joint: Float[Tensor, "n n"], k: int | None, *, weight: Weight = "clip", most: int = 10, seed: int = 0
) -> tuple[Int[Tensor, "n"], int]:
    """The cluster of each node of a graph of correlations, and how many there are; see `spectral_unit_clusters`."""
    from sklearn.cluster import KMeans

    graph = joint.double().abs() if weight == "abs" else joint.double().clamp(min=0)
    graph = graph - torch.diag(graph.diagonal())
    degrees = graph.sum(1)
    scale = torch.where(degrees > 0, degrees, torch.inf).rsqrt()
    values, vectors = torch.linalg.eigh(torch.eye(len(graph), dtype=graph.dtype) - scale[:, None] * graph * scale)
    if k is None:
        gaps = values.diff()[1 : max(2, most)]
        k = 2 + int(gaps.argmax()) if len(gaps) else 2
    require(isinstance(k, int) and 2 <= k <= len(graph), f"k must lie between 2 and the {len(graph)} units, got {k!r}")
    rows = vectors[:, :k]
    rows = rows / rows.norm(dim=1, keepdim=True).clamp(min=1e-12)
    found = KMeans(k, n_init=20, random_state=seed).fit_predict(rows.numpy())
    return torch.from_numpy(found).long(), k
