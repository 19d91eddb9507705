"""How far a saliency method depends on the class it is asked about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import require
from netopsy.core.modes import evaluating, running_on
from netopsy.core.outputs import single_output
from netopsy.core.shapes import Images
from netopsy.interpretability.layer_maps import LayerMaps, check_images, each_layer

Scores = Float[Tensor, "batch"]
SaliencyMethod = Callable[..., LayerMaps]
"""Called as ``method(model, images, target, **options)``."""


@checked
def class_sensitivity(
    method: SaliencyMethod, model: nn.Module, images: Images, **options: Any
) -> Scores | dict[str, Scores]:
    """Spearman's correlation, image by image, of the maps for the most and the least likely class.

    Near 0 the method tells the classes apart; near 1 it shows the same whatever it is asked. Where a map is constant,
    or holds values that are not finite, there is no correlation and the entry is NaN: take ``scores.nanmean()`` and
    say ``scores.isnan().sum()``.

    Args:
        method: a saliency method of this module, or any ``method(model, images, target, **options)`` that gives maps.
        options: handed on to it, such as ``layer=``.

    Returns:
        ``[batch]``, or a dict from layer name to such where the method gives one.

    Raises:
        InputError: an output other than ``[batch, classes]`` with at least two classes.

    Source: Rebuffi et al. 2020, on class sensitivity (place in the paper unconfirmed).

    >>> from netopsy.interpretability.norm_grad import norm_grad
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    >>> scores = class_sensitivity(norm_grad, net, torch.rand(2, 1, 8, 8), layer="1")
    >>> bool((scores > 0.999).all())  # global pooling follows: blind to the class
    True
    """
    require(callable(method), f"method must be a saliency method, got {type(method).__name__}")
    check_images(images)
    with evaluating(model), torch.no_grad(), running_on(images, model):
        outputs = single_output(model(images))
    require(
        outputs.ndim == 2 and outputs.shape[1] >= 2,
        f"model must give [batch, classes] with at least two classes, got {tuple(outputs.shape)}",
    )
    most, least = (method(model, images, chosen, **options) for chosen in (outputs.argmax(1), outputs.argmin(1)))
    return each_layer(lambda a, b: rank_correlation(a.flatten(1), b.flatten(1)), most, least)


def rank_correlation(ours: Float[Tensor, "batch n"], theirs: Float[Tensor, "batch n"]) -> Scores:
    """Spearman's correlation of each pair of rows, float64 ``[batch]``; equal values share their mean rank.

    A row that is constant or not finite gives NaN.

    >>> rank_correlation(torch.tensor([[1.0, 2.0, 9.0]]), torch.tensor([[5.0, 4.0, 0.0]]))
    tensor([-1.], dtype=torch.float64)
    """
    require(
        ours.ndim == 2 and ours.shape == theirs.shape,
        f"both must have one shape [batch, n], got {tuple(ours.shape)} and {tuple(theirs.shape)}",
    )
    first, second = (_ranks(values) for values in (ours, theirs))
    first, second = (ranks - ranks.mean(1, keepdim=True) for ranks in (first, second))
    spread = (first.square().sum(1) * second.square().sum(1)).sqrt()
    correlation = (first * second).sum(1) / spread
    finite = ours.isfinite().all(1) & theirs.isfinite().all(1)
    return torch.where(finite & (spread > 0), correlation.clamp(-1, 1), torch.nan)


def _ranks(values: Float[Tensor, "batch n"]) -> Float[Tensor, "batch n"]:
    """Twice the rank but for a constant: how many are smaller plus how many are not larger."""
    ordered, values = values.sort(1).values, values.contiguous()
    smaller = torch.searchsorted(ordered, values)
    return (smaller + torch.searchsorted(ordered, values, right=True)).double()
