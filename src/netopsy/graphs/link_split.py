"""Links held out to be predicted, and pairs that are none to tell them from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from scipy import sparse
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import generator
from netopsy.graphs.adjacency import GraphLike, as_adjacency, from_edges, undirected_edges

Links = Int[Tensor, "2 _"]


@dataclass(frozen=True, eq=False)
class LinkSplit:
    """The links of a graph in three parts, each link once, and for two of them pairs that are no links."""

    nodes: int
    train: Links
    """The observed graph."""
    validation: Links
    test: Links
    validation_negatives: Links
    test_negatives: Links

    def __post_init__(self) -> None:
        for name in ("train", "validation", "test", "validation_negatives", "test_negatives"):
            links = getattr(self, name)
            require(links.ndim == 2 and links.shape[0] == 2, f"{name} must be [2, links], got {tuple(links.shape)}")
            require(links.shape[1] > 0, f"{name} must hold at least one pair, got none")

    @property
    def observed(self) -> sparse.csr_array:
        """The adjacency matrix of the training links."""
        return from_edges(self.train, self.nodes)


@checked
def random_link_split(
    graph: GraphLike,
    val: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
    *,
    drop: float = 0.0,
    negatives: float = 1.0,
    nodes: int | None = None,
) -> LinkSplit:
    """Shares of the undirected links for validation and test; the rest are observed.

    Negatives are different pairs that are no links of the whole graph, drawn uniformly.

    Args:
        graph: any form that `as_adjacency` takes; for an edge index ``nodes`` says how many there are.
        drop: a share of the observed links that is thrown away as well, to see what becomes of a sparser graph.
        negatives: how many for each link that is held out.

    Raises:
        InputError: shares that leave a part empty, or a graph without enough other pairs.

    >>> split = random_link_split(torch.tensor([[0, 1, 2, 3, 4], [1, 2, 3, 4, 5]]), 0.2, 0.2)
    >>> split.train.shape[1], split.validation.shape[1], split.test.shape[1], split.test_negatives.shape[1]
    (3, 1, 1, 1)
    """
    adjacency = as_adjacency(graph, nodes=nodes)
    require(0 < val < 1 and 0 < test < 1 and val + test < 1, f"val and test must be shares below 1, got {val}, {test}")
    require(0 <= drop < 1, f"drop must be at least 0 and below 1, got {drop}")
    require(negatives > 0, f"negatives must be positive, got {negatives}")
    links, count = undirected_edges(adjacency), int(adjacency.shape[0])
    held = [round(share * links.shape[1]) for share in (val, test)]
    random = generator(seed)
    order = torch.randperm(links.shape[1], generator=random)
    rest = order[sum(held) :]
    kept = rest[: len(rest) - round(drop * len(rest))]
    require(
        min(*held, len(kept)) > 0,
        f"graph has {links.shape[1]} links, too few for parts of {1 - val - test:g}, {val:g} and {test:g}",
    )
    others = draw_non_links(adjacency, sum(max(1, round(negatives * part)) for part in held), random)
    first = max(1, round(negatives * held[0]))
    return LinkSplit(
        nodes=count,
        train=links[:, kept.sort().values],
        validation=links[:, order[: held[0]]],
        test=links[:, order[held[0] : sum(held)]],
        validation_negatives=others[:, :first],
        test_negatives=others[:, first:],
    )


def draw_non_links(adjacency: sparse.csr_array, count: int, random: torch.Generator) -> Links:
    """So many different pairs of different nodes that no link joins, uniformly, in random order.

    Raises:
        InputError: there are not so many.
    """
    nodes = int(adjacency.shape[0])
    upper = undirected_edges(adjacency)
    linked = upper[0] * nodes + upper[1]
    free = nodes * (nodes - 1) // 2 - len(linked)
    require(count <= free, f"graph has {free} pairs that are no links, {count} are wanted")
    if 2 * count > free:
        rows, columns = torch.triu_indices(nodes, nodes, 1)
        keys = rows * nodes + columns
        keys = keys[~torch.isin(keys, linked)]
        keys = keys[torch.randperm(len(keys), generator=random)[:count]]
    else:
        keys = linked.new_empty(0)
        while len(keys) < count:
            ends = torch.randint(nodes, (2, 2 * (count - len(keys)) + 16), generator=random)
            low, high = ends.aminmax(dim=0)
            drawn = (low * nodes + high)[low != high]
            keys = torch.cat([keys, drawn[~_among(linked, drawn)]])
            # The first of each that is drawn twice, so that the order stays random.
            _, first = np.unique(keys.numpy(), return_index=True)
            keys = keys[torch.from_numpy(np.sort(first))]
        keys = keys[:count]
    return torch.stack([keys // nodes, keys % nodes])


def _among(ordered: Tensor, wanted: Tensor) -> Tensor:
    """Whether each number is in an ascending list."""
    if not len(ordered):
        return torch.zeros_like(wanted, dtype=torch.bool)
    place = torch.searchsorted(ordered, wanted).clamp(max=len(ordered) - 1)
    return ordered[place] == wanted
