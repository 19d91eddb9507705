"""Common neighbours that the observed graph lacks, filled in with the model's own link probabilities."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked_class
from netopsy.core.errors import require
from netopsy.core.modes import evaluating
from netopsy.graphs.neural_common_neighbor import _kernels
from netopsy.graphs.neural_common_neighbor.neighbourhoods import (
    LinkGraph,
    Places,
    checked_pairs,
    link_graph,
    union_rows,
)
from netopsy.graphs.neural_common_neighbor.predictors import Embeddings, NCNPredictor, Pairs


def calibrated(
    logits: Float[Tensor, "pairs"], *, scale: float = 5.0, offset: float = 3.0, pt: float = 0.5, alpha: float = 1.0
) -> Float[Tensor, "pairs"]:
    """Link probabilities from logits: ``alpha pt p / (pt p + 1 - p)`` with ``p = sigmoid(scale (z - offset))``.

    ``pt`` is how much more rarely links occur where it is used than where the model was trained, ``alpha`` the largest
    value.

    Source: the reference implementation of Wang et al. 2024.

    >>> calibrated(torch.tensor([3.0])).item()
    0.3333333432674408
    """
    p = torch.sigmoid(scale * (logits - offset))
    return alpha * pt * p / (pt * p + 1 - p)


@checked_class
class NCNCPredictor(NCNPredictor):
    """Neural common neighbour with completion: a neighbour of one end counts as far as its link to the other is likely.

    Depth 1 takes these probabilities from the same weights as an `NCNPredictor`, depth k from the predictor of depth
    k - 1. They have no gradient and no dropout (whether the reference keeps dropout there is unconfirmed).

    Args:
        depth: at least 1; 0 is an `NCNPredictor`.
        scale, offset, pt, alpha: of `calibrated`; to be chosen for each data set.
        max_degree: draw at most so many neighbours of one end alone, weighted up so that the sum is right on average;
            anew in training, in evaluation always the same for a pair.
        split_size: how many pairs are completed at a time, which bounds the memory.
        transformed_again: what a pair's probabilities are computed from are embeddings already transformed, so that
            they are transformed twice, as in the reference implementation; otherwise the embeddings themselves.

    Raises:
        InputError: a width or ``split_size`` below 1, a depth below 0, or a dropout that is no share.

    Source: Wang et al. 2024, Section 4.

    >>> predictor = NCNCPredictor(4, depth=2)
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
        depth: int = 1,
        scale: float = 5.0,
        offset: float = 3.0,
        pt: float = 0.5,
        alpha: float = 1.0,
        max_degree: int | None = None,
        split_size: int = 8192,
        tailact: bool = True,
        transformed_again: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__(hidden, dropout, use_xlin, two_layer, tailact=tailact, seed=seed)
        require(isinstance(depth, int) and depth >= 0, f"depth must be an int of at least 0, got {depth!r}")
        require(0 < pt <= 1, f"pt must be above 0 and at most 1, got {pt}")
        require(alpha >= 0, f"alpha must not be negative, got {alpha}")
        require(not math.isnan(offset) and scale > 0, f"scale must be positive, got {scale}, and offset a number")
        require(max_degree is None or max_degree >= 1, f"max_degree must be at least 1, got {max_degree}")
        require(split_size >= 1, f"split_size must be at least 1, got {split_size}")
        self.depth, self.scale, self.offset, self.pt, self.alpha = depth, scale, offset, pt, alpha
        self.max_degree, self.split_size, self.transformed_again = max_degree, split_size, transformed_again
        self.seed = seed

    def completed_weights(
        self, H: Embeddings, adj: LinkGraph, pairs: Pairs
    ) -> tuple[Places, Places, Float[Tensor, "entries"]]:
        """For each pair the neighbours of either end and how much each counts: 1 if of both, else its probability.

        Returns:
            Where each pair's neighbours begin, the neighbours, and their weights.
        """
        graph = link_graph(adj)
        self.check(H, graph)
        return self._weights(H, graph, *checked_pairs(pairs, graph.nodes), self.depth)

    def scores(self, H: Embeddings, graph: LinkGraph, first: Places, second: Places) -> Float[Tensor, "pairs"]:
        """Logits ``[pairs]``, the pairs unchecked."""
        self.check(H, graph)
        return self._at_depth(H, graph, first, second, self.depth)

    def _at_depth(self, H: Tensor, graph: LinkGraph, first: Places, second: Places, depth: int) -> Tensor:
        if depth == 0:
            return self._logits(H, graph, first, second)
        one, other = (H[torch.from_numpy(end).to(H.device)] for end in (first, second))
        base = self.transformed(H) if self.transformed_again else H
        starts, columns, weights = self._weights(base, graph, first, second, depth)
        common = self.beta * self.common(self.transformed_sums(H, starts, columns, weights))
        return self.score(self.ends(one * other) + common).squeeze(-1)

    def _weights(
        self, H: Tensor, graph: LinkGraph, first: Places, second: Places, depth: int
    ) -> tuple[Places, Places, Tensor]:
        # What is drawn is a pair's, either way round.
        first, second = np.minimum(first, second), np.maximum(first, second)
        starts, columns, kinds = union_rows(graph, first, second)
        weights = np.ones(len(columns))
        if self.max_degree is not None:
            seeds = self._seeds(first, second)
            starts, columns, kinds, weights = self._thinned(starts, columns, kinds, weights, seeds)
        alone = np.flatnonzero(kinds != _kernels.BOTH)
        pair = np.searchsorted(starts, alone, side="right") - 1
        far = np.where(kinds[alone] == _kernels.FIRST, second[pair], first[pair])
        probabilities = self._probabilities(H, graph, columns[alone], far, depth - 1)
        counts = torch.from_numpy(weights).to(H)
        places = torch.from_numpy(alone).to(H.device)
        return starts, columns, counts.index_put((places,), counts[places] * probabilities)

    @torch.no_grad()
    def _probabilities(self, H: Tensor, graph: LinkGraph, first: Places, second: Places, depth: int) -> Tensor:
        """Each pair once: in a batch many pairs ask for the same link."""
        if self.alpha == 0 or len(first) == 0:
            return H.new_zeros(len(first))
        keys = np.minimum(first, second) * graph.nodes + np.maximum(first, second)
        wanted, inverse = np.unique(keys, return_inverse=True)
        low, high = np.divmod(wanted, graph.nodes)
        size = self.split_size
        with evaluating(self):
            parts = [
                self._at_depth(H, graph, low[begin : begin + size], high[begin : begin + size], depth)
                for begin in range(0, len(wanted), size)
            ]
        found = calibrated(torch.cat(parts), scale=self.scale, offset=self.offset, pt=self.pt, alpha=self.alpha)
        return found[torch.from_numpy(inverse).to(H.device)]

    def _seeds(self, first: Places, second: Places) -> np.ndarray:
        """In training one from torch's global state, as dropout has it; in evaluation each pair's own, always the same.

        Multipliers of Knuth's set the pairs apart.
        """
        if self.training:
            return np.array([int(torch.randint(2**31, ()))])
        return (first * 2654435761 + second * 40503 + self.seed) % 2**32

    def _thinned(
        self, starts: Places, columns: Places, kinds: np.ndarray, weights: np.ndarray, seeds: np.ndarray
    ) -> tuple[Places, Places, np.ndarray, np.ndarray]:
        keep = np.ones(len(columns), dtype=bool)
        _kernels.thinned(starts, kinds, self.max_degree, seeds, keep, weights)
        return np.concatenate([[0], np.cumsum(keep)])[starts], columns[keep], kinds[keep], weights[keep]
