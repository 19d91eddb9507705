"""The shapes that travel through this package, and what is asked of them."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor

from netopsy.core.errors import require

Rows = Float[Tensor, "rows channels"]
"""Activations: one image, position or token a row."""

Bank = Float[Tensor, "concepts channels"]
"""One direction in the space of the channels a concept."""

Codes = Float[Tensor, "batch *positions concepts"]
"""How much of every concept there is in every image, or at every place of it."""

Scores = Float[Tensor, "batch concepts"]
"""What every concept means to the answer for every image."""

Score = Callable[[Tensor], Tensor]
"""From codes ``[n, *positions, concepts]`` to one number a row ``[n]``."""


def check_rows(activations: object, name: str = "activations") -> None:
    """Raise `InputError` unless these are finite float rows."""
    got = tuple(activations.shape) if isinstance(activations, Tensor) else type(activations).__name__
    good = isinstance(activations, Tensor) and activations.ndim == 2 and activations.numel() > 0
    require(good, f"{name} must be [rows, channels] with at least one entry, got {got}")
    assert isinstance(activations, Tensor)
    require(activations.is_floating_point(), f"{name} must be float, got {activations.dtype}")
    require(activations.isfinite().all(), f"{name} hold NaN or infinite values; they must be finite")


def check_count(n_concepts: object, activations: Tensor) -> None:
    """Raise `InputError` unless so many concepts can be found in the activations."""
    whole = isinstance(n_concepts, int) and not isinstance(n_concepts, bool)
    require(
        whole and 1 <= n_concepts <= min(activations.shape),  # type: ignore[operator]
        f"n_concepts must be an int from 1 to {min(activations.shape)} for {activations.shape[0]} rows of "
        f"{activations.shape[1]} channels, got {n_concepts!r}",
    )


def check_codes(codes: object) -> None:
    """Raise `InputError` unless these are finite codes of at least one image."""
    got = tuple(codes.shape) if isinstance(codes, Tensor) else type(codes).__name__
    good = isinstance(codes, Tensor) and codes.ndim >= 2 and codes.numel() > 0 and codes.is_floating_point()
    require(good, f"u must be float codes [batch, concepts] or [batch, positions, concepts], got {got}")
    assert isinstance(codes, Tensor)
    require(codes.isfinite().all(), "u holds NaN or infinite values; they must be finite")
