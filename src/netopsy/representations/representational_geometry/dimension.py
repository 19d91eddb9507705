"""How many directions a representation fills."""

from __future__ import annotations

import warnings

from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.batches import check_finite
from netopsy.core.errors import require
from netopsy.representations.similarity import center


@checked
def participation_ratio(points: Tensor, *, kernel: bool = False) -> float:
    """``(sum of eigenvalues)^2 / sum of their squares`` of the centred kernel: q for a cloud isotropic in q directions.

    Args:
        points: ``[conditions, ...]``, or their kernel ``[conditions, conditions]`` where ``kernel`` says so.

    Returns:
        NaN, with a warning, where all points are the same.

    Raises:
        InputError: fewer than 2 points, values that are not finite, or a kernel that is not square.

    >>> import torch
    >>> round(participation_ratio(torch.eye(4)), 6)
    3.0
    """
    require(points.ndim >= 2 and len(points) >= 2, f"points must be at least 2 rows, got {list(points.shape)}")
    check_finite(points, "points")
    wide = points.detach().flatten(1).double()
    if kernel:
        require(wide.shape[0] == wide.shape[1], f"a kernel must be square, got {list(points.shape)}")
        given, size = center(wide), wide.norm()
    else:
        centred = wide - wide.mean(0)
        narrow = centred if len(wide) <= wide.shape[1] else centred.T  # both products have the same spectrum
        given, size = narrow @ narrow.T, wide.square().sum()
    total = given.norm()
    if total <= 1e-12 * size:
        warnings.warn("all points are the same: their dimension is not defined (NaN)", stacklevel=2)
        return float("nan")
    return float(given.trace().square() / total.square())
