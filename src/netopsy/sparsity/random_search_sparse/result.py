"""What a random search found."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.drawing import PALETTE, panel, style
from netopsy.core.errors import require
from netopsy.sparsity.random_search_sparse.space import SearchSpace

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Configuration = dict[str, Tensor]
"""Name of a layer (a group of units, or a weight) to its bool mask."""


@dataclass(frozen=True, eq=False)
class SearchResult:
    """The candidates of a random search, their scores, and three of them: the best, the worst, and the first drawn."""

    space: SearchSpace
    sparsity: float
    """Share of each layer's entries that every candidate leaves out; of units, not of parameters."""
    masks: Mapping[str, Tensor]
    """Name of a layer to a bool tensor ``[n, *shape]``, True where an entry is kept."""
    scores: Float[Tensor, "n"]
    """Lower is better; NaN where a candidate has none."""
    gain: float = 0.0
    """The power of h/k that outgoing weights were multiplied by."""

    def candidate(self, number: int) -> Configuration:
        """The configuration drawn as number ``number``, from 0.

        Raises:
            InputError: there are not so many.
        """
        require(0 <= number < len(self.scores), f"number must be 0 to {len(self.scores) - 1}, got {number}")
        return {name: mask[number] for name, mask in self.masks.items()}

    @property
    def best(self) -> Configuration:
        """The configuration with the lowest score, the first of equal ones."""
        return self.candidate(int(torch.where(self.scores.isnan(), torch.inf, self.scores).argmin()))

    @property
    def worst(self) -> Configuration:
        """The configuration with the highest score, the first of equal ones."""
        return self.candidate(int(torch.where(self.scores.isnan(), -torch.inf, self.scores).argmax()))

    @property
    def random(self) -> Configuration:
        """The first configuration drawn, which nobody selected."""
        return self.candidate(0)

    @checked
    def network(self, model: nn.Module, configuration: Mapping[str, Tensor]) -> nn.Module:
        """The network of a configuration, with the weights that it was scored with, as a module of its own.

        For a search over units it is physically smaller; for one over weights it has zeros.
        """
        return self.space.network(model, configuration, self.gain)

    @checked
    def expected_best(self, n: int) -> float:
        """The best score to be expected of a search with ``n`` candidates, from all that were drawn here.

        The mean of the least score over all subsets of that size: ``sum_i v_(i) C(M - i, n - 1) / C(M, n)`` with the
        M scores in rising order. Candidates without a score are left out.

        Raises:
            InputError: ``n`` below 1, or more than there are scores.
        """
        values = sorted(self.scores[~self.scores.isnan()].tolist())
        total = len(values)
        require(1 <= n <= total, f"n must be from 1 to {total}, the candidates that have a score, got {n}")
        every = math.comb(total, n)
        return sum(value * (math.comb(total - i, n - 1) / every) for i, value in enumerate(values, start=1))

    @style()
    def plot(self, ax: Axes | None = None) -> Axes:
        """How the scores are spread, and where the best, the worst and the first candidate lie."""
        ax = panel(ax)
        scores = self.scores[self.scores.isfinite()]
        ax.hist(scores.numpy(), bins=min(30, max(5, len(scores) // 5)), color=PALETTE[5], alpha=0.5)
        marks = {"best": scores.min(), "first drawn": self.scores[0], "worst": scores.max()}
        for (name, value), color in zip(marks.items(), PALETTE, strict=False):
            ax.axvline(float(value), color=color, label=f"{name}: {float(value):.3g}")
        ax.set(xlabel="score before training", ylabel="candidates")
        ax.legend()
        return ax
