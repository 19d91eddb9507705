"""The search of one network's mask, step by step, for training loops of the caller's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from netopsy.core.arguments import checked, checked_class
from netopsy.core.computed import call_with, copied
from netopsy.core.errors import require
from netopsy.core.masks import Masks, zero_masked
from netopsy.core.modes import check_model, frozen, training
from netopsy.sparsity.lottery_jackpots.rates import checked_start
from netopsy.sparsity.lottery_jackpots.relaxed import RelaxedMasks
from netopsy.sparsity.lottery_jackpots.settings import check_gap
from netopsy.training import Recipe


@dataclass(frozen=True)
class SwapReport:
    """What one exchange did, over all layers."""

    q: int
    """Pairs of a removed and a kept weight that the scores ask to change sides."""
    q_allowed: int
    """Pairs that did."""


@checked_class
class MaskSearch:
    """A mask that is learnt while the weights stay as they are: call it as the network, then `step`, then `swap`.

    Zhang et al. 2023, section 3: the network runs with its weights times the mask, the gradient by a relaxed mask (a
    score a weight) is taken straight through, ``weight * dL/d(weight * mask)`` for kept and removed weights alike, and
    the weights of the highest scores are kept, the same number in every layer at every step. `find_jackpot` is the
    whole search; this is for losses and loops of your own.

    The network runs in training mode, so that its batch norms learn the statistics of the masked network; they are
    kept here, and ``model`` stays as it was.

    Args:
        model: the trained network.
        masks: what to start from, such as `start_masks` gives; layers that are not named stay whole.
        lr, momentum, weight_decay: of the scores' stochastic gradient descent.
        gap: scores of removed weights start at ``1 - gap``, of kept ones at 1: the smaller it is, the sooner a few
            steps reorder them.

    Raises:
        InputError: masks that do not fit the network's layers, or a number out of range.

    >>> from netopsy.models import mlp
    >>> from netopsy.sparsity.lottery_jackpots import start_masks
    >>> model, inputs, targets = mlp([4, 8, 2]), torch.rand(6, 4), torch.tensor([0, 1, 0, 1, 0, 1])
    >>> search = MaskSearch(model, start_masks(model, 0.5, exclude=["output"]))
    >>> for epoch in range(3):
    ...     search.step(nn.functional.cross_entropy(search(inputs), targets))
    ...     report = search.swap(alpha=(1 - epoch / 3) ** 4)
    >>> sparse = search.export()
    >>> int((sparse.fc1.weight != 0).sum()), report.q_allowed <= report.q
    (16, True)
    """

    def __init__(
        self,
        model: nn.Module,
        masks: Masks,
        *,
        lr: float | int = 0.1,
        momentum: float | int = 0.9,
        weight_decay: float | int = 5e-4,
        gap: float | int = 0.01,
    ) -> None:
        check_model(model)
        check_gap(gap)
        kept = checked_start(model, masks)
        recipe = Recipe(optimizer="sgd", lr=lr, momentum=momentum, weight_decay=weight_decay)
        self.model, self.lr = model, lr
        weights = {name: model.get_parameter(name).detach()[None] for name in kept}
        self.relaxed = RelaxedMasks(weights, {name: mask[None] for name, mask in kept.items()}, recipe, gap)
        self.statistics = {name: value.detach().clone() for name, value in model.named_buffers()}
        self._masked = self._leaves()

    @property
    def masks(self) -> dict[str, Tensor]:
        """Parameter name to bool mask, as it is now."""
        return self.relaxed.of(0)[0]

    @property
    def scores(self) -> dict[str, Tensor]:
        """Parameter name to the scores, the relaxed mask, as they are now."""
        return self.relaxed.of(0)[1]

    def __call__(self, inputs: Any) -> Any:
        """What the masked network answers in training mode; its graph leads to the masked weights alone."""
        with training(self.model), frozen(self.model), torch.enable_grad():
            return call_with(self.model, {**self.statistics, **self._masked}, inputs)

    @checked
    def step(self, loss: Tensor, lr: float | int | None = None) -> None:
        """Move the scores down the gradient of ``loss``, which comes from outputs of this search since its last swap.

        Args:
            lr: learning rate of this step, for schedules; by default the search's own.

        Raises:
            InputError: a loss that is no single finite number, or that does not depend on the masked weights.
        """
        require(
            isinstance(loss, Tensor) and loss.numel() == 1 and bool(loss.detach().isfinite().all()),
            f"loss must be one finite number, got {_seen(loss)}",
        )
        gradients: Any = [None]
        if loss.requires_grad:
            gradients = torch.autograd.grad(loss.sum(), list(self._masked.values()), allow_unused=True)
        require(
            any(each is not None for each in gradients),
            "loss must be computed from outputs of this search since its last swap, and does not depend on its weights",
        )
        found = {
            name: torch.zeros_like(weight) if each is None else each
            for (name, weight), each in zip(self._masked.items(), gradients, strict=True)
        }
        self.relaxed.descend(found, self.lr if lr is None else lr)

    @checked
    def swap(self, alpha: float | int = 1.0) -> SwapReport:
        """Let weights change sides, in every layer the share ``alpha`` of the pairs that the scores ask for.

        Of q pairs ``ceil(alpha * q)`` do, the most wanted first; 1 is the plain search.

        Raises:
            InputError: ``alpha`` outside [0, 1].
        """
        require(
            isinstance(alpha, int | float) and 0 <= alpha <= 1, f"alpha must be a number from 0 to 1, got {alpha!r}"
        )
        first = next(iter(self.relaxed.scores.values()))
        asked, done = self.relaxed.swap(torch.full((1,), float(alpha), dtype=torch.float64, device=first.device))
        self._masked = self._leaves()
        return SwapReport(int(asked), int(done))

    def export(self) -> nn.Module:
        """The sparse network, an ordinary module of its own: weights times mask, statistics of the masked network."""
        return exported(self.model, self.masks, self.statistics)

    def _leaves(self) -> dict[str, Tensor]:
        return {name: self.relaxed.masked(name)[0].requires_grad_() for name in self.relaxed.weights}


@torch.no_grad()
def exported(model: nn.Module, masks: Masks, statistics: Masks) -> nn.Module:
    """A copy of ``model`` with its buffers replaced and the weights that masks drop set to 0."""
    fresh = copied(model)
    for name, value in fresh.named_buffers():
        value.copy_(statistics[name])
    return zero_masked(fresh, masks)


def _seen(loss: object) -> str:
    if not isinstance(loss, Tensor):
        return type(loss).__name__
    return f"{loss.item()}" if loss.numel() == 1 else f"a tensor of shape {tuple(loss.shape)}"
