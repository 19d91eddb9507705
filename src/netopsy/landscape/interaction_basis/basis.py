"""Coordinates for the layers of a network: a matrix into them and one back, a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.drawing import PALETTE, panel
from netopsy.core.errors import lookup, require
from netopsy.landscape.interaction_basis.sections import from_rows, to_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False)
class InteractionBasis:
    """Features of each layer: ``(activations, 1) C``, of which the first is the constant 1.

    The matrices are in double precision and for rows: activations ``[..., d]``, features ``[..., r]``.
    """

    layers: tuple[str, ...]
    """In the order of the forward pass."""
    C: Mapping[str, Float[Tensor, "_ _"]]
    """``[d + 1, r]``, into the features; the last row belongs to a constant 1 that is appended to the activations."""
    C_pinv: Mapping[str, Float[Tensor, "_ _"]]
    """``[r, d + 1]``, back to the activations, as far as the features kept reach."""
    eigenvalues: Mapping[str, Float[Tensor, "_"]]
    """The mean square of each feature, in falling order; 1 for the constant."""
    shapes: Mapping[str, tuple[int, ...]]
    """Of each layer's activations, without the batch."""
    kind: str = "interaction"

    def transform(self, layer: str, activations: Tensor) -> Float[Tensor, "batch positions r"]:
        """The features of activations as the layer puts them out, ``[batch, ...]``; images have their places as
        positions, sequences their steps.

        Raises:
            InputError: an unknown layer, or activations of another number of units.
        """
        matrix = lookup("layer", layer, self.C)
        require(isinstance(activations, Tensor), f"activations must be a tensor, got {type(activations).__name__}")
        rows = to_rows(activations)
        wanted = len(matrix) - 1
        require(
            rows.shape[-1] == wanted,
            f"activations of {layer!r} must have {wanted} units, got {list(activations.shape)}",
        )
        own = matrix.to(rows.device)
        return rows.to(own.dtype) @ own[:-1] + own[-1]

    def inverse(self, layer: str, features: Float[Tensor, "batch positions r"]) -> Tensor:
        """Activations, in the layer's own shape, that have these features.

        Raises:
            InputError: an unknown layer, or another number of features.
        """
        matrix = lookup("layer", layer, self.C_pinv)
        fits = isinstance(features, Tensor) and features.ndim == 3 and features.shape[-1] == len(matrix)
        got = list(features.shape) if isinstance(features, Tensor) else type(features).__name__
        require(fits, f"features of {layer!r} must be [batch, positions, {len(matrix)}], got {got}")
        own = matrix.to(features.device)
        return from_rows((features.to(own.dtype) @ own)[..., :-1], self.shapes[layer])

    def inward(self, layer: str, like: Tensor) -> tuple[Tensor, Tensor]:
        """The matrix and the offset that give all features but the constant, in the type of ``like``."""
        own = self.C[layer].to(like)
        return own[:-1, 1:], own[-1, 1:]

    def outward(self, layer: str, like: Tensor) -> tuple[Tensor, Tensor]:
        """The matrix and the offset that give activations from all features but the constant."""
        own = self.C_pinv[layer].to(like)
        return own[1:, :-1], own[0, :-1]

    def plot(self, ax: Axes | None = None) -> Axes:
        """The features' mean squares in falling order, relative to the layer's largest, a line a layer."""
        axes = panel(ax)
        for number, layer in enumerate(self.layers):
            values = self.eigenvalues[layer][1:]
            if len(values) and float(values.max()) > 0:
                shown = (values / values.max()).clamp_min(1e-16)
                axes.semilogy(
                    range(1, len(values) + 1), shown, color=PALETTE[number % len(PALETTE)], label=layer or "input"
                )
        axes.set(xlabel="feature", ylabel="mean square, relative to the largest")
        axes.legend()
        return axes


def with_constant(inward: Tensor, outward: Tensor, mean: Tensor) -> tuple[Tensor, Tensor]:
    """``C`` and its inverse from ``features = (f - mean) inward`` and ``f = features outward + mean``.

    The mean is taken off by way of the constant coordinate, which stays a feature of its own.
    """
    size, kept = inward.shape
    into = inward.new_zeros(size + 1, kept + 1)
    into[:-1, 1:], into[-1, 1:], into[-1, 0] = inward, -mean @ inward, 1
    back = inward.new_zeros(kept + 1, size + 1)
    back[1:, :-1], back[0, :-1], back[0, -1] = outward, mean, 1
    return into, back


def faced(vectors: Tensor) -> Tensor:
    """Columns with the sign that makes their entry of largest size positive."""
    return vectors * vectors.gather(0, vectors.abs().argmax(0, keepdim=True)).sign() if vectors.numel() else vectors


def eigen(root: Tensor, threshold: float | int) -> tuple[Tensor, Tensor]:
    """Eigenvalues of ``root^T root`` above ``threshold`` times the largest, in falling order, and their vectors."""
    _, spread, rows = torch.linalg.svd(root, full_matrices=False)
    values = spread**2
    kept = values > max(threshold * float(values[0]), 0.0)
    return values[kept], faced(rows[kept].T)
