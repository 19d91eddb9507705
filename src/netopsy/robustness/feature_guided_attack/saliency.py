"""What keypoints say about pixels: how salient each is, and whose region it lies in."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.robustness.feature_guided_attack.keypoints import Keypoints


@checked
def saliency_map(keypoints: Keypoints, shape: tuple[int, int]) -> Float[Tensor, "height width"]:
    """Each pixel's share: normal densities around the keypoints, weighted by their responses, adding up to 1.

    ``S(p)`` is proportional to the sum over keypoints of ``response * N(|p - xy|; 0, size)``.

    Args:
        keypoints: from `sift_keypoints`, or made by hand.
        shape: height and width of the image.

    Raises:
        InputError: no keypoint, a size that is not positive, responses that are negative or all 0, or a shape that is
            not two positive ints.

    Source: Wicker et al. 2018, the saliency distribution (place unconfirmed).

    >>> one = Keypoints(torch.tensor([[2.0, 3.0]]), torch.tensor([2.0]), torch.tensor([1.0]))
    >>> shares = saliency_map(one, (8, 8))
    >>> round(float(shares.sum()), 4), round(float(shares[3, 2]), 4)
    (1.0, 0.0468)
    """
    densities = keypoint_densities(keypoints, shape)
    weights = keypoints.response.double()
    require(bool((weights >= 0).all()) and float(weights.sum()) > 0, "responses must not be negative, nor all be 0")
    shares = torch.einsum("k,khw->hw", weights, densities)
    total = shares.sum()
    require(float(total) > 0, "keypoints must lie near the image: none of its pixels has a density above 0")
    return (shares / total).float()


@checked
def keypoint_partition(keypoints: Keypoints, shape: tuple[int, int]) -> Int[Tensor, "height width"]:
    """The number of the keypoint whose normal density is highest at each pixel, whatever its response.

    Keypoints of one size share the image along their perpendicular bisectors; of equal densities the first counts.

    Raises:
        InputError: no keypoint, a size that is not positive, or a shape that is not two positive ints.

    Source: Wicker et al. 2018, the partition of the pixels among features (place unconfirmed).

    >>> two = Keypoints(torch.tensor([[0.0, 0.0], [3.0, 0.0]]), torch.ones(2), torch.ones(2))
    >>> keypoint_partition(two, (1, 4))
    tensor([[0, 0, 1, 1]])
    """
    return _log_densities(keypoints, shape).argmax(0)


def keypoint_densities(keypoints: Keypoints, shape: tuple[int, int]) -> Float[Tensor, "k height width"]:
    """The normal density of each keypoint at every pixel."""
    return _log_densities(keypoints, shape).exp()


def _log_densities(keypoints: Keypoints, shape: tuple[int, int]) -> Float[Tensor, "k height width"]:
    # As logarithms, far pixels still have a nearest keypoint.
    require(isinstance(keypoints, Keypoints), f"keypoints must be Keypoints, got {type(keypoints).__name__}")
    fine = isinstance(shape, tuple | list) and len(shape) == 2
    require(
        fine and all(isinstance(side, int) and side >= 1 for side in shape),
        f"shape must be a height and a width, got {shape!r}",
    )
    xy, size = keypoints.xy.double(), keypoints.size.double()
    require(len(keypoints) > 0, "keypoints must hold at least one")
    require(bool(size.isfinite().all()) and float(size.min()) > 0, "sizes of keypoints must be positive")
    require(bool(xy.isfinite().all()), "keypoints must lie at finite places")
    rows, columns = torch.arange(shape[0]).double(), torch.arange(shape[1]).double()
    square = (columns - xy[:, 0, None, None]) ** 2 + (rows[:, None] - xy[:, 1, None, None]) ** 2
    deviation = size[:, None, None]
    return -square / (2 * deviation**2) - deviation.log() - 0.5 * math.log(2 * math.pi)
