"""Gradient ascent on the probability of a class, in steps that ask for a fixed progress."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from netopsy.core.arguments import checked, checked_class
from netopsy.core.errors import require
from netopsy.core.modes import evaluating, frozen, running_on
from netopsy.core.outputs import single_output
from netopsy.core.progress import track
from netopsy.core.scores import kind_of, log_of
from netopsy.core.seeds import generator
from netopsy.core.shapes import Images
from netopsy.robustness.checks import Bounds, check_bounds, check_class, check_images
from netopsy.robustness.fooling_images.direct import check_shape
from netopsy.robustness.fooling_images.evolution import FoolingImages, home_of
from netopsy.robustness.queries import Classifier

HALF = (torch.float16, torch.bfloat16)
PIXEL = 255.0
"""Values from black to white on which the paper's step and noise are given."""


@dataclass(frozen=True, eq=False)
class AscendedImages(FoolingImages):
    """Images found by gradient ascent; the history is that of the probability at each step, before it is taken."""

    answered: Int[Tensor, "n"]
    """The first step at which the classifier answers with the class; -1 where it never does."""
    progress: Float[Tensor, "steps n"]
    """The gain in probability that each step is to bring to first order, ``lr |g|^2``."""


@checked_class
@dataclass(frozen=True)
class Smoothing:
    """What keeps ascended images smooth, between steps.

    Raises:
        InputError: ``every`` below 1, a negative radius, a share outside 0 to 1.
    """

    every: int = 1
    """Steps between two blurs."""
    radius: float | int = 0.0
    """Standard deviation of the Gaussian blur, in pixels; none below 0.3."""
    drop: float | int = 0.0
    """Share of the pixels, those that differ least from the mean image, that are set back to it at each step."""

    def __post_init__(self) -> None:
        require(self.every >= 1, f"every must be at least 1, got {self.every}")
        fine = 0 <= self.radius < math.inf
        require(fine, f"radius must be a finite number that is not negative, got {self.radius}")
        require(0 <= self.drop <= 1, f"drop must lie within 0 and 1, got {self.drop}")


@checked
def ascend_fooling_images(
    model: Classifier,
    shape: tuple[int, int, int],
    classes: Sequence[int],
    *,
    steps: int = 300,
    decay: float | int = 0.01,
    early: float | int = 0.03,
    late: float | int = 0.1,
    largest_rate: float | int = 1e12,
    mean: Float[Tensor, "channels height width"] | None = None,
    smoothing: Smoothing | None = None,
    bounds: Bounds = (0, 1),
    seed: int | torch.Generator = 0,
) -> AscendedImages:
    """For each class, an image whose probability of that class was raised by its gradient, all in one batch.

    From the mean image and a little noise (one 255th of the range), each step clips to valid pixels, takes the gradient
    g of the class's softmax probability p, moves by ``lr g`` with ``lr |g|^2 = min(early, late (1 - p))``, and shrinks
    what differs from the mean by ``decay``. An image whose gradient is 0 stays as it is.

    Args:
        model: a network or a function that can be differentiated, to scores or probabilities. It is left as it was.
        shape: channels, height and width.
        classes: one image each; a class may stand there more than once.
        steps: 300 in the paper; without regularisation (``decay=0, early=0.02``) 500.
        largest_rate: bound of lr, for pixels from 0 to 255.
        mean: the mean image of the data; by default the middle between black and white.
        bounds: black and white, as the classifier takes them.

    Raises:
        InputError: a model that cannot be differentiated, a class that it does not have, a mean of another shape,
            numbers that cannot be used.

    Source: Nguyen et al. 2015, section 3.9 (numbers of the published code).

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    >>> found = ascend_fooling_images(net, (1, 4, 4), [0, 2], steps=20)
    >>> bool((found.confidence > found.history[0]).all())
    True
    """
    check_shape(shape)
    low, high = check_bounds(bounds)
    _check(model, steps, (decay, early, late, largest_rate))
    require(len(classes) > 0, "classes must name at least one")
    for number in classes:
        check_class(number, name="classes")
    device, dtype = home_of(model)
    centre = torch.full(shape, (low + high) / 2) if mean is None else mean.float() if mean.dtype in HALF else mean
    require(centre.shape == torch.Size(shape), f"mean must have shape {tuple(shape)}, got {tuple(centre.shape)}")
    check_images(centre[None], (low, high), "mean")
    # Steps and squares of gradients are out of the range of half precision.
    centre = centre.to(device, torch.float64 if dtype == torch.float64 else torch.float32)
    numbers = torch.tensor([int(number) for number in classes], device=device)
    noise = torch.randn(len(numbers), *shape, generator=generator(seed)).to(centre)
    images = centre + noise * (high - low) / PIXEL
    rate = largest_rate * ((high - low) / PIXEL) ** 2
    history, gains, answers = [], [], []
    moving = torch.ones(len(numbers), dtype=torch.bool, device=device)
    for step in track(range(steps), "ascending"):
        images = images.clamp(low, high)
        gradient, sure, right = _gradient(model, images, numbers, dtype)
        size = gradient.flatten(1).square().sum(1)
        moving = moving & (size > 0)
        wanted = torch.minimum(torch.full_like(sure, early), late * (1 - sure))
        lr = torch.where(moving, (wanted / size.where(moving, 1.0)).clamp_max(rate), 0)
        moved = images + lr[:, None, None, None] * gradient
        moved = centre + _smooth((1 - decay) * (moved - centre), smoothing, step)
        images = torch.where(moving[:, None, None, None], moved, images)
        history.append(sure)
        gains.append(lr * size)
        answers.append(right)
    images = images.clamp(low, high)
    _, sure, right = _gradient(model, images, numbers, dtype)
    history.append(sure)
    hit = torch.stack([*answers, right]).cpu()
    return AscendedImages(
        images.to(dtype).cpu(),
        numbers.cpu(),
        sure.cpu(),
        torch.stack(history).cpu(),
        len(numbers) * (steps + 1),
        torch.where(hit.any(0), hit.int().argmax(0), -1),
        torch.stack(gains).cpu(),
    )


def _check(model: object, steps: int, numbers: tuple[float | int, ...]) -> None:
    require(
        callable(model) and not isinstance(model, type),
        f"model must be a network or a function from images to class scores, got {type(model).__name__}",
    )
    require(steps >= 1, f"steps must be at least 1, got {steps}")
    for name, number in zip(("decay", "early", "late", "largest_rate"), numbers, strict=True):
        require(number >= 0, f"{name} must not be negative, got {number}")
    require(numbers[0] <= 1, f"decay must be at most 1, got {numbers[0]}")


def _gradient(model: Classifier, images: Images, classes: Tensor, dtype: torch.dtype) -> tuple[Images, Tensor, Tensor]:
    """The gradient of each image's probability of its class, that probability, and whether it is the answer."""
    with torch.inference_mode(False), torch.enable_grad(), ExitStack() as stack:
        # Clones: what was made in inference mode cannot be differentiated.
        given, classes = images.detach().clone().requires_grad_(), classes.clone()
        if isinstance(model, nn.Module):
            stack.enter_context(evaluating(model))
            stack.enter_context(frozen(model))
        stack.enter_context(running_on(given[:1].to(dtype), model if isinstance(model, nn.Module) else None))
        scores = single_output(model(given.to(dtype)))
        require(
            isinstance(scores, Tensor) and scores.ndim == 2 and len(scores) == len(images) and scores.shape[1] >= 2,
            f"the classifier must return scores [batch, classes] of two classes or more, got {tuple(scores.shape)}",
        )
        check_class(int(classes.max()), scores.shape[1], "classes")
        require(
            scores.requires_grad, "model must be differentiable, and its scores do not depend on the images' values"
        )
        wide = scores.to(images.dtype)
        logits = log_of(wide) if kind_of(scores.detach()) == "probabilities" else wide
        sure = logits.softmax(1).gather(1, classes[:, None])[:, 0]
        (gradient,) = torch.autograd.grad(sure.sum(), given)
    require(bool(gradient.isfinite().all()), "the gradient of the classifier must be finite")
    return gradient, sure.detach(), scores.detach().argmax(1) == classes


def _smooth(apart: Images, smoothing: Smoothing | None, step: int) -> Images:
    """What differs from the mean image, blurred, without its smallest pixels."""
    if smoothing is None:
        return apart
    if smoothing.radius >= 0.3 and (step + 1) % smoothing.every == 0:
        reach = max(1, round(3 * smoothing.radius))
        at = torch.arange(-reach, reach + 1).to(apart)
        weights = torch.exp(-0.5 * (at / smoothing.radius) ** 2)
        row = (weights / weights.sum()).expand(apart.shape[1], 1, 1, -1)
        for kernel in (row, row.mT):
            padding = (kernel.shape[3] // 2,) * 2 + (kernel.shape[2] // 2,) * 2
            apart = F.conv2d(F.pad(apart, padding, mode="replicate"), kernel, groups=apart.shape[1])
    if smoothing.drop > 0:
        norms = apart.norm(dim=1, keepdim=True)
        limits = torch.stack([each.quantile(smoothing.drop) for each in norms])
        apart = apart * (norms >= limits[:, None, None, None])
    return apart
