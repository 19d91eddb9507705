"""What a natural image has little of: penalties that are taken off what is maximised, or added to what is minimised.

Images come as shares of the range of a pixel, 0 to 1, and ``mean`` is the image without anything in it. A weight is a
number, or a tensor of one number an image.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.errors import require
from netopsy.core.shapes import Images

Weight = float | Float[Tensor, "batch"]
Mean = Float[Tensor, "channels height width"] | Float[Tensor, "1 1 1"]
PerImage = Float[Tensor, "batch"]


class Penalty:
    """One number an image, differentiable; called with the images and the mean image.

    Raises:
        InputError: a negative weight, which would reward what is to be kept small.
    """

    weight: Weight = 0.0

    def __post_init__(self) -> None:
        check_weight("weight", self.weight)

    @abstractmethod
    def __call__(self, images: Images, mean: Mean) -> PerImage:
        """The weighted penalty of each image."""


@dataclass(frozen=True, eq=False)
class L2Penalty(Penalty):
    """``weight * |x - mean|^2``.

    >>> import torch
    >>> L2Penalty(0.5)(torch.ones(1, 1, 2, 2), torch.zeros(1, 1, 1))
    tensor([2.])
    """

    weight: Weight = 1e-3

    def __call__(self, images: Images, mean: Mean) -> PerImage:
        """``[batch]``."""
        return self.weight * alpha_norm(images, mean, alpha=2.0)


@dataclass(frozen=True, eq=False)
class AlphaPenalty(Penalty):
    """``weight * sum |x - mean|^alpha``, which keeps pixels within their range when ``alpha`` is large.

    Source: Mahendran and Vedaldi 2015, as the survey reports it (alpha = 6 unconfirmed).
    """

    weight: Weight = 1e-3
    alpha: float = 6.0

    def __call__(self, images: Images, mean: Mean) -> PerImage:
        """``[batch]``."""
        return self.weight * alpha_norm(images, mean, alpha=self.alpha)


@dataclass(frozen=True, eq=False)
class TotalVariation(Penalty):
    """``weight`` times the `total_variation`, which favours patches of one tone."""

    weight: Weight = 0.5
    beta: float = 2.0

    def __call__(self, images: Images, mean: Mean) -> PerImage:
        """``[batch]``; the mean image plays no part."""
        return self.weight * total_variation(images, beta=self.beta)


def check_weight(name: str, weight: Weight) -> None:
    """Raise `InputError` unless a weight, or each of several, is a finite number that is not negative."""
    values = torch.as_tensor(weight)
    require(bool((values.isfinite() & (values >= 0)).all()), f"{name} must be finite and not negative, got {weight}")


def alpha_norm(images: Images, mean: Mean, *, alpha: float = 6.0) -> PerImage:
    """``sum |x - mean|^alpha`` of each image.

    >>> import torch
    >>> alpha_norm(torch.full((1, 1, 2, 2), 2.0), torch.zeros(1, 1, 1))
    tensor([256.])
    """
    require(alpha >= 1, f"alpha must be at least 1, got {alpha}")
    return (images - mean).abs().pow(alpha).flatten(1).sum(1)


def total_variation(images: Images, *, beta: float = 2.0) -> PerImage:
    """``sum ((x[i, j+1] - x[i, j])^2 + (x[i+1, j] - x[i, j])^2)^(beta/2)`` of each image, over channels and positions.

    Differences reach forward and are zero at the last row and column. For ``beta`` below 2 the gradient where an image
    is flat is taken to be zero.

    Source: Mahendran and Vedaldi 2015, as the survey reports it.

    >>> import torch
    >>> dot = torch.zeros(1, 1, 5, 5)
    >>> dot[0, 0, 2, 2] = 1
    >>> total_variation(dot), total_variation(torch.ones(1, 1, 5, 5))
    (tensor([4.]), tensor([0.]))
    """
    require(beta > 0, f"beta must be positive, got {beta}")
    squares = images.new_zeros(images.shape)
    squares[..., :, :-1] += images.diff(dim=-1).square()
    squares[..., :-1, :] += images.diff(dim=-2).square()
    if beta != 2:
        rough = squares > 0
        squares = squares.where(rough, 1.0).pow(beta / 2) * rough
    return squares.flatten(1).sum(1)
