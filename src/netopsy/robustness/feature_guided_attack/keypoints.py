"""Scale-invariant keypoints of an image: where human vision would look, how large, and how strongly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.batches import check_finite, check_tensor
from netopsy.core.errors import require

SMALL, SMALL_FACTOR = 100, 2
"""Images whose longest side is below this are enlarged by this factor before keypoints are looked for."""
SCALES = 3
"""Scales an octave of the detector: neighbouring ones are a factor of 2^(1/3) apart."""


@dataclass(frozen=True, eq=False)
class Keypoints:
    """Keypoints of one image, the strongest first."""

    xy: Float[Tensor, "k 2"]
    """Column and row of each, in pixels."""
    size: Float[Tensor, "k"]
    """Diameter in pixels, twice the detector's scale; also the standard deviation of its normal density."""
    response: Float[Tensor, "k"]
    """Difference of Gaussians at the extremum, without its sign."""
    found: bool = True
    """False where the detector found none and these are the middles of the four quadrants."""

    def __len__(self) -> int:
        return len(self.size)


@checked
def sift_keypoints(
    image: Float[Tensor, "*channels height width"],
    *,
    enlarge: Literal["auto"] | int = "auto",
    max_keypoints: int | None = None,
) -> Keypoints:
    """SIFT keypoints of an image, of several that differ only in orientation one.

    The detector is scikit-image's; it does not tell how strong an extremum is, so the difference of Gaussians is
    computed again there. An image without any gets one keypoint in the middle of each quadrant, all of one strength,
    and ``found`` is false.

    Args:
        image: ``[height, width]`` or ``[channels, height, width]``; colours become their brightness, other channels
            their mean.
        enlarge: factor by which the image is enlarged for the detector; ``"auto"`` is 2 where its longest side is below
            100 pixels and 1 elsewhere. The released single-player code takes 15.
        max_keypoints: keep the strongest.

    Raises:
        InputError: no image, values that are not finite, a factor or number below 1.

    Source: Wicker et al. 2018, section 2.2 (place unconfirmed); the factor is that of the released two-player code.

    >>> image = torch.zeros(24, 24)
    >>> image[8:12, 14:18] = 1.0
    >>> strongest = sift_keypoints(image, max_keypoints=1)
    >>> strongest.xy.round().tolist()
    [[16.0, 10.0]]
    """
    check_tensor(image, "image")
    require(
        image.is_floating_point() and image.ndim in (2, 3) and image.numel() > 0,
        f"image must be floats [height, width] or [channels, height, width], got {tuple(image.shape)} of {image.dtype}",
    )
    check_finite(image, "image")
    for name, number in (("enlarge", enlarge), ("max_keypoints", max_keypoints)):
        fine = number in ("auto", None) or (isinstance(number, int) and not isinstance(number, bool) and number >= 1)
        require(fine, f"{name} must be an int of at least 1, got {number!r}")
    grey = _grey(image)
    factor = (SMALL_FACTOR if max(grey.shape) < SMALL else 1) if enlarge == "auto" else enlarge
    found = _detected(grey, factor)
    if found is None:
        return _quadrants(*grey.shape)
    xy, sigma = found
    response = _responses(grey, xy, sigma)
    order = np.argsort(-response, kind="stable")[:max_keypoints]
    places, scales, strengths = (torch.from_numpy(part[order]).float() for part in (xy, sigma, response))
    return Keypoints(places, 2 * scales, strengths)


def _grey(image: Tensor) -> NDArray[np.float64]:
    values = image.detach().cpu().double()
    if values.ndim == 3:
        weights = [0.2125, 0.7154, 0.0721] if len(values) == 3 else [1 / len(values)] * len(values)
        values = torch.einsum("c,chw->hw", torch.tensor(weights, dtype=torch.double), values)
    return values.numpy()


def _detected(grey: NDArray[np.float64], factor: int) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Column and row, and scale, of all different extrema, in the image's own pixels."""
    from skimage.feature import SIFT
    from skimage.transform import rescale

    if np.ptp(grey) == 0:
        return None
    detector = SIFT(n_scales=SCALES)
    try:
        detector.detect(rescale(grey, factor, order=1) if factor > 1 else grey)
    except (RuntimeError, ValueError, IndexError):  # how it says that there are none, or that the image is too small
        return None
    places = np.column_stack([detector.positions[:, ::-1], detector.sigmas])
    _, first = np.unique(places.round(4), axis=0, return_index=True)
    places = places[np.sort(first)]
    # The middle of pixel 0 is at (factor - 1) / 2 of the enlarged image.
    return (places[:, :2] - (factor - 1) / 2) / factor, places[:, 2] / factor


def _responses(grey: NDArray[np.float64], xy: NDArray[Any], sigma: NDArray[Any]) -> NDArray[Any]:
    """The image under a Gaussian less that under one of the next scale, weights within the image adding up to 1."""
    rows, columns = np.indices(grey.shape)
    answers = []
    for (x, y), one in zip(xy, sigma, strict=True):
        square = (columns - x) ** 2 + (rows - y) ** 2
        narrow, wide = (np.exp(-square / (2 * max(scale, 0.3) ** 2)) for scale in (one, one * 2 ** (1 / SCALES)))
        answers.append(abs((grey * narrow).sum() / narrow.sum() - (grey * wide).sum() / wide.sum()))
    return np.maximum(np.asarray(answers), 1e-12)


def _quadrants(height: int, width: int) -> Keypoints:
    middles = [((width - 1) * x, (height - 1) * y) for y in (0.25, 0.75) for x in (0.25, 0.75)]
    return Keypoints(
        torch.tensor(middles), torch.full((4,), max(1.0, min(height, width) / 2)), torch.ones(4), found=False
    )
