"""The relaxed masks of R networks: a score for every weight, and what stochastic gradient descent makes of it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from netopsy.sparsity.lottery_jackpots.ranking import swapped
from netopsy.training import Recipe
from netopsy.training.steppers import SGD


class RelaxedMasks:
    """Weights, scores and masks as one table ``[networks, n]`` a layer.

    Args:
        weights, kept: parameter name to the stacked weights and masks, ``[networks, *shape]``.
        recipe: learning rate, momentum and weight decay of the scores.
        gap: what the scores of removed weights start below 1, that of kept ones.
    """

    def __init__(
        self, weights: Mapping[str, Tensor], kept: Mapping[str, Tensor], recipe: Recipe, gap: float | int
    ) -> None:
        self.shapes = {name: weight.shape for name, weight in weights.items()}
        self.weights = {name: weight.detach().flatten(1) for name, weight in weights.items()}
        self.kept = {name: kept[name].flatten(1).clone() for name in weights}
        self.zeros = {name: (~mask).sum(1) for name, mask in self.kept.items()}
        self.scores = {
            name: torch.where(mask, 1.0, 1.0 - gap).to(_wide(self.weights[name])) for name, mask in self.kept.items()
        }
        self._sgd = SGD(list(self.scores.values()), recipe)

    def masked(self, name: str) -> Tensor:
        """The weights with the removed ones 0, ``[networks, *shape]``."""
        return torch.where(self.kept[name], self.weights[name], 0).view(self.shapes[name])

    def descend(self, gradients: Mapping[str, Tensor], lr: float | int) -> None:
        """A step of the scores, given the gradient by the masked weights: that by a score is the weight times it.

        So it is for kept and removed weights alike, as if what turns scores into masks were the identity.
        """
        for name, score in self.scores.items():
            score.grad = (self.weights[name] * gradients[name].reshape(score.shape)).to(score.dtype).contiguous()
        self._sgd.step(lr)

    def swap(self, share: Tensor) -> tuple[Tensor, Tensor]:
        """Exchange entries in every layer; the pairs that the scores ask for and those exchanged, ``[networks]``."""
        asked = torch.zeros_like(share, dtype=torch.int64)
        done = asked.clone()
        for name, kept in self.kept.items():
            self.kept[name], pairs, allowed = swapped(kept, self.scores[name], self.zeros[name], share)
            asked, done = asked + pairs, done + allowed
        return asked, done

    def finite(self) -> bool:
        """Whether every score is still a number."""
        return all(bool(score.isfinite().all()) for score in self.scores.values())

    def of(self, place: int) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Masks and scores of one of the networks, in the shapes of its weights."""
        shapes = {name: shape[1:] for name, shape in self.shapes.items()}
        masks = {name: self.kept[name][place].view(shape).clone() for name, shape in shapes.items()}
        scores = {name: self.scores[name][place].detach().view(shape).clone() for name, shape in shapes.items()}
        return masks, scores


def _wide(weight: Tensor) -> torch.dtype:
    """Scores differ in their third digit, for which half precision is too narrow."""
    return torch.promote_types(weight.dtype, torch.float32)
