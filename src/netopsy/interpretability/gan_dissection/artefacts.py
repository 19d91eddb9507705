"""Units that spoil images: found by how far the images that excite them most are from real ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.batches import finite
from netopsy.core.errors import require
from netopsy.core.layers import Layer
from netopsy.core.modes import device_of, evaluating
from netopsy.core.outputs import single_output
from netopsy.core.shapes import Images
from netopsy.interpretability.frechet import frechet_distances
from netopsy.interpretability.gan_dissection.stage import watched
from netopsy.interpretability.layer_maps import check_images


@dataclass(frozen=True, eq=False)
class UnitDistances:
    """For each unit of a layer, how far the images that excite it most are from real ones."""

    distance: Float[Tensor, "units"]
    """Fréchet distance of their features to those of the real images, not negative."""
    images: Int[Tensor, "units top"]
    """Which of ``z`` made those images, the most exciting first."""
    overall: float
    """The same distance for all made images together."""

    def worst(self, count: int = 20) -> Int[Tensor, "ranked"]:
        """The units to switch off first."""
        return self.distance.argsort(descending=True, stable=True)[:count]


@checked
def artefact_units(
    generator: nn.Module,
    layer: Layer,
    z: Tensor,
    real: Images,
    features: Callable[[Images], Tensor],
    *,
    top: int = 100,
    batch_size: int = 64,
) -> UnitDistances:
    """Rank a layer's units by the distance between real images and the made images that excite the unit most.

    A unit excites itself as high as it is anywhere in the image. The units that come out worst are the ones to switch
    off (`edit_layer`) for fewer artefacts.

    Args:
        generator, layer, z: as in `dissect`.
        real: images to be like, of the generator's range.
        features: from images to ``[n, features]``, float: the activations of a trained network, say. The distance
            compares covariances, so there should be fewer features than ``top``.
        top: how many images of each unit are compared; the paper's number is unconfirmed.

    Raises:
        InputError: as `dissect`, and a ``top`` or ``features`` that do not fit.

    Source: Bau et al. 2019, section 4.3.

    >>> net = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU())
    >>> z, real = torch.rand(30, 1, 3, 3), torch.rand(20, 2, 3, 3)
    >>> artefact_units(net, "1", z, real, lambda images: images.mean((2, 3)), top=10).distance.shape
    torch.Size([2])
    """
    require(callable(features), f"features must be callable, got {type(features).__name__}")
    check_images(real, "real")
    require(z.ndim > 0, "z must have an axis of samples, got a single number")
    require(isinstance(top, int) and 2 <= top <= len(z), f"top must be an int from 2 to {len(z)}, got {top!r}")
    heights, found = [], []
    for maps, made in watched(generator, layer, z, batch_size):
        heights.append(maps.amax((2, 3)))
        found.append(_features(features, single_output(made)))
    made_ones = torch.cat(found)
    real_ones = torch.cat([_features(features, some.to(device_of(generator))) for some in real.split(batch_size)])
    require(len(real_ones) >= 2, f"real must hold at least 2 images, got {len(real_ones)}")
    require(
        real_ones.shape[1] == made_ones.shape[1],
        f"features must be as many for real as for made images: {real_ones.shape[1]} and {made_ones.shape[1]}",
    )
    best = torch.cat(heights).topk(top, dim=0).indices.T
    distance = frechet_distances(made_ones[best], real_ones)
    return UnitDistances(distance.cpu(), best.cpu(), float(frechet_distances(made_ones[None], real_ones)[0]))


def _features(features: Callable[[Images], Tensor], images: Tensor) -> Float[Tensor, "n features"]:
    with torch.no_grad():
        if isinstance(features, nn.Module):
            with evaluating(features):
                found = features(images)
        else:
            found = features(images)
    require(
        isinstance(found, Tensor) and found.ndim == 2 and len(found) == len(images),
        "features must return [n, features], one row an image, "
        f"got {tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__}",
    )
    require(finite(found), "features must return finite numbers, got NaN or infinity")
    return found
