"""Meta-saliency: explain the network one small step of learning later."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import grad, vmap
from torch.nn import functional

from netopsy.core.arguments import checked
from netopsy.core.computed import call_with, keeping_computed
from netopsy.core.errors import InputError, require
from netopsy.core.modes import evaluating, running_on
from netopsy.core.outputs import single_output
from netopsy.core.per_sample import Parameters, PerSampleModel
from netopsy.core.scores import kind_of, log_of
from netopsy.core.seeds import derive, generator
from netopsy.core.shapes import Images, Labels
from netopsy.core.targets import class_indices
from netopsy.interpretability.layer_maps import LayerMaps, check_images, each_layer
from netopsy.interpretability.norm_grad.sensitivity import SaliencyMethod


@checked
def meta_saliency(
    method: SaliencyMethod,
    model: nn.Module,
    images: Images,
    target: int | Labels,
    *,
    lr: float = 1e-4,
    negate_loss: bool = False,
    random_step: int | None = None,
    chunk: int = 16,
    one_by_one: bool = False,
    **options: Any,
) -> LayerMaps:
    """Any saliency map, of the network as it would be after one step of learning the image at hand.

    Each image sees parameters of its own, ``theta - lr * d CE(f(image), target) / d theta``: all parameters,
    evaluation mode, plain gradient descent. There is no gradient through the step. The model itself is never changed,
    nor are its buffers and flags; ``lr=0`` is the plain map.

    Args:
        method: a saliency method of this module, or any ``method(model, images, target, **options)`` that gives maps.
            It is handed a `PerSampleModel`, which runs all images of a chunk in one vectorised call.
        target: a class, or one class an image; the step needs a class, so it cannot be a function.
        lr: size of the step. The paper's default; its class-sensitivity study takes 2.5e-3.
        negate_loss: climb the loss instead: where would the network have to forget?
        random_step: a seed for the control instead: a step of the same length in every parameter tensor, in a random
            direction of each image and class. What it changes too is not the doing of the loss.
        chunk: images that go through together. Memory for parameters and their gradients grows with it.
        one_by_one: for methods that must see the network itself, not a `PerSampleModel` (another library's): its
            parameters are exchanged for each image in turn, and put back at the end whatever happens. Slower for small
            networks; for large ones on a CPU, where memory is what takes the time, it can be faster.
        options: handed on to ``method``, such as ``layer=``.

    Raises:
        InputError: a target that is no class of the network, a negative or infinite ``lr``, a chunk below 1.

    Source: Rebuffi et al. 2020, on meta-saliency (place in the paper unconfirmed).

    >>> from netopsy.interpretability.norm_grad import norm_grad
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    >>> meta_saliency(norm_grad, net, torch.rand(2, 1, 8, 8), 2, lr=1e-2, layer="1").shape
    torch.Size([2, 8, 8])
    """
    require(math.isfinite(lr) and lr >= 0, f"lr must be finite and at least 0, got {lr}")
    require(isinstance(chunk, int) and chunk >= 1, f"chunk must be an int of at least 1, got {chunk!r}")
    require(callable(method), f"method must be a saliency method, got {type(method).__name__}")
    check_images(images)
    labels = _labels(model, images, target)
    if lr == 0:
        return method(model, images, labels, **options)
    rate = -lr if negate_loss else lr
    parts = []
    with evaluating(model):
        size = 1 if one_by_one else chunk
        for start in range(0, len(images), size):
            own_images, own_labels = images[start : start + size], labels[start : start + size]
            seeds = None
            if random_step is not None:
                seeds = [derive(random_step, start + position, int(label)) for position, label in enumerate(own_labels)]
            moved = after_one_step(model, own_images, own_labels, rate, seeds)
            if one_by_one:
                with _exchanged(model, {name: value[0] for name, value in moved.items()}):
                    parts.append(method(model, own_images, own_labels, **options))
            else:
                parts.append(method(PerSampleModel(model, moved), own_images, own_labels, **options))
    return each_layer(lambda *maps: torch.cat(maps), *parts)


def after_one_step(
    model: nn.Module, images: Images, labels: Labels, lr: float, random_steps: Sequence[int] | None = None
) -> Parameters:
    """Each image's own parameters after one step of gradient descent on its cross-entropy, ``[batch, *shape]``.

    With a seed an image, the step keeps its length in every parameter tensor and goes in a random direction.
    """
    parameters = {name: value.detach() for name, value in model.named_parameters()}

    def loss(parameters: Parameters, image: Tensor, label: Tensor) -> Tensor:
        outputs = call_with(model, parameters, image[None])
        return functional.cross_entropy(log_of(outputs) if certain else outputs, label[None])

    with torch.inference_mode(False), evaluating(model):
        with torch.no_grad():
            certain = kind_of(model(images)) == "probabilities"
        slopes = vmap(grad(loss), in_dims=(None, 0, 0))(parameters, images.detach(), labels.clone())
        if random_steps is not None:
            slopes = _turned(slopes, random_steps)
        return {name: value - lr * slopes[name] for name, value in parameters.items()}


def _turned(slopes: Parameters, seeds: Sequence[int]) -> Parameters:
    """Random directions, each as long as the image's own gradient of that parameter tensor."""
    turned = {name: torch.empty_like(slope) for name, slope in slopes.items()}
    for position, seed in enumerate(seeds):
        random = generator(seed)
        for name, slope in slopes.items():
            drawn = torch.randn(slope.shape[1:], generator=random, dtype=torch.float64).to(slope)
            turned[name][position] = drawn * (slope[position].norm() / drawn.norm())
    return turned


def _labels(model: nn.Module, images: Images, target: int | Labels) -> Labels:
    if callable(target) and not isinstance(target, Tensor):
        raise InputError(
            "target must be a class or one class an image: a step of learning cannot be taken on a function"
        )
    with evaluating(model), torch.no_grad(), running_on(images, model):
        outputs = single_output(model(images[:1]))
    require(outputs.ndim == 2, f"model must give [batch, classes], got {tuple(outputs.shape)}")
    return class_indices(target, len(images), outputs.shape[1]).to(images.device)


@contextmanager
def _exchanged(model: nn.Module, values: Parameters) -> Iterator[None]:
    """The model with other parameter values; afterwards it holds the very tensors it held."""
    parameters = dict(model.named_parameters())
    before = {name: parameter.data for name, parameter in parameters.items()}
    try:
        for name, value in values.items():
            parameters[name].data = value
        with keeping_computed(model):
            yield
    finally:
        for name, value in before.items():
            parameters[name].data = value
