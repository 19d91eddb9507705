"""How far fooling images are from real ones, and whether another network is fooled too."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.shapes import Images, Labels
from netopsy.robustness.checks import check_images, check_labels
from netopsy.robustness.queries import Classifier, Queries

AT_ONCE = 512


@checked
def distance_to_real(images: Images, real: Float[Tensor, "real channels height width"]) -> Float[Tensor, "batch"]:
    """How far each image is from the nearest real one, in units of how far real images are from their own nearest.

    Euclidean distance of the pixels; the unit is the mean over ``real`` of the distance to the nearest other one. An
    image that is as near to a real one as another real image would be has a value about 1 or below: people may well
    recognise it. It is a proxy: far from all real images does not prove that nobody would recognise an image.

    Raises:
        InputError: images of two shapes, fewer than two real images, or real images that are all the same.

    >>> real = torch.tensor([0.0, 1.0, 2.0]).reshape(3, 1, 1, 1)
    >>> distance_to_real(torch.tensor([0.0, 5.0]).reshape(2, 1, 1, 1), real).tolist()
    [0.0, 3.0]
    """
    check_images(images, None)
    check_images(real, None, "real")
    require(
        images.shape[1:] == real.shape[1:],
        f"images and real must have one shape, got {tuple(images.shape[1:])} and {tuple(real.shape[1:])}",
    )
    require(len(real) >= 2, f"real must be at least two images, got {len(real)}")
    known = real.flatten(1).float().cpu()
    nearest = []
    for start in range(0, len(known), AT_ONCE):
        apart = torch.cdist(known[start : start + AT_ONCE], known)
        apart[torch.arange(len(apart)), start + torch.arange(len(apart))] = torch.inf
        nearest.append(_between(known[start : start + AT_ONCE], known, apart))
    unit = float(torch.cat(nearest).mean())
    require(unit > 0, "real images must differ, and each of these has another that is the same")
    parts = images.flatten(1).float().cpu().split(AT_ONCE)
    return torch.cat([_between(some, known, torch.cdist(some, known)) for some in parts]) / unit


def _between(some: Tensor, known: Tensor, apart: Tensor) -> Tensor:
    """How far each is from the nearest; ``apart``, made of matrix products, is quick and off where images agree."""
    return (some - known[apart.argmin(1)]).norm(dim=1)


@checked
def transfer_rate(other: Classifier, fooling: Images, labels: Labels) -> float:
    """The share of images that another classifier gives their label.

    Raises:
        InputError: a classifier, images or labels that cannot be used.

    Source: Nguyen et al. 2015, section 3.3.

    >>> transfer_rate(lambda images: images.flatten(1), torch.eye(2).reshape(2, 2, 1, 1), torch.tensor([0, 0]))
    0.5
    """
    check_images(fooling, None, "fooling")
    answers = Queries(other)(fooling)
    check_labels(labels, len(fooling), answers.shape[1])
    return float((answers.argmax(1) == labels.cpu()).float().mean())
