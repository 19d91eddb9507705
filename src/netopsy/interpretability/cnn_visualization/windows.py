"""What filters answer to: windows on the images in which they are highest, and when those settle in training."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.shapes import Images
from netopsy.interpretability.cnn_visualization.deconvolution import crop_to_field, deconvnet
from netopsy.interpretability.receptive_field import ReceptiveField
from netopsy.interpretability.top_images import top_images

Windows = Float[Tensor, "units top channels rows columns"]


def projections(model: nn.Module, layer: str, images: Images, field: ReceptiveField) -> Float[Tensor, "units c y x"]:
    """Each filter's projection from the image in which it is highest."""
    return top_windows(model, layer, images, field, 1)[0][:, 0]


def top_windows(model: nn.Module, layer: str, images: Images, field: ReceptiveField, k: int) -> tuple[Windows, Windows]:
    """Each filter's projections from the ``k`` images in which it is highest, and those images: what its receptive
    field holds, 0 off the image's edge.
    """
    best = top_images(model, layer, images, k=k)
    chosen = images.to(best.indices.device)[best.indices.flatten()]
    units = torch.arange(len(best.indices), device=chosen.device).repeat_interleave(k)
    # The pattern counts and not the position, so each window stays centred on its field, over the edge as well.
    (height, width), (over, across) = field.image, field.size
    offset = (field.offset[0] + over, field.offset[1] + across)
    moved = ReceptiveField(field.size, field.stride, offset, (height + 2 * over, width + 2 * across))
    at = best.rows.flatten(), best.columns.flatten()
    wide = (F.pad(each, (across, across, over, over)) for each in (deconvnet(model, chosen, layer, units), chosen))
    projected, seen = (crop_to_field(each, moved, *at).unflatten(0, (-1, k)).cpu() for each in wide)
    return projected, seen


def cosines(looks: Float[Tensor, "looks units channels rows columns"]) -> Float[Tensor, "looks units"]:
    """Of each look with the last; 0 where a filter is silent, not a number where it is so in the end.

    >>> looks = torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])[:, None, None, None]
    >>> cosines(looks)[:, 0].round(decimals=2).tolist()
    [0.0, 0.71, 1.0]
    """
    flat = looks.flatten(2).double()
    length = flat.norm(dim=2)
    product = (flat * flat[-1]).sum(2) / (length * length[-1]).clamp(min=torch.finfo(torch.double).tiny)
    return product.where(length[-1] > 0, torch.nan)


def settling(alike: Float[Tensor, "looks units"], least: float) -> list[int | None]:
    """The first look from which on each filter stays as it will be; ``None`` for one that is silent in the end.

    >>> settling(torch.tensor([[0.2], [0.95], [1.0]]), 0.9)
    [1]
    """
    lasting = (alike >= least).long().flip(0).cumprod(0).sum(0).tolist()
    silent = alike[-1].isnan().tolist()
    return [None if none else len(alike) - last for last, none in zip(lasting, silent, strict=True)]
