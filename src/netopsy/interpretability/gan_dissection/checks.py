"""How levels may be chosen and masks given for a dissection, and the sentences where they are not."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from netopsy.core.errors import require

Threshold = Literal["iqr"] | tuple[Literal["quantile"], float] | Tensor


def check_threshold(threshold: object) -> None:
    """Raise `InputError` unless ``threshold`` is one of the ways to choose levels."""
    if isinstance(threshold, Tensor):
        require(threshold.ndim == 1 and not threshold.isnan().any(), "threshold must be one level a unit, without NaN")
        return
    fits = threshold == "iqr" or (
        isinstance(threshold, tuple)
        and len(threshold) == 2
        and threshold[0] == "quantile"
        and isinstance(threshold[1], float)
        and 0 < threshold[1] < 1
    )
    require(fits, f"threshold must be 'iqr', ('quantile', share) or levels [units], got {threshold!r}")


def check_masks(masks: Tensor, counted: Tensor | None, z: Tensor) -> None:
    """Raise `InputError` unless masks, and which of them count, fit ``z``."""
    require(
        masks.dtype == torch.bool and masks.ndim == 4 and len(masks) == len(z),
        f"segmenter must be a function, or masks [{len(z)}, classes, height, width] of bool, "
        f"got {tuple(masks.shape)} of {masks.dtype}",
    )
    require(
        counted is None or (counted.dtype == torch.bool and counted.shape == masks.shape[:2]),
        f"counted must be bool {tuple(masks.shape[:2])}, one for each image and class",
    )
