"""Several layers' maps as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, UnknownNameError, require
from netopsy.core.masks import check_tensors
from netopsy.core.shapes import Maps
from netopsy.interpretability.maps import constant, rescaled

Weights = Literal["uniform", "linear"] | Mapping[str, float]


@checked
def combine_layers(
    maps: Mapping[str, Maps], weights: Weights | None = None, mode: Literal["product", "sum"] = "product"
) -> Maps:
    """The maps of several layers as one: their weighted geometric (or arithmetic) mean.

    Every map is first made to run from 0 to 1; then it is ``prod_l m_l ^ (w_l / sum w)``, or the sum of
    ``(w_l / sum w) m_l``. A layer whose map is constant says nothing about where: for that image it is left out
    rather than making the product zero everywhere. An image for which all are constant gets zeros.

    Args:
        maps: layer name to maps ``[batch, height, width]``, all of one shape (as they are with ``resize=True``), first
            layer first.
        weights: ``"uniform"`` (also ``None``), ``"linear"`` for weights that rise with depth, 1/L to 1, or a number at
            least 0 for each layer (the paper takes such from the spread of activations or from linear probes;
            unconfirmed). With uniform weights the product ranks locations as the product with all exponents 1 does.
        mode: ``"product"`` or ``"sum"``.

    Raises:
        InputError: no maps, shapes that differ, weights that do not name the layers or are all 0, an unknown mode.

    Source: Rebuffi et al. 2020, on combining layers (place in the paper unconfirmed).

    >>> early, late = torch.tensor([[[0.0, 1.0, 4.0]]]), torch.tensor([[[0.0, 1.0, 1.0]]])
    >>> combine_layers({"early": early, "late": late})
    tensor([[[0.0000, 0.5000, 1.0000]]])
    """
    if mode not in ("product", "sum"):
        raise UnknownNameError("mode", mode, ("product", "sum"))
    check_tensors("maps", maps)
    shapes = {tuple(one.shape) for one in maps.values()}
    require(maps, "maps must hold the maps of at least one layer, got none")
    require(len(shapes) == 1, f"maps must have one shape (ask for them with resize=True), got {sorted(shapes)}")
    share = _shares(list(maps), weights)
    for name, one in maps.items():
        require(one.isfinite().all(), f"maps[{name!r}] must be finite, got NaN or infinity")
    stack = torch.stack([rescaled(one) for one in maps.values()])
    telling = ~torch.stack([constant(one) for one in maps.values()])
    per_image = stack.new_tensor(share)[:, None] * telling
    total = per_image.sum(0)
    exponents = (per_image / torch.where(total > 0, total, 1))[:, :, None, None]
    combined = stack.pow(exponents).prod(0) if mode == "product" else (stack * exponents).sum(0)
    return torch.where((total > 0)[:, None, None], combined, 0)


def _shares(layers: list[str], weights: Weights | None) -> list[float]:
    if weights is None or weights == "uniform":
        return [1.0] * len(layers)
    if weights == "linear":
        return [(position + 1) / len(layers) for position in range(len(layers))]
    if not isinstance(weights, Mapping) or not all(isinstance(one, int | float) for one in weights.values()):
        raise InputError(f"weights must be 'uniform', 'linear' or a number for each layer, got {weights!r}")
    require(set(weights) == set(layers), f"weights must name the layers {layers}, got {list(weights)}")
    share = [float(weights[layer]) for layer in layers]
    require(
        all(0 <= one < float("inf") for one in share) and sum(share) > 0,
        f"weights must be finite, at least 0 and not all 0, got {share}",
    )
    return share
