"""Images made from what a layer remembers of them: the search for an image whose code is the given one."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.batches import check_finite
from netopsy.core.errors import InputError, require
from netopsy.core.layers import Layer, layer_names
from netopsy.core.modes import check_model
from netopsy.core.progress import Task
from netopsy.core.seeds import generator
from netopsy.core.shapes import Images
from netopsy.core.split import run_to
from netopsy.interpretability.cnn_visualization.penalties import (
    AlphaPenalty,
    Penalty,
    TotalVariation,
    Weight,
    check_weight,
)
from netopsy.interpretability.cnn_visualization.pixels import Bound, Limits, Pixels, pixels
from netopsy.interpretability.cnn_visualization.regularisers import Jitter
from netopsy.interpretability.gallery import gallery
from netopsy.interpretability.layer_maps import check_images

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Optimiser = Literal["adam", "momentum"]


@dataclass(frozen=True, eq=False)
class Inversion:
    """Images whose codes are close to the given ones."""

    images: Images
    """As the network wants them."""
    feature_error: Float[Tensor, "batch"]
    """``|code of the image - code|^2 / |code|^2``."""
    history: Float[Tensor, "steps batch"]
    """The feature error before each step, for the images as they were shown (jittered)."""

    def plot(self, titles: Sequence[str] = (), *, columns: int = 8) -> Figure:
        """The images, each from its darkest to its brightest value."""
        return gallery(self.images, titles, columns=columns)


@checked
def invert_representation(
    model: nn.Module,
    layer: Layer,
    reference: Images | None = None,
    *,
    code: Float[Tensor, "batch ..."] | None = None,
    shape: Sequence[int] | None = None,
    lambda_alpha: Weight = 0.0,
    alpha: float = 6.0,
    lambda_tv: Weight = 0.0,
    beta: float = 2.0,
    steps: int = 400,
    optimiser: Optimiser = "adam",
    lr: float = 0.02,
    jitter: Jitter | None = None,
    limits: Limits = (0.0, 1.0),
    mean: Bound | None = None,
    init: Images | None = None,
    noise: float = 0.1,
    seed: int | torch.Generator = 0,
) -> Inversion:
    """Images that a layer cannot tell from the reference, as natural as the penalties make them; all as one batch.

    Minimises ``|layer(x) - code|^2 / |code|^2 + lambda_alpha * sum |x - mean|^alpha + lambda_tv * R_V(x)`` for each
    image, with `total_variation` as R_V. Pixels count in shares of their range; `balanced_weights` gives weights that
    fit the image's size. A warning names the images at whose start the layer has no gradient: nothing leads from
    there to the code.

    Args:
        model: any network; it runs in evaluation mode and is left as it was.
        reference: images whose codes are inverted, ``[batch, channels, height, width]``; or give ``code``.
        code: what the layer puts out, ``[batch, ...]``, together with the ``shape`` ``(channels, height, width)`` of
            the images wanted.
        lambda_alpha, lambda_tv: weights, each a number or one a code.
        optimiser: Adam, or gradient descent with momentum 0.9; the rate ``lr`` falls linearly to 0 in both.
        jitter: rolls images before they are shown; the code is then only matched up to that.
        limits, mean: as in `netopsy.interpretability.cnn_visualization.maximise_activation`.
        init: images to start from; by default the mean and noise, with the norm of the reference about the mean.
        noise: the noise's standard deviation where there is no reference.

    Raises:
        InputError: an unknown layer, both or neither of reference and code, a code of another shape than the layer's
            output, a code of zeros, or errors that do not stay finite.

    Source: Mahendran and Vedaldi 2015, as Qin et al. 2018, section 4, report it; Adam and its rate are ours.

    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(16, 12), nn.ReLU(), nn.Linear(12, 3))
    >>> found = invert_representation(net, "1", torch.rand(5, 1, 4, 4), steps=100)
    >>> found.images.shape, bool((found.feature_error < 0.01).all())
    (torch.Size([5, 1, 4, 4]), True)
    """
    check_model(model)
    [name] = layer_names(model, [layer])
    require(isinstance(steps, int) and steps >= 1, f"steps must be an int of at least 1, got {steps!r}")
    require(lr > 0, f"lr must be positive, got {lr}")
    require(optimiser in ("adam", "momentum"), f"optimiser must be 'adam' or 'momentum', got {optimiser!r}")
    with torch.inference_mode(False):
        wanted, space = _wanted(model, name, reference, code, shape, limits, mean)
        sizes = wanted.flatten(1).square().sum(1)
    require(bool((sizes > 0).all()), f"code of layer {name!r} is zero for an image: nothing of it is left to invert")
    for argument, weight in (("lambda_alpha", lambda_alpha), ("lambda_tv", lambda_tv)):
        _check_weight(argument, weight, len(wanted))
    penalties: list[Penalty] = [AlphaPenalty(lambda_alpha, alpha), TotalVariation(lambda_tv, beta)]
    random = generator(seed)
    start = _start(space, reference, init, len(wanted), noise, random)
    offsets = jitter.offsets(steps, space.shape[1], random) if jitter is not None else []

    def error(images: Images) -> Tensor:
        return (run_to(model, name, space.shown(images)) - wanted).flatten(1).square().sum(1) / sizes

    history = []
    with torch.inference_mode(False), torch.enable_grad(), Task("inverting", steps) as task:
        here = start.detach().clone().requires_grad_()
        stepper = torch.optim.Adam([here], lr=lr) if optimiser == "adam" else torch.optim.SGD([here], lr, momentum=0.9)
        for number in range(steps):
            stepper.param_groups[0]["lr"] = lr * (1 - number / steps)
            errors = error(here if jitter is None else jitter(here, offsets[number]))
            if number == 0:
                _warn_of_dead(errors, here, name)
            loss = errors + sum(each(here, space.mean) for each in penalties if _active(each))
            (here.grad,) = torch.autograd.grad(loss.sum(), here)
            stepper.step()
            with torch.no_grad():
                here.copy_(space.clipped(here))
            history.append(errors.detach())
            task.advance()
        with torch.no_grad():
            final = error(here)
    require(bool(final.isfinite().all()), "the errors do not stay finite: lower lr or the weights of the penalties")
    return Inversion(space.shown(here.detach()), final, torch.stack(history))


def balanced_weights(
    strength: float, size: tuple[int, int], *, alpha: float = 6.0, beta: float = 2.0, span: float = 1.0
) -> dict[str, float]:
    """``lambda_alpha`` and ``lambda_tv`` of one strength for images of a size: per pixel, and in units of their span.

    ``strength / (height * width * span^alpha)`` and ``strength / (height * width * (span / 6.5)^beta)``: neither
    penalty grows with the image, and a typical natural image pays about as much for the one as for the other.

    Args:
        strength: deeper layers need more of it.
        size: height and width.
        span: what a pixel typically covers, in shares of its range.

    Source: Mahendran and Vedaldi 2016, as remembered; unconfirmed.

    >>> balanced_weights(1e-2, (10, 10), span=1.0)["lambda_alpha"]
    0.0001
    """
    height, width = size
    require(strength >= 0, f"strength must not be negative, got {strength}")
    require(height > 0 and width > 0, f"size must be height and width, got {size}")
    require(span > 0, f"span must be positive, got {span}")
    pixel = strength / (height * width)
    return {"lambda_alpha": pixel / span**alpha, "lambda_tv": pixel / (span / 6.5) ** beta}


def _warn_of_dead(errors: Tensor, start: Tensor, layer: str) -> None:
    (slope,) = torch.autograd.grad(errors.sum(), start, retain_graph=True)
    dead = ((slope.flatten(1) == 0).all(1) & (errors > 0)).nonzero().flatten().tolist()
    if dead:
        shown = ", ".join(map(str, dead[:8])) + (f" and {len(dead) - 8} more" if len(dead) > 8 else "")
        warnings.warn(
            f"layer {layer!r} has no gradient at the start of image {shown}, so that nothing of the code is found: "
            "give init= images at which the layer is not 0, or more noise",
            stacklevel=4,
        )


def _active(penalty: Penalty) -> bool:
    weight = penalty.weight
    return isinstance(weight, Tensor) or weight > 0


def _wanted(
    model: nn.Module,
    name: str,
    reference: Images | None,
    code: Tensor | None,
    shape: Sequence[int] | None,
    limits: Limits,
    mean: Bound | None,
) -> tuple[Tensor, Pixels]:
    if (reference is None) == (code is None):
        raise InputError("give either reference images or a code, not both and not neither")
    if reference is not None:
        check_images(reference)
        require(shape is None, "shape must be left out where reference images say it")
        space = pixels(model, tuple(reference.shape[1:]), limits, mean)
        with torch.no_grad():
            return run_to(model, name, reference.to(space.low.device)).detach(), space
    assert code is not None
    require(shape is not None, "shape (channels, height, width) must be given with a code")
    space = pixels(model, shape or (), limits, mean)
    with torch.no_grad():
        seen = run_to(model, name, space.shown(space.mean[None]))
    require(
        code.ndim == seen.ndim and code.shape[1:] == seen.shape[1:] and len(code) > 0,
        f"code must have the shape of what layer {name!r} puts out, [batch, {', '.join(map(str, seen.shape[1:]))}], "
        f"got {tuple(code.shape)}",
    )
    check_finite(code, "code")
    return code.detach().to(seen), space


def _start(
    space: Pixels,
    reference: Images | None,
    init: Images | None,
    count: int,
    noise: float,
    random: torch.Generator,
) -> Images:
    if init is not None:
        wanted = (count, *space.shape)
        require(tuple(init.shape) == wanted, f"init must have shape {wanted}, got {tuple(init.shape)}")
        return space.shares(init.detach())
    drawn = torch.randn(count, *space.shape, generator=random, device=random.device).to(space.low)
    if reference is None:
        return space.clipped(space.mean + noise * drawn)
    norms = (space.shares(reference.detach()) - space.mean).flatten(1).norm(dim=1) / drawn.flatten(1).norm(dim=1)
    return space.clipped(space.mean + norms[:, None, None, None] * drawn)


def _check_weight(argument: str, weight: Weight, count: int) -> None:
    values = torch.as_tensor(weight)
    require(
        values.ndim == 0 or values.shape == (count,),
        f"{argument} must be a number or one a code, [{count}], got {tuple(values.shape)}",
    )
    check_weight(argument, weight)
