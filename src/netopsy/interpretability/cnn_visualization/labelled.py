"""Images labelled pixel by pixel, in whatever form they come, and a first look at all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from netopsy.core.errors import InputError, require
from netopsy.data.concept_images import ConceptImages
from netopsy.interpretability.layer_maps import check_images

# Parts may differ in length, so their shapes are checked one by one and not here.
Labelled = tuple[Tensor, Mapping[str, Tensor]]
"""Some images, and category to the number of the concept at each pixel, -1 for none."""

Concepts = ConceptImages | Iterable[Labelled]
"""Labelled images in memory, or anything that gives them in parts and can be run through again, such as a loader."""


@dataclass(frozen=True)
class Survey:
    """What there is in a whole set of labelled images."""

    images: int
    size: tuple[int, int]
    names: dict[str, tuple[str, ...]]
    """Category to the names of its concepts."""


def parts_of(concepts: Concepts, batch_size: int) -> Callable[[], Iterator[Labelled]]:
    """A function that starts at the first part, however often it is called."""
    require(isinstance(batch_size, int) and batch_size > 0, f"batch_size must be at least 1, got {batch_size!r}")
    if isinstance(concepts, ConceptImages):
        return lambda: ((part.images, part.labels) for part in concepts.batches(batch_size))
    if not isinstance(concepts, Iterable) or iter(concepts) is concepts:
        raise InputError(
            f"concepts must be ConceptImages, or parts (images, labels) that can be run through more than once such as "
            f"a list or a loader, got {type(concepts).__name__}"
        )
    return lambda: iter(concepts)


def survey(concepts: Concepts, names: Mapping[str, tuple[str, ...]] | None, batch_size: int) -> Survey:
    """Look at all labels once.

    Raises:
        InputError: labels of another size than the images, of changing categories or out of range; no labelled pixel.
    """
    known = concepts.names if isinstance(concepts, ConceptImages) and names is None else names
    images, size = 0, None
    highest: dict[str, int] = {}
    for part in parts_of(concepts, batch_size)():
        require(isinstance(part, tuple | list) and len(part) == 2, "each part of concepts must be (images, labels)")
        pictures, labels = part
        check_images(pictures)
        size = size or (int(pictures.shape[2]), int(pictures.shape[3]))
        require(tuple(pictures.shape[2:]) == size, f"images must all be {size}, got {tuple(pictures.shape[2:])}")
        require(isinstance(labels, Mapping) and labels, "labels must be a dict from category to labels, not empty")
        require(
            not images or labels.keys() == highest.keys(),
            f"labels must have the same categories in every part, {list(highest)}, got {list(labels)}",
        )
        for category, each in labels.items():
            highest[category] = max(highest.get(category, -1), _highest(category, each, (len(pictures), *size)))
        images += len(pictures)
    require(images, "concepts hold no images")
    assert size is not None
    require(max(highest.values()) >= 0, "labels have no annotated pixel: all of them are -1 in every category")
    called = {
        category: tuple(known[category])
        if known is not None and category in known
        else tuple(f"{category} {number}" for number in range(highest[category] + 1))
        for category in highest
    }
    for category, own in called.items():
        most, got = len(own), highest[category]
        require(got < most, f"labels of {category!r} must be below {most}, as many as names, got {got}")
    return Survey(images, size, called)


def _highest(category: str, labels: object, wanted: tuple[int, ...]) -> int:
    if not isinstance(labels, Tensor) or labels.is_floating_point() or labels.dtype == torch.bool:
        raise InputError(
            f"labels of {category!r} must be a tensor of ints, got {getattr(labels, 'dtype', type(labels))}"
        )
    require(
        tuple(labels.shape) == wanted,
        f"labels of {category!r} must have the size of the images, {wanted}, got {tuple(labels.shape)}",
    )
    low, high = (int(end) for end in labels.aminmax())
    require(low >= -1, f"labels of {category!r} must be -1 or more, got {low}")
    return high
