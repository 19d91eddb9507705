"""The links that a graph lacks, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netopsy.graphs.adjacency import GraphLike
from netopsy.graphs.drawing import node_names
from netopsy.graphs.neural_common_neighbor.missing import MissingLinks

if TYPE_CHECKING:
    import pandas as pd

ENOUGH = 30
"""Links below which none can be held out that would say anything."""


def link_table(found: MissingLinks, graph: GraphLike) -> pd.DataFrame:
    """The pairs by their nodes' names, with their probabilities and common neighbours."""
    import pandas as pd

    names = node_names(graph)
    first, second = ([names[node] for node in end] for end in found.pairs.tolist())
    return pd.DataFrame(
        {
            "source": first,
            "target": second,
            "probability": found.probability.double().numpy(),
            "common_neighbours": found.common.long().numpy(),
        }
    )
