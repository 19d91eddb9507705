"""Eigen-CAM of 64 activations of 512x14x14 against a loop of full decompositions, and how it grows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor

from benchmarks.timing import Comparison, Growth
from netopsy.interpretability.eigen_cam import eigen_cam, eigen_cam_from_activations
from netopsy.models import resnet18


def benchmarks() -> Iterator[Comparison | Growth]:
    """Centred on both sides, since the peer centres; then the same without, as in the paper."""
    activations = activations_like_a_trained_networks(64, 512, 14)
    check(activations)
    for centre in (True, False):
        yield Comparison(
            f"eigen_cam_{'centred' if centre else 'uncentred'}",
            partial(eigen_cam_from_activations, activations, centre=centre),
            partial(loop_of_full_decompositions, activations, centre=centre),
            target=0.1,
            peer_name="loop of full SVDs",
            rounds=5,
        )
    model = resnet18(classes=10, widths=(16, 32, 64, 128)).eval()
    yield Growth(
        "eigen_cam_image_side",
        {side: partial(eigen_cam, model, torch.rand(4, 3, side, side), "stage3") for side in (32, 64, 128, 224)},
        size_name="side",
    )
    yield Growth(
        "eigen_cam_units",
        {
            units: partial(eigen_cam_from_activations, activations_like_a_trained_networks(16, units, 14))
            for units in (64, 128, 256, 512)
        },
        size_name="units",
    )


def loop_of_full_decompositions(activations: Tensor, *, centre: bool) -> Tensor:
    """How the widespread implementation does it, re-created: numpy, image by image, all singular vectors."""
    maps = []
    for one in activations.numpy():
        places = one.reshape(len(one), -1).T
        places = places - places.mean(0) if centre else places
        _, _, directions = np.linalg.svd(places, full_matrices=True)
        maps.append((places @ directions[0]).reshape(one.shape[1:]))
    return torch.from_numpy(np.stack(maps))


def check(activations: Tensor) -> None:
    """The two sides compute the same, up to the sign that the peer leaves to chance."""
    for centre in (True, False):
        ours = eigen_cam_from_activations(activations, centre=centre).projections[:, 0]
        theirs = loop_of_full_decompositions(activations, centre=centre)
        theirs = theirs * (ours * theirs).sum((1, 2), keepdim=True).sign()
        error = (ours - theirs).abs().amax((1, 2)) / theirs.abs().amax((1, 2))
        assert error.max() < 1e-4, f"the maps differ by {error.max():.1e}"


def activations_like_a_trained_networks(batch: int, channels: int, side: int) -> Tensor:
    """Behind a ReLU, with a few patterns that stand out of the noise."""
    random = torch.Generator().manual_seed(0)
    patterns = torch.rand(batch, 3, side * side, generator=random)
    mixing = torch.rand(batch, channels, 3, generator=random) * torch.tensor([1.0, 0.7, 0.5])
    noise = torch.randn(batch, channels, side * side, generator=random)
    return (mixing @ patterns + 0.5 * noise).relu().reshape(batch, channels, side, side)
