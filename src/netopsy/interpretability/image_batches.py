"""Images in one tensor, or in batches of any sizes, gone through in batches of one size."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from netopsy.core.errors import require
from netopsy.core.outputs import first_of
from netopsy.interpretability.layer_maps import check_images

ManyImages = Float[Tensor, "n channels height width"] | Iterable[Any]
"""A tensor, or batches of images or of ``(images, labels, ...)``, as a ``DataLoader`` gives them."""


_TOGETHER = 256


@dataclass(frozen=True, eq=False)
class ImageBatch:
    """Some images, their numbers among all, and their labels where the batches hold any."""

    images: Float[Tensor, "batch channels height width"]
    numbers: Int[Tensor, "batch"]
    labels: Int[Tensor, "batch"] | None = None

    def __len__(self) -> int:
        return len(self.images)

    def at(self, which: Tensor | slice) -> ImageBatch:
        """Some of them."""
        places = torch.arange(len(self))[which]
        images = self.images[which if isinstance(which, slice) else places.to(self.images.device)]
        return ImageBatch(images, self.numbers[places], None if self.labels is None else self.labels[places])


def image_batches(images: ManyImages, batch_size: int) -> Iterator[ImageBatch]:
    """Batches of ``batch_size`` and a last one, whatever the sizes they come in: the same as for one tensor of all.

    Never more is held than a batch that is made up and one that came.

    Raises:
        InputError: no image, images that are not finite or of several shapes, batches of which some have no labels.

    >>> parts = image_batches(torch.zeros(5, 1, 2, 2).split(3), 2)
    >>> [len(batch) for batch in parts]
    [2, 2, 1]
    """
    if isinstance(images, Tensor):
        check_images(images)
    else:
        given = isinstance(images, Iterable) and not isinstance(images, str | bytes | dict)
        require(given, f"images must be a float tensor, or batches of images, got {type(images).__name__}")
    return _of_size(_checked([images] if isinstance(images, Tensor) else images), batch_size)


def only(
    batches: Iterable[ImageBatch], keep: Callable[[ImageBatch], Bool[Tensor, "batch"]], batch_size: int
) -> Iterator[ImageBatch]:
    """Batches of ``batch_size`` of the images that ``keep`` says yes to."""
    return _of_size((batch.at(keep(batch).cpu().nonzero()[:, 0]) for batch in batches), batch_size)


class Counted:
    """The same batches; ``count`` is how many images there were so far."""

    def __init__(self, batches: Iterable[ImageBatch]) -> None:
        self.batches, self.count = batches, 0

    def __iter__(self) -> Iterator[ImageBatch]:
        for batch in self.batches:
            self.count += len(batch)
            yield batch


def _checked(parts: Iterable[Any]) -> Iterator[ImageBatch]:
    seen, shape, labelled = 0, None, None
    for part in parts:
        images, labels = first_of(part), part[1] if isinstance(part, tuple | list) and len(part) > 1 else None
        check_images(images)
        shape = images.shape[1:] if shape is None else shape
        labelled = labels is not None if labelled is None else labelled
        got, wanted = tuple(images.shape[1:]), tuple(shape)
        require(got == wanted, f"images must have one shape in all batches, got {got} after {wanted}")
        require(labelled == (labels is not None), "images must be batches with labels, all of them or none")
        labels = None if labels is None else class_numbers(labels, len(images))
        yield ImageBatch(images, torch.arange(seen, seen + len(images)), labels)
        seen += len(images)
    require(seen, "images must hold at least one batch")


def class_numbers(labels: Any, count: int) -> Int[Tensor, "count"]:
    """Labels as a tensor of whole numbers on the CPU, from a tensor, an array or a list.

    Raises:
        InputError: they are none, or not one for each of ``count`` images.
    """
    try:
        numbers = torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError):
        numbers = torch.zeros(0, 0)
    whole = not numbers.is_floating_point() and not numbers.is_complex() and numbers.dtype != torch.bool
    kind = f"{tuple(numbers.shape)} of {numbers.dtype}" if numbers.ndim != 2 or len(numbers) else type(labels).__name__
    require(whole and numbers.shape == (count,), f"labels must be class numbers [{count}], got {kind}")
    return numbers.cpu().long()


def _of_size(parts: Iterable[ImageBatch], batch_size: int) -> Iterator[ImageBatch]:
    held: list[ImageBatch] = []
    for part in parts:
        start = 0
        while start < len(part):
            room = batch_size - sum(map(len, held))
            held.append(part.at(slice(start, start + room)))
            start += room
            if sum(map(len, held)) == batch_size:
                yield _joined(held)
                held = []
    if held:
        yield _joined(held)


def _joined(held: list[ImageBatch]) -> ImageBatch:
    if len(held) == 1:
        return held[0]
    labels = [batch.labels for batch in held if batch.labels is not None]
    return ImageBatch(
        torch.cat([batch.images for batch in held]),
        torch.cat([batch.numbers for batch in held]),
        torch.cat(labels) if labels else None,
    )


def digests_of(images: Float[Tensor, "batch channels height width"]) -> list[bytes]:
    """By which images are known again, whatever their order."""
    rows = images.detach().cpu().contiguous().flatten(1).view(torch.uint8).numpy()
    return [hashlib.blake2b(row.data, digest_size=16).digest() for row in rows]


def images_of(batches: Iterable[Any], digests: Sequence[bytes]) -> Float[Tensor, "wanted channels height width"]:
    """The images of these digests, in this order, looked for in the batches.

    Raises:
        InputError: they are not there any more.
    """
    found: dict[bytes, Tensor] = {}
    sought = set(digests)
    for batch in image_batches(batches, _TOGETHER):
        for image, digest in zip(batch.images, digests_of(batch.images), strict=True):
            if digest in sought and digest not in found:
                found[digest] = image.clone()
        if len(found) == len(sought):
            break
    require(
        len(found) == len(sought),
        "images must be batches of the same images each time they are gone through; leave out random changes",
    )
    return torch.stack([found[one] for one in digests])
