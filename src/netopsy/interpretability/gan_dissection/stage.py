"""A generator, one of its layers and a segmenter: what is there, and what is there after the layer is edited."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, one_hot

from netopsy.core.batches import check_finite, finite
from netopsy.core.capture import capturing
from netopsy.core.errors import InputError, require
from netopsy.core.layers import INPUT, Layer, layer_names
from netopsy.core.modes import device_of, evaluating, frozen, running_on
from netopsy.core.outputs import single_output
from netopsy.core.shapes import Activations, Images
from netopsy.core.split import Split, editing, run_to, split_model
from netopsy.core.targets import is_index

Segmenter = Callable[[Images], Tensor]
"""From images to logits ``[batch, classes, height, width]``, or to masks of that shape (bool)."""

Masks = Bool[Tensor, "n classes height width"]
Made = Float[Tensor, "batch colours height width"]
"""Images with as many channels as they have, whatever the layer has."""


@dataclass(frozen=True, eq=False)
class Stage:
    """What all methods here stand on; made by `stage`, which checks it."""

    generator: nn.Module
    layer: str
    segmenter: Segmenter
    multi_label: bool
    batch_size: int
    device: torch.device
    parts: Split | None
    """The generator cut behind the layer; ``None`` where a shortcut goes around the layer."""

    @contextmanager
    def lights(self, *, gradients: bool = False) -> Iterator[None]:
        """Generator and segmenter in evaluation mode, no parameter asking for a gradient; as before afterwards."""
        with ExitStack() as stack:
            for network in (self.generator, self.segmenter):
                if isinstance(network, nn.Module):
                    stack.enter_context(evaluating(network))
                    stack.enter_context(frozen(network))
            stack.enter_context(torch.enable_grad() if gradients else torch.no_grad())
            yield

    def batches(self, z: Tensor) -> Iterator[Tensor]:
        """``z`` in parts on the generator's device."""
        for part in z.split(self.batch_size):
            yield part.to(self.device)

    def features(self, z: Tensor) -> Activations:
        """What the layer puts out."""
        seen = run_to(self.generator, self.layer, z)
        _check_maps(self.layer, seen)
        return seen

    def images(self, z: Tensor, features: Activations) -> Made:
        """The images when the layer puts out ``features`` instead."""
        if self.parts is not None:
            return self.parts.tail(features)
        with editing(self.generator, {self.layer: lambda _: features.clone()}), running_on(z, self.generator):
            return single_output(self.generator(z))

    def masks(self, images: Images) -> Masks:
        """Which pixels belong to which class."""
        return hard(_segmented(self.segmenter, images), multi_label=self.multi_label)

    def check_differentiable(self, z: Tensor) -> None:
        """Raise `InputError` unless what the segmenter says follows the layer's output by a gradient."""
        some = z[:1].to(self.device)
        with self.lights():
            features = self.features(some)
        with torch.inference_mode(False), self.lights(gradients=True):
            moved = features.clone().requires_grad_()
            made = self.images(some, moved)
            require(
                made.requires_grad,
                f"the generator lets no gradient from layer {self.layer!r} through to its images, which is asked for "
                "here: run it without torch.no_grad() inside",
            )
            require(
                self.shares(made).requires_grad,
                "segmenter must be differentiable here, but its answer has no gradient: it must return logits computed "
                "without torch.no_grad(), not an argmax or a threshold of them",
            )

    def shares(self, images: Images) -> Float[Tensor, "n classes height width"]:
        """How surely each pixel belongs to each class, from 0 to 1; differentiable."""
        answer = _segmented(self.segmenter, images)
        require(answer.is_floating_point(), "segmenter must return logits, not masks, where its gradient is asked for")
        return answer.sigmoid() if self.multi_label else answer.softmax(1)

    def edited_masks(self, z: Tensor, features: Activations) -> Masks:
        """Masks of the images that ``features`` give; ``z`` and ``features`` of one length, in parts where long."""
        found = [
            self.masks(self.images(some, those))
            for some, those in zip(z.split(self.batch_size), features.split(self.batch_size), strict=True)
        ]
        return torch.cat(found)


def stage(
    generator: nn.Module, layer: Layer, segmenter: Segmenter, z: Tensor, *, multi_label: bool, batch_size: int
) -> Stage:
    """Check what every method is given, and cut the generator behind the layer where that is possible."""
    [name] = layer_names(generator, [layer])
    require(name != INPUT, "layer must be a layer of the generator, got its input")
    require(callable(segmenter), f"segmenter must be callable, got {type(segmenter).__name__}")
    check_z(z, batch_size)
    device = device_of(generator)
    try:
        parts = split_model(generator, name, z[:2].to(device))
    except InputError:
        parts = None
    return Stage(generator, name, segmenter, multi_label, batch_size, device, parts)


def check_z(z: Tensor, batch_size: int) -> None:
    """A batch of finite float vectors or images, and a batch size."""
    require(
        isinstance(z, Tensor) and z.is_floating_point() and z.ndim >= 2 and len(z) > 0,
        "z must be a float batch of at least one, [n, ...]: "
        f"got {tuple(z.shape) if isinstance(z, Tensor) else type(z).__name__}",
    )
    check_finite(z, "z")
    require(
        isinstance(batch_size, int) and batch_size > 0, f"batch_size must be an int of at least 1, got {batch_size!r}"
    )


def watched(generator: nn.Module, layer: Layer, z: Tensor, batch_size: int) -> Iterator[tuple[Activations, Tensor]]:
    """For each batch of ``z`` what the layer puts out and what the generator puts out, in evaluation mode."""
    [name] = layer_names(generator, [layer])
    require(name != INPUT, "layer must be a layer of the generator, got its input")
    check_z(z, batch_size)
    for part in z.split(batch_size):
        here = part.to(device_of(generator))
        with evaluating(generator), torch.no_grad(), capturing(generator, name) as seen, running_on(here, generator):
            made = generator(here)
        require(name in seen, f"layer {name!r} is never run by the forward pass; choose another layer")
        maps = seen[name]
        _check_maps(name, maps)
        yield maps, made


def segmented(segmenter: Segmenter, made: Tensor, *, multi_label: bool) -> Masks:
    """Masks of what a generator put out, without a gradient, the segmenter in evaluation mode if it is a module."""
    images = single_output(made)
    require(
        images.ndim == 4, f"the generator must return images [batch, channels, height, width], got {tuple(made.shape)}"
    )
    with torch.no_grad(), evaluating(segmenter) if isinstance(segmenter, nn.Module) else nullcontext():
        return hard(_segmented(segmenter, images), multi_label=multi_label)


def hard(answer: Tensor, *, multi_label: bool) -> Masks:
    """Masks from logits: the highest class of each pixel, or every class above 0 where a pixel may have several.

    >>> hard(torch.tensor([1.0, 2.0, -1.0]).reshape(1, 3, 1, 1), multi_label=False).flatten().tolist()
    [False, True, False]
    """
    if answer.dtype == torch.bool:
        return answer
    if multi_label:
        return answer > 0
    return one_hot(answer.argmax(1), answer.shape[1]).permute(0, 3, 1, 2).bool()


def presence(masks: Masks, cls: int, grid: tuple[int, int]) -> Float[Tensor, "n rows columns"]:
    """The share of a class in each cell of the layer's grid."""
    return adaptive_avg_pool2d(masks[:, cls, None].float(), grid)[:, 0]


def check_class(cls: int, masks: Masks) -> None:
    """The class is one that the segmenter knows."""
    classes = masks.shape[1]
    require(
        is_index(cls) and 0 <= cls < classes,
        f"cls must be a class number from 0 to {classes - 1}, got {cls!r}",
    )


def _check_maps(layer: str, maps: Tensor) -> None:
    require(
        maps.ndim == 4, f"layer {layer!r} must put out [batch, units, rows, columns], but puts out {tuple(maps.shape)}"
    )
    require(finite(maps), f"layer {layer!r} gives NaN or infinite activations; check weights and z")


def _segmented(segmenter: Segmenter, images: Images) -> Tensor:
    answer = segmenter(images)
    require(
        isinstance(answer, Tensor) and answer.ndim == 4 and len(answer) == len(images),
        "segmenter must return [batch, classes, height, width], one entry an image, "
        f"got {tuple(answer.shape) if isinstance(answer, Tensor) else type(answer).__name__}",
    )
    # A class that cannot be may well be given minus infinity, which leaves the comparison with the others intact.
    require(not answer.isnan().any(), "segmenter returns NaN; check its weights and the generator's images")
    return answer
