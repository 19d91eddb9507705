"""A class's confidence and its gradient with respect to the image, exact also where the network is all but certain."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.batches import check_finite, finite
from netopsy.core.errors import InputError, require
from netopsy.core.modes import evaluating, frozen, running_on
from netopsy.core.outputs import single_output
from netopsy.core.scores import Kind, kind_of, log_of
from netopsy.core.shapes import Images, Labels, Logits


@dataclass(frozen=True, eq=False)
class Slope:
    """Confidence of a class, and how it changes with the image.

    With m, the log-odds against the class, confidence is sigmoid(-m) and cross-entropy softplus(m): its gradient is
    ``weight`` times that of m. The gradient of m keeps its direction where the network is so certain that the
    cross-entropy has none left in single precision.
    """

    confidence: Float[Tensor, "batch"]
    direction: Float[Tensor, "batch channels height width"] | None
    """Gradient of the log-odds against the class; ``None`` where it was not asked for."""
    weight: Float[Tensor, "batch"]

    @property
    def gradient(self) -> Images:
        """Of the cross-entropy, image by image."""
        assert self.direction is not None
        return self.weight[:, None, None, None] * self.direction


@dataclass(frozen=True, eq=False)
class Differentiable:
    """A network that `borrowed` lends, and whether it puts out scores or probabilities."""

    model: nn.Module
    kind: Kind
    dtype: torch.dtype
    """That the network takes; what is computed from its answers is in single precision at least."""

    def slope(self, images: Images, labels: Labels, *, gradient: bool = True) -> Slope:
        """One forward pass, and one backward pass to the images alone where the gradient is asked for."""
        with torch.set_grad_enabled(gradient), running_on(images, self.model):
            at = images.detach().requires_grad_(gradient)
            odds = log_odds_against(_scores(self.model, at.to(self.dtype), self.kind, images.dtype), labels)
            direction = None
            if gradient and odds.requires_grad:
                (direction,) = torch.autograd.grad(odds.sum(), at, materialize_grads=True)
            elif gradient:  # what the network says does not depend on the image
                direction = torch.zeros_like(at)
        if direction is not None and not finite(direction):
            raise InputError("the gradient of the network with respect to its images is not finite")
        odds = odds.detach()
        return Slope(torch.sigmoid(-odds), direction, torch.sigmoid(odds))


@contextmanager
def borrowed(model: nn.Module, images: Images) -> Iterator[tuple[Differentiable, Logits]]:
    """The network for the block, in evaluation mode and with frozen parameters, and its scores of ``images``."""
    wide = images.dtype if images.dtype == torch.float64 else torch.float32
    with torch.inference_mode(False), evaluating(model), frozen(model):
        with torch.no_grad(), running_on(images, model):
            found = single_output(model(images.clone()))
        require(
            found.ndim == 2 and len(found) == len(images) and found.shape[1] >= 2,
            f"the network must return class scores [batch, classes] of two classes or more, got {tuple(found.shape)}",
        )
        check_finite(found, "the network's scores")
        kind = kind_of(found)
        scores = log_of(found.to(wide)) if kind == "probabilities" else found.to(wide)
        yield Differentiable(model, kind, images.dtype), scores


def _scores(model: nn.Module, images: Images, kind: Kind, dtype: torch.dtype) -> Logits:
    found = single_output(model(images)).to(dtype)
    return log_of(found) if kind == "probabilities" else found


def log_odds_against(scores: Logits, labels: Labels) -> Float[Tensor, "batch"]:
    """The logarithm of (1 - p) / p, with p the softmax of each row at its label.

    >>> float(log_odds_against(torch.tensor([[40.0, 0.0]]), torch.tensor([0])))
    -40.0
    """
    own = torch.nn.functional.one_hot(labels, scores.shape[1]).bool()
    return scores.masked_fill(own, -torch.inf).logsumexp(1) - scores.gather(1, labels[:, None])[:, 0]


def without(direction: Images, moves: Images) -> Images:
    """``moves`` without their component along ``direction``, image by image; where that is 0 they stay as they are.

    The direction is scaled first, so that its square neither overflows nor vanishes.
    """
    largest = direction.flatten(1).abs().amax(1).clamp_min(torch.finfo(direction.dtype).tiny)
    scaled = (direction / largest[:, None, None, None]).flatten(1)
    along = (scaled * moves.flatten(1)).sum(1) / scaled.square().sum(1).clamp_min(torch.finfo(scaled.dtype).tiny)
    return moves - (along[:, None] * scaled).view_as(moves)
