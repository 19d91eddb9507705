"""Layers of any shape as rows of channels, and images cut into patches."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from netopsy.core.errors import InputError, require
from netopsy.core.shapes import Images


def channels_last(activations: Tensor, layer: str) -> Float[Tensor, "batch *positions channels"]:
    """A layer's output with its channels as the last axis: those of a grid move there, of tokens they are there."""
    if activations.ndim == 4:
        return activations.movedim(1, -1)
    if activations.ndim in (2, 3):
        return activations
    raise InputError(
        f"layer {layer!r} gives {tuple(activations.shape)}; wanted is [batch, channels], [batch, tokens, channels] or "
        "[batch, channels, rows, columns]"
    )


def as_the_layer(activations: Float[Tensor, "batch *positions channels"]) -> Tensor:
    """What `channels_last` came from."""
    return activations.movedim(-1, 1) if activations.ndim == 4 else activations


def patches(images: Images, size: int, *, stride: int | None = None) -> Float[Tensor, "crops channels height width"]:
    """Square crops of ``size`` pixels at every ``stride``, each enlarged to the size of the images.

    Args:
        stride: 0.8 of the size unless given.

    Returns:
        ``[batch * crops, channels, height, width]``, the crops of an image on end.

    Source: CRAFT (Fel et al. 2023, CVPR), section 3; its reference code for the stride.

    >>> import torch
    >>> patches(torch.rand(2, 3, 10, 10), 5).shape
    torch.Size([8, 3, 10, 10])
    """
    height, width = images.shape[2:]
    require(
        isinstance(size, int) and not isinstance(size, bool) and 1 <= size <= min(height, width),
        f"patch_size must be an int from 1 to {min(height, width)} for images of {height}x{width}, got {size!r}",
    )
    stride = max(1, int(0.8 * size)) if stride is None else stride
    require(stride >= 1, f"stride must be at least 1, got {stride}")
    cut = images.unfold(2, size, stride).unfold(3, size, stride)
    crops = cut.permute(0, 2, 3, 1, 4, 5).flatten(0, 2)
    return functional.interpolate(crops, (height, width), mode="bilinear", align_corners=False)


def pooled(activations: Float[Tensor, "batch *positions channels"]) -> Float[Tensor, "batch channels"]:
    """The mean over positions."""
    return activations.flatten(1, -2).mean(1) if activations.ndim > 2 else activations


def upsampled_codes(
    codes: Float[Tensor, "batch concepts rows columns"], size: tuple[int, int]
) -> Float[Tensor, "batch concepts height width"]:
    """Codes of a grid at the size of the image, bilinear."""
    return functional.interpolate(codes, size, mode="bilinear", align_corners=False)
