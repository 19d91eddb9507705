"""Scores of pairs of nodes from their embeddings and from the embeddings of the neighbours that they share."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked_class
from netopsy.core.errors import require
from netopsy.core.seeds import seeded
from netopsy.graphs.adjacency import GraphLike
from netopsy.graphs.neural_common_neighbor.blocks import common_block, ends_block, node_block, score_block
from netopsy.graphs.neural_common_neighbor.neighbourhoods import (
    LinkGraph,
    Pairs,
    Places,
    checked_pairs,
    link_graph,
    shared_rows,
    two_hop_rows,
    union_rows,
)
from netopsy.graphs.neural_common_neighbor.pooling import Pooled, pool

Embeddings = Float[Tensor, "nodes hidden"]
Scores = Float[Tensor, "pairs"]
Extra = Literal["differences", "two-hop"]


class PairPredictor(nn.Module):
    """What the predictors share: the product of both ends' embeddings, plus what the pair has in common, to a logit.

    Called with embeddings ``[nodes, hidden]``, the observed graph in any form, and pairs ``int64 [2, pairs]``; gives
    logits ``[pairs]``, the same for (i, j) and (j, i).
    """

    def __init__(self, hidden: int, dropout: float, two_layer: bool, tailact: bool, seed: int) -> None:
        super().__init__()
        require(isinstance(hidden, int) and hidden >= 1, f"hidden must be an int of at least 1, got {hidden!r}")
        require(0 <= dropout < 1, f"dropout must be at least 0 and below 1, got {dropout}")
        self.hidden = hidden
        with seeded(seed):
            self.ends = ends_block(hidden, dropout, not tailact)
            self.score = score_block(hidden, dropout, two_layer)

    def forward(self, H: Embeddings, adj: GraphLike | LinkGraph, pairs: Pairs) -> Scores:
        """Logits ``[pairs]``; raises `InputError` for pairs or embeddings that do not fit the graph."""
        graph = link_graph(adj)
        return self.scores(H, graph, *checked_pairs(pairs, graph.nodes))

    def scores(self, H: Embeddings, graph: LinkGraph, first: Places, second: Places) -> Scores:
        """As calling it, the pairs unchecked."""
        self.check(H, graph)
        return self._logits(H, graph, first, second)

    def check(self, H: Tensor, graph: LinkGraph) -> None:
        """Raise `InputError` unless these are embeddings of as many nodes and as wide as the predictor."""
        require(
            H.ndim == 2 and H.shape == (graph.nodes, self.hidden),
            f"H must be [{graph.nodes}, {self.hidden}], one embedding for each node, got {tuple(H.shape)}",
        )

    def _logits(self, H: Tensor, graph: LinkGraph, first: Places, second: Places) -> Tensor:
        one, other = (H[torch.from_numpy(end).to(H.device)] for end in (first, second))
        made = self.ends(one * other)
        common = self._common(H, graph, first, second)
        return self.score(made if common is None else made + common).squeeze(-1)

    def _common(self, H: Tensor, graph: LinkGraph, first: Places, second: Places) -> Tensor | None:
        return None


@checked_class
class GAEPredictor(PairPredictor):
    """Both ends' embeddings alone, a graph autoencoder: it is blind to how the two nodes lie to each other.

    Raises:
        InputError: a width below 1, or a dropout that is no share.

    >>> predictor = GAEPredictor(4)
    >>> predictor(torch.zeros(3, 4), torch.tensor([[0, 1], [1, 2]]), torch.tensor([[0], [2]])).shape
    torch.Size([1])
    """

    def __init__(
        self, hidden: int, dropout: float = 0.1, *, two_layer: bool = False, tailact: bool = True, seed: int = 0
    ) -> None:
        super().__init__(hidden, dropout, two_layer, tailact, seed)


@checked_class
class CountPredictor(PairPredictor):
    """Both ends' embeddings and how many neighbours they have in common: "GAE + CN" of the ablations.

    Raises:
        InputError: a width below 1, or a dropout that is no share.

    >>> predictor = CountPredictor(4)
    >>> predictor(torch.zeros(3, 4), torch.tensor([[0, 1], [1, 2]]), torch.tensor([[0], [2]])).shape
    torch.Size([1])
    """

    def __init__(
        self, hidden: int, dropout: float = 0.1, *, two_layer: bool = False, tailact: bool = True, seed: int = 0
    ) -> None:
        super().__init__(hidden, dropout, two_layer, tailact, seed)
        with seeded(seed + 1):
            self.common = common_block(1, hidden, dropout, not tailact)
        self.beta = nn.Parameter(torch.ones(()))

    def _common(self, H: Tensor, graph: LinkGraph, first: Places, second: Places) -> Tensor:
        starts, _ = shared_rows(graph, first, second)
        return self.beta * self.common(torch.from_numpy(np.diff(starts)).to(H)[:, None])


@checked_class
class NCNPredictor(PairPredictor):
    """Neural common neighbour: the sum of the common neighbours' embeddings beside the product of the ends'.

    Args:
        hidden: width of the embeddings and of all blocks.
        dropout: in all blocks.
        use_xlin: pool ``H + MLP(H)`` in place of ``H``.
        two_layer: one more layer before the logit.
        tailact: the blocks end with a ReLU, as in all published settings, not with a linear layer.
        extra: what else is pooled, with a block and a coefficient of its own: "differences", the neighbours of one end
            alone (NCN-diff), or "two-hop", the neighbours of one end at distance two from the other (NCN2; what exactly
            the paper counts as two hops is unconfirmed).
        seed: of the first weights.

    Raises:
        InputError: a width below 1, a dropout that is no share, or an unknown ``extra``.

    Source: Wang et al. 2024, Section 3; the order of layers in the blocks from the reference implementation.

    >>> predictor = NCNPredictor(4)
    >>> predictor(torch.zeros(3, 4), torch.tensor([[0, 1], [1, 2]]), torch.tensor([[0], [2]])).shape
    torch.Size([1])
    """

    def __init__(
        self,
        hidden: int,
        dropout: float = 0.1,
        use_xlin: bool = True,
        two_layer: bool = False,
        *,
        tailact: bool = True,
        extra: Extra | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(hidden, dropout, two_layer, tailact, seed)
        require(extra in (None, "differences", "two-hop"), f"extra must be 'differences' or 'two-hop', got {extra!r}")
        with seeded(seed + 1):
            self.common = common_block(hidden, hidden, dropout, not tailact)
            self.node = node_block(hidden, dropout) if use_xlin else None
            self.further = common_block(hidden, hidden, dropout, not tailact) if extra else None
        self.beta = nn.Parameter(torch.ones(()))
        self.gamma = nn.Parameter(torch.ones(())) if extra else None
        self.extra = extra

    def transformed(self, H: Embeddings) -> Embeddings:
        """The embeddings that are pooled."""
        return H if self.node is None else H + self.node(H)

    def transformed_sums(self, H: Embeddings, starts: Places, columns: Places, weights: Tensor | None = None) -> Pooled:
        """For each row the sum over its columns of transformed embeddings; for a few pairs only of nodes it needs."""
        if self.node is None or self.training or len(columns) >= len(H):
            return pool(self.transformed(H), starts, columns, weights)
        needed, places = np.unique(columns, return_inverse=True)
        return pool(self.transformed(H[torch.from_numpy(needed).to(H.device)]), starts, places, weights)

    def pooled(self, H: Embeddings, graph: LinkGraph, first: Places, second: Places) -> Pooled:
        """``x_cn``: the sum over what each pair has in common, of embeddings that are already `transformed`."""
        return pool(H, *shared_rows(graph, first, second))

    def _common(self, H: Tensor, graph: LinkGraph, first: Places, second: Places) -> Tensor:
        answer = self.beta * self.common(self.transformed_sums(H, *shared_rows(graph, first, second)))
        if self.further is None:
            return answer
        if self.extra == "two-hop":
            starts, columns = two_hop_rows(graph, first, second)
        else:
            starts, columns, kinds = union_rows(graph, first, second)
            keep = kinds != 0
            starts, columns = np.concatenate([[0], np.cumsum(keep)])[starts], columns[keep]
        return answer + self.gamma * self.further(self.transformed_sums(H, starts, columns))
