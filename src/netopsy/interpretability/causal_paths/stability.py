"""How much explanations change when what they explain hardly does."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.seeds import generator
from netopsy.core.shapes import Images
from netopsy.interpretability.causal_paths.graph import CausalGraph
from netopsy.interpretability.layer_maps import check_images


@checked
def local_lipschitz(
    explain: Callable[[Images], Tensor],
    images: Images,
    *,
    n: int = 10,
    mean: float = 0.1,
    std: float = 0.1,
    seed: int | torch.Generator = 0,
) -> Float[Tensor, "batch"]:
    """How steeply an explanation changes around each image: the largest of ``|a - a'| / |x - x'|`` over perturbations.

    Lengths are Euclidean; x' is x plus normal noise. Maps of different scales cannot be compared by it: bring them all
    to one range first.

    Args:
        explain: from images ``[batch, ...]`` to an explanation of each, ``[batch, ...]``; called with ``n`` noisy
            copies of the images, copy by copy, in one batch: image i of the batch is image ``i % batch`` perturbed.
        n: perturbations of each image.
        mean, std: of the noise, in the units of the images.

    Raises:
        InputError: an explanation of another length, or an option out of range.

    Source: Alvarez-Melis and Jaakkola 2018, as Ahmad et al. 2024 use it (10 perturbations, N(0.1, 0.1^2)).

    >>> steepness = local_lipschitz(lambda images: 3 * images, torch.rand(2, 1, 4, 4))
    >>> [round(value, 4) for value in steepness.tolist()]
    [3.0, 3.0]
    """
    check_images(images)
    require(n > 0, f"n must be at least 1, got {n}")
    require(std >= 0 and (std > 0 or mean != 0), f"std must be positive where mean is 0, got std {std}")
    random = generator(seed)
    noise = torch.randn(n, *images.shape, generator=random, device=random.device).to(images) * std + mean
    before = explain(images)
    after = explain((images + noise).flatten(0, 1))
    require(
        len(before) == len(images) and len(after) == n * len(images),
        f"explain must return one explanation an image, {len(images)} of them, got {len(before)}",
    )
    moved = (after.unflatten(0, (n, len(images))) - before).flatten(2).norm(dim=2)
    return (moved / noise.flatten(2).norm(dim=2)).amax(0)


def graph_similarity(one: CausalGraph, other: CausalGraph) -> float:
    """Of the causes in either graph, the share that is in both (Jaccard), the input's channels left out; 1 for none."""
    first, second = one.nodes(), other.nodes()
    return len(first & second) / len(first | second) if first | second else 1.0
