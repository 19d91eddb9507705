"""Shifting and scaling inputs, and the way back to images one can look at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked_class
from netopsy.core.errors import InputError, require

Axes = Literal["channel", "feature", "all"]


@checked_class
@dataclass(frozen=True, eq=False)
class Normalisation:
    """An affine map of inputs, ``(inputs - mean) / std``, that remembers how to go back.

    ``mean`` and ``std`` broadcast against one sample: ``[channels, 1, 1]`` for images standardised by channel, the
    shape of a sample for features standardised one by one, or a scalar.
    """

    mean: Float[Tensor, "*shape"]
    std: Float[Tensor, "*shape"]

    def __post_init__(self) -> None:
        require(
            self.mean.shape == self.std.shape,
            f"std must have the shape of mean, {tuple(self.mean.shape)}, got {tuple(self.std.shape)}",
        )
        require(
            bool((self.std > 0).all()), "std must be positive everywhere: inputs could not be shown again otherwise"
        )

    @classmethod
    def of(cls, inputs: Float[Tensor, "batch *shape"], per: Axes = "channel") -> Normalisation:
        """The mean and standard deviation of ``inputs``: one a channel (axis 1), one a feature, or one for all.

        What never varies keeps its scale (standard deviation 1).

        >>> Normalisation.of(torch.tensor([[0.0, 1.0], [2.0, 1.0]]), per="feature").std
        tensor([1., 1.])
        """
        axes = {"channel": (0, *range(2, inputs.ndim)), "feature": (0,), "all": tuple(range(inputs.ndim))}.get(per)
        if axes is None:
            raise InputError(f"per must be 'channel', 'feature' or 'all', got {per!r}")
        mean = inputs.mean(axes, keepdim=per != "all")
        std = inputs.std(axes, correction=0, keepdim=per != "all")
        if per != "all":
            mean, std = mean[0], std[0]
        return cls(mean, torch.where(std > 1e-7 * (1 + mean.abs()), std, 1.0))

    def apply(self, inputs: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """``(inputs - mean) / std``, for one sample or a batch."""
        return (inputs - self.mean.to(inputs)) / self.std.to(inputs)

    def undo(self, inputs: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
        """Back to the values before `apply`, for one sample or a batch.

        >>> shift = Normalisation(torch.tensor(0.5), torch.tensor(0.25))
        >>> shift.undo(shift.apply(torch.tensor([0.1, 0.9])))
        tensor([0.1000, 0.9000])
        """
        return inputs * self.std.to(inputs) + self.mean.to(inputs)
