"""Which neighbourhood of an input, or of a layer's activations, a question is about."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from netopsy.core.arguments import checked, checked_class
from netopsy.core.errors import require
from netopsy.core.layers import INPUT
from netopsy.robustness.checks import Bounds
from netopsy.robustness.safety_verification.bounds import Interval

MOST_STEPS = 2**53
"""Up and down, in one dimension: as far as double precision counts."""
Numbers = float | int | Sequence[float] | Sequence[int]


@checked_class
@dataclass(frozen=True)
class Region:
    """Values that may change, each in so many steps up and down, while all others stay: a box, and a grid in it.

    Sections 2 and 3 of the paper: the region is ``η``, one step of ``span`` in any of its dimensions a manipulation.
    """

    dims: tuple[int, ...]
    """Numbers of the values in the flattened sample."""
    span: tuple[float, ...]
    """The step of each."""
    count: tuple[int, ...]
    """Steps up and down of each."""
    layer: str = INPUT
    """Whose activations they are; the input by default."""

    def __post_init__(self) -> None:
        require(len(self.dims) > 0, "dims must name at least one value that may change, got none")
        require(
            len(set(self.dims)) == len(self.dims) and min(self.dims) >= 0, "dims must be different numbers from 0 up"
        )
        require(
            len(self.span) == len(self.count) == len(self.dims),
            f"span and count must have {len(self.dims)} numbers as dims, got {len(self.span)} and {len(self.count)}",
        )
        require(all(0 < each < math.inf for each in self.span), f"span must be above 0, got {min(self.span):g}")
        require(
            all(isinstance(each, int) and 1 <= each <= MOST_STEPS for each in self.count),
            f"count must be 1 or more, and below {MOST_STEPS:.2g}, got {min(self.count)} to {max(self.count)}",
        )
        widest = max(span * count for span, count in zip(self.span, self.count, strict=True))
        require(widest < math.inf, "span times count must be finite")

    @property
    def points(self) -> int:
        """How many points the grid has."""
        return math.prod(2 * each + 1 for each in self.count)

    def radius(self, shape: tuple[int, ...]) -> Tensor:
        """How far each value may go, ``[*shape]``."""
        size = torch.Size(shape).numel()
        require(max(self.dims) < size, f"dims must be below {size}, the values of a sample, got {max(self.dims)}")
        found = torch.zeros(size, dtype=torch.float64)
        found[list(self.dims)] = torch.tensor(self.span, dtype=torch.float64) * torch.tensor(self.count)
        return found.reshape(shape)

    def box(self, centre: Tensor, bounds: Bounds | None = None) -> Interval:
        """The region as a box around ``centre`` ``[*shape]``, within ``bounds``, as a batch of one."""
        middle, radius = centre.double(), self.radius(tuple(centre.shape))
        low, high = (middle - radius)[None], (middle + radius)[None]
        return Interval(low, high) if bounds is None else Interval(low.clamp(*bounds), high.clamp(*bounds))


@checked
def input_region(
    image: Tensor,
    *,
    n_dims: int = 5,
    span: Numbers = 1.0,
    count: int | Sequence[int] = 1,
    strategy: Literal["extremal", "all"] | Sequence[int] = "extremal",
) -> Region:
    """A region around an image ``[channels, height, width]``.

    Args:
        n_dims: pixels that may change, where ``strategy`` chooses them.
        span: one step, for all of them or one each; 1 takes a pixel from black to white.
        count: steps up and down, likewise.
        strategy: "extremal" (the pixels farthest from the image's mean), "all", or the numbers of the pixels in the
            flattened image.

    Raises:
        InputError: no dimension, a span of 0 or less, a count below 1, or a pixel that is not there.

    Source: section 4.1 of the paper; the choice of dimensions is that of its code.

    >>> input_region(torch.tensor([[[0.5, 0.9], [0.4, 0.1]]]), n_dims=2, span=0.1).dims
    (1, 3)
    """
    size = image.numel()
    require(size > 0, "image must not be empty")
    if strategy == "all":
        dims = list(range(size))
    elif isinstance(strategy, str):
        require(strategy == "extremal", f"strategy must be 'extremal', 'all' or numbers of pixels, got {strategy!r}")
        require(1 <= n_dims <= size, f"n_dims must be 1 to {size}, the values of the image, got {n_dims}")
        dims = extremal(image, n_dims)
    else:
        dims = [int(each) for each in strategy]
        require(all(0 <= each < size for each in dims), f"dims must be from 0 to {size - 1}, got {dims}")
    return region_of(dims, span, count)


def region_of(dims: Sequence[int], span: Numbers, count: int | Sequence[int], layer: str = INPUT) -> Region:
    """A region with one span and count for all dimensions, or one each."""
    spans = [span] * len(dims) if isinstance(span, float | int) else list(span)
    counts = [count] * len(dims) if isinstance(count, int) else list(count)
    return Region(tuple(dims), tuple(map(float, spans)), tuple(counts), layer)


def extremal(values: Tensor, count: int, *, among: Tensor | None = None, used: Sequence[int] = ()) -> list[int]:
    """The numbers of the ``count`` values farthest from the mean of all, in ascending order.

    Args:
        among: true where a value may be chosen.
        used: those that were chosen before; when nothing else is left, they may be chosen again.
    """
    flat = values.detach().flatten().double().cpu()
    far = (flat - flat.mean()).abs()
    allowed = torch.ones_like(far, dtype=torch.bool) if among is None else among.flatten().cpu()
    fresh = allowed.clone()
    fresh[list(used)] = False
    fresh = fresh if bool(fresh.any()) else allowed
    order = torch.argsort(torch.where(fresh, far, -torch.inf), descending=True, stable=True)
    return sorted(order[: min(count, int(fresh.sum()))].tolist())
