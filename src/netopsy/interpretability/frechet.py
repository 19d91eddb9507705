"""How far sets of features are from one another, were each a Gaussian."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.errors import require


def frechet_distances(
    samples: Float[Tensor, "groups n features"], reference: Float[Tensor, "m features"]
) -> Float[Tensor, "groups"]:
    """The Fréchet distance of Gaussians fitted to each group of samples and to a reference, in double precision.

    ``|m - m'|^2 + tr(C + C' - 2 (C C')^1/2)``, never below 0.

    Raises:
        InputError: other features than the reference's, or fewer than two samples.

    Source: Dowson and Landau 1982; Heusel et al. 2017, equation 6, for activations.

    >>> reference = torch.tensor([[0.0], [2.0]])
    >>> frechet_distances(reference[None] + 3, reference).tolist()
    [9.0]
    """
    require(
        samples.ndim == 3 and reference.ndim == 2 and samples.shape[2] == reference.shape[1],
        f"both must be rows with as many channels, got {tuple(samples.shape[1:])} and {tuple(reference.shape)}",
    )
    require(min(samples.shape[1], len(reference)) >= 2, "both must have at least two rows each")
    mean, covariance = _moments(samples.double())
    wanted, target = _moments(reference.double()[None])
    values, vectors = torch.linalg.eigh(target[0])
    root = vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T
    # tr (C C')^1/2 is that of a symmetric matrix with the same eigenvalues.
    cross = torch.linalg.eigvalsh(root @ covariance @ root).clamp(min=0).sqrt().sum(1)
    spread = covariance.diagonal(dim1=1, dim2=2).sum(1) + target[0].trace()
    return (((mean - wanted) ** 2).sum(1) + spread - 2 * cross).clamp(min=0)


def _moments(samples: Tensor) -> tuple[Float[Tensor, "groups features"], Float[Tensor, "groups features features"]]:
    mean = samples.mean(1)
    centred = samples - mean[:, None]
    return mean, centred.mT @ centred / (samples.shape[1] - 1)
