"""How far two images are apart, by several measures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.shapes import Images
from netopsy.robustness.checks import check_images
from netopsy.robustness.level_set_traversal.checks import check_like


def rmse(first: Images, second: Images) -> Float[Tensor, "batch"]:
    """The root of the mean squared difference of two batches, image by image.

    >>> rmse(torch.zeros(1, 1, 2, 2), torch.ones(1, 1, 2, 2))
    tensor([1.])
    """
    return (first - second).flatten(1).square().mean(1).sqrt()


@dataclass(frozen=True, eq=False)
class Distances:
    """How far pairs of images are apart; each entry ``[batch]``."""

    rmse: Float[Tensor, "batch"]
    largest: Float[Tensor, "batch"]
    """Of the differences of single pixels."""
    ssim: Float[Tensor, "batch"]
    """Structural similarity: 1 for the same image."""
    features: Float[Tensor, "batch"] | None = None
    """Squared distance of unit feature vectors, the mean over places."""


@checked
def image_distances(first: Images, second: Images, *, features: Callable[[Images], Tensor] | None = None) -> Distances:
    """RMSE, greatest difference, structural similarity and, with ``features``, a perceptual distance of two batches.

    Structural similarity is scikit-image's, for pixels from 0 to 1 and windows of 7 pixels a side, or what fits.

    Args:
        features: from images to features ``[batch, units, ...]``, for example the first layers of a network. Its
            vectors of units are scaled to length 1, as in LPIPS but without that measure's learned weights.

    Raises:
        InputError: images of different shapes or not finite, features that are no tensor with a row an image.

    >>> image_distances(torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8)).ssim
    tensor([1.])
    """
    check_images(first, None, "first")
    check_like(second, first, None, "second")
    difference = (first - second).flatten(1)
    near = None
    if features is not None:
        with torch.no_grad():
            found = [features(each) for each in (first, second)]
        fine = all(isinstance(each, Tensor) and each.ndim >= 2 and len(each) == len(first) for each in found)
        require(fine, "features must return a tensor [batch, units, ...]")
        ours, theirs = (torch.nn.functional.normalize(each.reshape(*each.shape[:2], -1), dim=1) for each in found)
        near = (ours - theirs).square().sum(1).reshape(len(first), -1).mean(1)
    return Distances(difference.square().mean(1).sqrt(), difference.abs().amax(1), _ssim(first, second), near)


def _ssim(first: Images, second: Images) -> Float[Tensor, "batch"]:
    from skimage.metrics import structural_similarity

    side = min(7, *first.shape[2:])
    window = side - 1 + side % 2
    require(window >= 3, f"first must have 3 pixels a side or more, got {tuple(first.shape)}")
    pairs = zip(first.detach().cpu().double().numpy(), second.detach().cpu().double().numpy(), strict=True)
    found = [structural_similarity(*pair, win_size=window, data_range=1.0, channel_axis=0) for pair in pairs]
    return torch.from_numpy(np.array(found)).to(first)
