"""Images made to order: the input for which a unit, a class or any number of the outputs is as large as possible."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.core.modes import check_model, evaluating, frozen
from netopsy.core.progress import Task
from netopsy.core.seeds import generator
from netopsy.core.shapes import Images
from netopsy.interpretability.cnn_visualization.objectives import LayerUnits, Objective, Targets, targets
from netopsy.interpretability.cnn_visualization.penalties import Penalty, TotalVariation
from netopsy.interpretability.cnn_visualization.pixels import Bound, Limits, Pixels, pixels
from netopsy.interpretability.cnn_visualization.regularisers import GaussianBlur, Jitter, Regulariser, Step
from netopsy.interpretability.cnn_visualization.upconv import UpconvNet
from netopsy.interpretability.gallery import gallery
from netopsy.interpretability.layer_maps import Reshape

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_RESTARTS, _NOISE = 8, 0.1
IMAGE_PRIORS: tuple[Regulariser, ...] = (GaussianBlur(), TotalVariation(), Jitter())
"""Blur, total variation and jitter: what makes images of most networks readable."""


@dataclass(frozen=True, eq=False)
class GeneratorPrior:
    """Only images that a generator can make are searched: its code is what is optimised.

    The code starts at random, normal with ``sd``, and no entry leaves ``bound`` standard deviations.

    Source: Nguyen et al. 2016, as the survey reports it.
    """

    generator: nn.Module
    """From codes ``[batch, *code]`` to images as the network wants them."""
    code: Sequence[int]
    """The shape of one code."""
    sd: float = 1.0
    bound: float = 3.0

    @classmethod
    def of(cls, decoder: UpconvNet, *, limits: tuple[float, float] = (0.0, 1.0)) -> GeneratorPrior:
        """A decoder of a layer as the generator: codes are standardised over those it was trained on, and images held
        within ``limits``.

        >>> from netopsy.interpretability.cnn_visualization.upconv import UpconvNet
        >>> GeneratorPrior.of(UpconvNet((8,), (1, 16, 16))).code
        (8,)
        """
        return cls(_FromStandardCodes(decoder, limits), decoder.code_shape)


class _FromStandardCodes(nn.Module):
    def __init__(self, decoder: UpconvNet, limits: tuple[float, float]) -> None:
        super().__init__()
        self.decoder, self.limits = decoder, limits

    def forward(self, codes: Tensor) -> Images:
        images: Images = self.decoder(codes * self.decoder.code_scale + self.decoder.code_mean)
        return images.clamp(*self.limits)


@dataclass(frozen=True, eq=False)
class Preferred:
    """Images that targets prefer, several starts a target."""

    images: Float[Tensor, "targets starts channels height width"]
    """As the network wants them."""
    values: Float[Tensor, "targets starts"]
    """What was maximised, for these images."""
    trace: Float[Tensor, "steps targets starts"]
    """The same before each step, for the images as they were shown (jittered)."""
    units: tuple[int, ...]
    """Which class or unit each target is; 0 for a function."""
    dead: Bool[Tensor, "targets starts"]
    """Which had no gradient at any start that was tried: these images are noise and say nothing of the target."""

    def best(self) -> Images:
        """Of each target the image with the largest value, ``[targets, channels, height, width]``.

        Images of dead starts count only where there are no others.
        """
        alive = self.values.masked_fill(self.dead & ~self.dead.all(1, keepdim=True), -torch.inf)
        return self.images[torch.arange(len(self.images)), alive.argmax(1)]

    def plot(self, titles: Sequence[str] = (), *, columns: int = 8) -> Figure:
        """The best image of each target, from its darkest to its brightest value."""
        off = self.dead.all(1).tolist()
        own = [f"unit {unit} (dead)" if dead else f"unit {unit}" for unit, dead in zip(self.units, off, strict=True)]
        return gallery(self.best(), titles or own, columns=columns)


@checked
def maximise_activation(
    model: nn.Module,
    target: Objective,
    shape: Sequence[int],
    *,
    steps: int = 300,
    lr: float = 0.05,
    regularisers: Sequence[Regulariser] = (),
    limits: Limits = (0.0, 1.0),
    mean: Bound | None = None,
    starts: int = 1,
    init: Images | None = None,
    noise: float = 0.1,
    prior: GeneratorPrior | None = None,
    normalise_gradient: bool = True,
    reshape: Reshape | None = None,
    batch_size: int = 256,
    seed: int | torch.Generator = 0,
) -> Preferred:
    """Images that maximise ``target`` less the penalties, by gradient ascent; all targets and starts as one batch.

    Steps, noise and penalties are in shares of the range of a pixel, so the same numbers do for images from 0 to 1 and
    for standardised ones.

    A unit behind a ReLU that is off for its start has no gradient to follow. It is then started again from other,
    stronger noise, up to eight times (not where ``init`` says where to start); where that does not help, a warning
    names it, and `Preferred.dead` marks it. The layer before the ReLU has a gradient everywhere.

    Args:
        model: any network; it runs in evaluation mode and is left as it was.
        target: a class or several (scores before softmax), `LayerUnits`, or a function from the output to one number an
            image.
        shape: of one image, ``(channels, height, width)``.
        lr: share of the range that a pixel moves in a step, in root mean square over the image.
        regularisers: penalties, corrections and jitter, used in this order; by default none (`IMAGE_PRIORS`).
        limits: the lowest and the highest value a pixel may have, each a number or ``[channels, 1, 1]``.
        mean: the image to start from and to fade into, in the network's values; by default the middle of the limits.
        starts: images a target, each from noise of its own.
        init: images ``[starts, channels, height, width]`` to start from instead, the same for every target.
        noise: standard deviation of the noise at the start.
        prior: search only the images of a generator; corrections have then nothing to act on.
        normalise_gradient: divide each image's gradient by its root mean square.
        reshape: makes a grid of a layer's output that is none: `netopsy.interpretability.layer_maps.token_grid`.
        batch_size: images that are optimised at once; it changes nothing but memory and time.
        seed: for noise and jitter.

    Raises:
        InputError: an unknown layer, a class or unit out of range, a shape that the network does not take, a correction
            together with a prior, or values that do not stay finite.

    Source: Qin et al. 2018, section 3 (steps, rate and regularisers' strengths unconfirmed).

    >>> from netopsy.interpretability.cnn_visualization import LayerUnits
    >>> net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 10))
    >>> found = maximise_activation(net, LayerUnits("0"), (1, 12, 12), steps=5, starts=2, regularisers=IMAGE_PRIORS)
    >>> found.images.shape, found.trace.shape
    (torch.Size([6, 2, 1, 12, 12]), torch.Size([5, 6, 2]))
    """
    check_model(model)
    for name, number in (("steps", steps), ("starts", starts), ("batch_size", batch_size)):
        require(isinstance(number, int) and number >= 1, f"{name} must be an int of at least 1, got {number!r}")
    require(lr > 0, f"lr must be positive, got {lr}")
    require(noise >= 0, f"noise must not be negative, got {noise}")
    _check_regularisers(regularisers, prior)
    space = pixels(model, shape, limits, mean)
    if init is not None:
        wanted = (starts, *space.shape)
        require(tuple(init.shape) == wanted, f"init must have shape {wanted}, got {tuple(init.shape)}")
    found = targets(model, target, space.shown(space.mean[None]), reshape)
    random = generator(seed)
    units = torch.tensor(found.units, device=space.low.device).repeat_interleave(starts)
    begin = _starts(space, prior, init, len(units), noise, random)
    offsets = {id(one): one.offsets(steps, space.shape[1], random) for one in regularisers if isinstance(one, Jitter)}
    search = _Search(space, found, tuple(regularisers), offsets, prior, lr, normalise_gradient)
    dead = search.dead(begin, units, batch_size)
    if init is None:
        for attempt in range(_RESTARTS):
            if not dead.any():
                break
            other = _starts(space, prior, None, len(units), max(noise, _NOISE) * 2 ** (attempt / 2), random)
            begin[dead] = other[dead]
            dead[dead.clone()] = search.dead(begin[dead], units[dead], batch_size)
    if dead.any():
        _warn(units[dead].unique().tolist(), target)
    with Task("maximising activations", steps * -(-len(units) // batch_size)) as task:
        parts = [
            search.run(start, own, steps, task)
            for start, own in zip(begin.split(batch_size), units.split(batch_size), strict=True)
        ]
    images, values, trace = (
        torch.cat(each, axis) for each, axis in zip(zip(*parts, strict=True), (0, 0, 1), strict=True)
    )
    require(bool(values.isfinite().all()), "the values do not stay finite: lower lr, or check the network's weights")
    count = (len(found.units), starts)
    return Preferred(
        images.unflatten(0, count),
        values.unflatten(0, count),
        trace.unflatten(1, count),
        tuple(found.units),
        dead.unflatten(0, count),
    )


def _warn(units: list[int], target: Objective) -> None:
    shown = ", ".join(map(str, units[:8])) + (f" and {len(units) - 8} more" if len(units) > 8 else "")
    named = f"units {shown} of layer {target.layer!r}" if isinstance(target, LayerUnits) else f"targets {shown}"
    warnings.warn(
        f"{named} had no gradient at any of the starts tried, so their images are noise: choose the layer before the "
        "rectifier, or give init= images for which they are not 0",
        stacklevel=3,
    )


@dataclass(frozen=True, eq=False)
class _Search:
    space: Pixels
    targets: Targets
    regularisers: tuple[Regulariser, ...]
    offsets: dict[int, list[tuple[int, int]]]
    prior: GeneratorPrior | None
    lr: float
    normalised: bool

    def dead(self, start: Tensor, units: Tensor, batch_size: int) -> Bool[Tensor, "batch"]:
        """Which values do not change with their images, as these are shown in the first step."""
        found = []
        for some, own in zip(start.split(batch_size), units.split(batch_size), strict=True):
            with torch.inference_mode(False), torch.enable_grad(), _held(self.prior):
                here = some.detach().clone().requires_grad_()
                values = self.targets.values(self.space.shown(self._jittered(self._images(here), 0)), own)
                require(
                    values.requires_grad,
                    "target does not depend on the image in a differentiable way: give a layer or scores that are "
                    "computed without torch.no_grad() and before any argmax",
                )
                (gradient,) = torch.autograd.grad(values.sum(), here, allow_unused=True, materialize_grads=True)
            found.append(~gradient.flatten(1).any(1))
        return torch.cat(found)

    def run(self, start: Tensor, units: Tensor, steps: int, task: Task) -> tuple[Tensor, Tensor, Tensor]:
        """Images as the network is shown them, their values, and the values before each step ``[steps, batch]``."""
        trace = []
        with torch.inference_mode(False), torch.enable_grad(), _held(self.prior):
            here = start.detach().clone()
            for number in range(steps):
                here.requires_grad_()
                shares = self._images(here)
                values = self.targets.values(self.space.shown(self._jittered(shares, number)), units)
                penalties = [each(shares, self.space.mean) for each in self.regularisers if isinstance(each, Penalty)]
                (gradient,) = torch.autograd.grad((values - sum(penalties)).sum(), here)
                here = self._moved(here.detach(), gradient, number + 1)
                trace.append(values.detach())
                task.advance()
            with torch.no_grad():
                images = self.space.shown(self._images(here))
                return images, self.targets.values(images, units), torch.stack(trace)

    def _images(self, here: Tensor) -> Images:
        return here if self.prior is None else self.space.shares(self.prior.generator(here))

    def _jittered(self, images: Images, number: int) -> Images:
        for each in self.regularisers:
            if isinstance(each, Jitter):
                images = each(images, self.offsets[id(each)][number])
        return images

    def _moved(self, here: Tensor, gradient: Tensor, number: int) -> Tensor:
        size = gradient.flatten(1).square().mean(1).sqrt().clamp_min(torch.finfo(gradient.dtype).tiny)
        direction = gradient / size.view(-1, *[1] * (gradient.ndim - 1)) if self.normalised else gradient
        here = here + self.lr * direction
        if self.prior is not None:
            most = self.prior.bound * self.prior.sd
            return here.clamp(-most, most)
        step = Step(number, gradient, self.space.mean)
        for each in self.regularisers:
            if not isinstance(each, Penalty | Jitter):
                here = each(here, step)
        return self.space.clipped(here)


@contextmanager
def _held(prior: GeneratorPrior | None) -> Iterator[None]:
    if prior is None:
        yield
    else:
        with evaluating(prior.generator), frozen(prior.generator):
            yield


def _starts(
    space: Pixels,
    prior: GeneratorPrior | None,
    init: Images | None,
    count: int,
    noise: float,
    random: torch.Generator,
) -> Tensor:
    def drawn(shape: Sequence[int]) -> Tensor:
        return torch.randn(count, *shape, generator=random, device=random.device).to(space.low)

    if prior is not None:
        require(init is None, "init must be left out where a prior is given: it starts from codes")
        return prior.sd * drawn(tuple(prior.code)).clamp(-prior.bound, prior.bound)
    if init is not None:
        return space.shares(init.detach()).repeat(count // len(init), 1, 1, 1)
    return space.clipped(space.mean + noise * drawn(space.shape))


def _check_regularisers(regularisers: Sequence[Regulariser], prior: GeneratorPrior | None) -> None:
    require(isinstance(regularisers, Sequence), f"regularisers must be a list of them, got {regularisers!r}")
    for each in regularisers:
        if isinstance(each, type) or not callable(each):
            raise InputError(f"regularisers must be penalties, corrections, Jitter or functions, got {each!r}")
        require(
            prior is None or isinstance(each, Penalty | Jitter),
            f"regularisers must be penalties or Jitter where a prior makes the images, got {each!r}",
        )
    if prior is not None:
        require(isinstance(prior, GeneratorPrior), f"prior must be a GeneratorPrior, got {type(prior).__name__}")
        check_model(prior.generator)
        require(prior.sd > 0 and prior.bound > 0, "sd and bound of the prior must be positive")
