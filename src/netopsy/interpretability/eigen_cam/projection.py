"""Activations projected on their principal directions."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.linalg import vector_norm

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.shapes import Activations, Images, Maps
from netopsy.interpretability.eigen_cam.leading import leading
from netopsy.interpretability.overlay import overlay

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SignRule = Literal["channels", "energy"]
_TIE = 1e-3


@dataclass(frozen=True, eq=False)
class PrincipalMaps:
    """The projections of a layer's positions on its first principal directions, and how much they say."""

    projections: Float[Tensor, "batch components rows columns"]
    """How far each position lies along each direction, with its sign; squares add up to the squared singular value."""
    vectors: Float[Tensor, "batch components channels"]
    """The directions, of length 1; zeros where the singular value is 0."""
    singular_values: Float[Tensor, "batch components"]
    explained: Float[Tensor, "batch"]
    """Share of the first direction in the sum of squares of the activations; 0 where all are 0."""
    gap: Float[Tensor, "batch"]
    """1 less the ratio of the second singular value to the first: near 0, the direction is arbitrary."""
    sign_rule: tuple[SignRule, ...]
    """How the sign of each image's first direction was chosen; see `eigen_cam_from_activations`."""

    @property
    def maps(self) -> Maps:
        """The first projection cut off below zero or, for several components, the root of the sum of squares."""
        if self.projections.shape[1] == 1:
            return self.projections[:, 0].relu()
        return vector_norm(self.projections, dim=1)

    def plot(self, images: Images, ax: Axes | Iterable[Axes] | None = None) -> Figure:
        """The maps over the images they belong to."""
        return overlay(images, self.maps, ax)


@checked
def eigen_cam_from_activations(activations: Activations, *, centre: bool = False, components: int = 1) -> PrincipalMaps:
    """Eigen-CAM of activations that are already there: the projection on the first right singular vectors.

    With O the positions of one image as rows and the channels as columns, ``O = U S V^T`` and the map is ``O V[:, 0]``.
    The paper does not centre O. What is decomposed is the smaller of ``O^T O`` and ``O O^T``, for all images at once.

    A singular vector has no sign of its own. Where O has no negative entry (behind a ReLU), its entries are made to add
    up to a positive number (rule "channels"), and the projection is non-negative. Elsewhere, and with ``centre``, the
    projection is made to rise with the length of the activations over positions (rule "energy").

    Args:
        activations: ``[batch, channels, rows, columns]`` with at least two positions; half precision is computed in
            float32.
        centre: take off each channel's mean over positions first: true principal components.
        components: how many directions, at most as many as channels and as positions.

    Raises:
        InputError: not four axes, a single position, values that are not finite, too many components.

    Warns:
        UserWarning: the first two singular values of an image are equal but for a thousandth.

    Source: Muhammad and Yeasin 2020 (place in the paper unconfirmed); the sign rule is ours.

    >>> position = torch.tensor([[1.0, 0.0], [2.0, 0.0]])
    >>> seen = eigen_cam_from_activations(torch.stack([3 * position, 0 * position, 4 * position])[None])
    >>> seen.maps.abs(), seen.vectors.abs()
    (tensor([[[ 5.,  0.],
             [10.,  0.]]]), tensor([[[0.6000, 0.0000, 0.8000]]]))
    """
    _check(activations, components)
    batch, _, *grid = activations.shape
    values = activations.detach().flatten(2)
    values = values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
    low, high = values.flatten(1).amin(1), values.flatten(1).amax(1)  # much faster than torch.aminmax over an axis
    scale = torch.maximum(low.abs(), high.abs())
    require(torch.isfinite(scale).all(), "activations hold NaN or infinite values; they must be finite")
    # To a largest entry of 1, so that squares neither overflow nor vanish.
    unit = torch.where(scale > 0, scale, 1)
    channels_by_places = values / unit[:, None, None]
    energy = vector_norm(channels_by_places, dim=1)
    if centre:
        channels_by_places = channels_by_places - channels_by_places.mean(2, keepdim=True)
    projections, vectors, singular = _principal(channels_by_places, components)
    by_channels = (low >= 0) & (not centre)
    sign = torch.where(by_channels[:, None], vectors.sum(1), torch.einsum("bpk,bp->bk", projections, energy)) < 0
    sign[:, 1:] = torch.einsum("bpk,bp->bk", projections, energy)[:, 1:] < 0
    turn = 1 - 2 * sign.to(values.dtype)[:, None]
    first, total = singular[:, 0], vector_norm(channels_by_places.flatten(1), dim=1)
    second = singular[:, 1] if singular.shape[1] > 1 else torch.zeros_like(first)
    something = first > 0
    gap = torch.where(something, 1 - second / torch.where(something, first, 1), 0)
    if bool((something & (gap < _TIE)).any()):
        warnings.warn(
            "the first two singular values of an image are nearly equal, so its map is arbitrary: look at .gap",
            stacklevel=2,
        )
    return PrincipalMaps(
        projections=(projections * turn * unit[:, None, None])[..., :components]
        .mT.reshape(batch, components, *grid)
        .contiguous(),
        vectors=(vectors * turn)[..., :components].mT.contiguous(),
        singular_values=(singular * unit[:, None])[:, :components],
        explained=torch.where(something, (first / torch.where(something, total, 1)) ** 2, 0),
        gap=gap,
        sign_rule=tuple("channels" if one else "energy" for one in by_channels.tolist()),
    )


def _principal(
    values: Float[Tensor, "batch channels positions"], components: int
) -> tuple[Float[Tensor, "batch positions kept"], Float[Tensor, "batch channels kept"], Float[Tensor, "batch kept"]]:
    """Projections, directions and singular values of the first directions and, where there is one, the next."""
    _, channels, positions = values.shape
    kept = min(components + 1, channels, positions)
    if channels <= positions:
        _, vectors = leading(values @ values.mT, kept, components)
        projections = values.mT @ vectors
        return projections, vectors * (projections != 0).any(1, keepdim=True), vector_norm(projections, dim=1)
    _, sides = leading(values.mT @ values, kept, components)
    vectors = values @ sides
    singular = vector_norm(vectors, dim=1)
    real = singular > torch.finfo(values.dtype).eps * singular[:, :1]
    vectors = torch.where(real[:, None], vectors / torch.where(real, singular, 1)[:, None], 0)
    return sides * singular[:, None], vectors, singular


def _check(activations: object, components: object) -> None:
    got = tuple(activations.shape) if isinstance(activations, Tensor) else type(activations).__name__
    require(
        isinstance(activations, Tensor) and activations.ndim == 4 and activations.numel() > 0,
        f"activations must be [batch, channels, rows, columns] with at least one entry, got {got}",
    )
    assert isinstance(activations, Tensor)
    require(activations.is_floating_point(), f"activations must be float, got {activations.dtype}")
    positions = activations.shape[2] * activations.shape[3]
    require(
        positions > 1, "activations have a single position, so there is nothing to tell apart: choose an earlier layer"
    )
    most = min(activations.shape[1], positions)
    require(
        isinstance(components, int) and not isinstance(components, bool) and 1 <= components <= most,
        f"components must be an int from 1 to {most} for {activations.shape[1]} channels at {positions} positions, "
        f"got {components!r}",
    )
