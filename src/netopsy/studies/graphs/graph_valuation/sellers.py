"""Who sells in the graph-valuation study: like the buyer, unlike it, a mixture, spoilt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netopsy.studies.graphs.graph_valuation.data import Sample, rewired
from netopsy.studies.graphs.graph_valuation.plan import ALL, HALF, NOISY, OTHER, REWIRED, SAME, SCALED, SHUFFLED

PER_PARTY = 150
CLASSES = 3


@dataclass(frozen=True, eq=False)
class Offer:
    """What a seller has: nodes and the graph among them."""

    sample: Sample
    share: float = 0.0
    """Of the edges between nearest neighbours that are replaced by others."""
    seed: int = 0

    def graph(self) -> np.ndarray:
        """Each node joined to its nearest neighbours, but for that share."""
        return rewired(self.sample.graph().toarray(), self.share, np.random.default_rng(self.seed))


def parties(whole: Sample, start: int, random: np.random.Generator) -> tuple[Sample, dict[str, Offer]]:
    """A buyer with three classes, from ``start`` on around the circle, and the eight sellers; the buyer shares no node.

    The classes of the one that has others are the next three of the circle.
    """
    count = int(whole.classes.max()) + 1
    order = random.permutation(len(whole.classes))
    own = order[np.isin(whole.classes[order], _circle(start, count))]
    buyer, kept = own[:PER_PARTY], own[PER_PARTY : 2 * PER_PARTY]
    others = order[np.isin(whole.classes[order], _circle(start + CLASSES, count))][:PER_PARTY]
    # The buyer has the first of its classes in this order, so another one is needed.
    every = random.permutation(order[~np.isin(order, buyer)])[:PER_PARTY]
    same, other = whole.take(kept), whole.take(others)
    half = whole.take(np.r_[kept[: PER_PARTY // 2], others[: PER_PARTY // 2]])
    shuffled = Sample(same.features[:, random.permutation(same.features.shape[1])], same.classes)
    noise = random.normal(size=same.features.shape) * same.features.std()
    return whole.take(buyer), {
        SAME: Offer(same),
        OTHER: Offer(other),
        ALL: Offer(whole.take(every)),
        SHUFFLED: Offer(shuffled),
        SCALED: Offer(Sample(3 * same.features, same.classes)),
        HALF: Offer(half),
        NOISY: Offer(Sample(same.features + noise, same.classes)),
        REWIRED: Offer(same, 0.4, int(random.integers(2**31))),
    }


def _circle(start: int, count: int) -> list[int]:
    return [(start + step) % count for step in range(CLASSES)]
