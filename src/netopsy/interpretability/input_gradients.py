"""The plain attributions by gradients of the input, with which methods are compared."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.capture import layer_gradients
from netopsy.core.errors import require
from netopsy.core.layers import INPUT
from netopsy.core.seeds import generator
from netopsy.core.shapes import Images
from netopsy.core.targets import Target
from netopsy.interpretability.layer_maps import check_images

_TOGETHER = 512
"""Images that go through the network together."""


def input_gradient(model: nn.Module, images: Images, target: Target) -> Images:
    """The derivative of the target with respect to the image, ``[batch, channels, height, width]``.

    Source: Simonyan et al. 2014 (arXiv 1312.6034), Sec. 3.
    """
    check_images(images)
    parts = [
        layer_gradients(model, some, _part(target, position, len(some)), INPUT).gradients[INPUT]
        for position, some in zip(range(0, len(images), _TOGETHER), images.split(_TOGETHER), strict=True)
    ]
    return torch.cat(parts)


def input_times_gradient(model: nn.Module, images: Images, target: Target) -> Images:
    """Image times gradient, signed.

    Source: Shrikumar et al. 2016 (arXiv 1605.01713).
    """
    return images * input_gradient(model, images, target)


def integrated_gradients(
    model: nn.Module, images: Images, target: Target, *, baseline: Tensor | float = 0.0, steps: int = 50
) -> Images:
    """Image less baseline times the mean gradient on the straight line between, signed.

    The mean is taken at the midpoints of ``steps`` equal parts, so what adds up to the target's difference between
    image and baseline does so up to the error of that rule.

    Args:
        baseline: a number, or a tensor that broadcasts against the images.

    Source: Sundararajan et al. 2017 (arXiv 1703.01365), Sec. 3.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(4, 2))
    >>> image = torch.rand(1, 1, 2, 2)
    >>> found = integrated_gradients(net, image, 1)
    >>> torch.allclose(found.sum(), (net(image) - net(0 * image))[0, 1], atol=1e-6)
    True
    """
    check_images(images)
    require(steps > 0, f"steps must be at least 1, got {steps}")
    difference = images - baseline
    positions = (torch.arange(steps, dtype=images.dtype, device=images.device) + 0.5) / steps
    points = images - (1 - positions.reshape(-1, 1, 1, 1, 1)) * difference
    return difference * _mean_gradient(model, points, target)


def gradient_shap(
    model: nn.Module,
    images: Images,
    target: Target,
    *,
    baselines: Float[Tensor, "baselines channels height width"],
    n: int = 5,
    std: float = 0.0,
    paired: bool = False,
    seed: int | torch.Generator = 0,
) -> Images:
    """The mean over ``n`` draws of image less baseline times the gradient at a random point between, signed.

    Args:
        baselines: images of which each draw takes one.
        std: of normal noise that each draw adds to the image.
        paired: the same draws for every image, so that the maps of two images differ by the images alone.

    Source: Lundberg and Lee 2017 (arXiv 1705.07874) in the form that Captum has.
    """
    check_images(images)
    require(len(baselines) > 0 and baselines.shape[1:] == images.shape[1:], "baselines must be images like the others")
    require(n > 0, f"n must be at least 1, got {n}")
    random = generator(seed)
    shape = (n, 1 if paired else len(images))
    noise = torch.randn(*shape, *images.shape[1:], generator=random, device=random.device).to(images) * std
    which = torch.randint(len(baselines), shape, generator=random, device=random.device).to(baselines.device)
    positions = torch.rand(*shape, 1, 1, 1, generator=random, device=random.device).to(images)
    noisy, chosen = images + noise, baselines[which].to(images)
    points = chosen + positions * (noisy - chosen)
    return _mean_gradient(model, points, target, noisy - chosen)


def _mean_gradient(model: nn.Module, points: Tensor, target: Target, weights: Tensor | None = None) -> Tensor:
    """The mean over the first axis of the gradients at ``points`` (times ``weights``, where given)."""
    count = len(points)
    if isinstance(target, Tensor) and target.ndim == 1:
        target = target.repeat(count)
    gradients = input_gradient(model, points.flatten(0, 1), target).reshape(points.shape)
    return (gradients if weights is None else gradients * weights).mean(0)


def _part(target: Target, start: int, count: int) -> Target:
    return target[start : start + count] if isinstance(target, Tensor) and target.ndim == 1 else target


def attribution_map(attributions: Images) -> Float[Tensor, "batch height width"]:
    """One number a position: the absolute values added over the channels.

    >>> attribution_map(torch.tensor([[[[1.0]], [[-2.0]]]])).tolist()
    [[[3.0]]]
    """
    return attributions.abs().sum(1)
