"""What the units of a layer show and what there is to see in the same images, batch by batch or all together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count

import torch
from jaxtyping import Bool, Int
from torch import Tensor, nn

from netopsy.core.errors import require
from netopsy.core.layers import Layer
from netopsy.core.shapes import Activations
from netopsy.interpretability.dissection.pixels import Pixels, pixels_of
from netopsy.interpretability.gan_dissection.stage import Masks, Segmenter, check_z, segmented, watched


@dataclass(frozen=True, eq=False)
class Observed:
    """What the units of a layer showed in some images, and what there was to see in the same images."""

    maps: Activations
    masks: Masks
    counted: Bool[Tensor, "n classes"] | None = None
    """Which images count for which class; all where ``None``."""

    @property
    def pixels(self) -> Pixels:
        """What there was to see, pixel by pixel."""
        return pixels_of(self.masks, self.counted)

    def part(self, which: slice | Int[Tensor, "some"]) -> Observed:
        """Some of the images."""
        counted = None if self.counted is None else self.counted[which]
        return Observed(self.maps[which], self.masks[which], counted)


def observe(
    generator: nn.Module,
    layer: Layer,
    segmenter: Segmenter | Masks,
    z: Tensor,
    *,
    multi_label: bool = False,
    counted: Bool[Tensor, "n classes"] | None = None,
    batch_size: int = 64,
) -> Observed:
    """The maps of a layer's units and the masks of the images, for `dissect_observed`; arguments as in `dissect`.

    >>> net = nn.Sequential(nn.Conv2d(1, 2, 1))
    >>> seen = observe(net, "0", lambda made: made, torch.rand(3, 1, 4, 4))
    >>> seen.maps.shape, seen.masks.shape
    (torch.Size([3, 2, 4, 4]), torch.Size([3, 2, 4, 4]))
    """
    return joined(observations(generator, layer, segmenter, z, multi_label, counted, batch_size))


def observations(
    generator: nn.Module,
    layer: Layer,
    segmenter: Segmenter | Masks,
    z: Tensor,
    multi_label: bool,
    counted: Bool[Tensor, "n classes"] | None,
    batch_size: int,
) -> Iterator[Observed]:
    """`observe`, batch by batch: nothing is kept."""
    check_z(z, batch_size)
    if isinstance(segmenter, Tensor):
        check_masks(segmenter, counted, z)
    else:
        require(callable(segmenter), f"segmenter must be callable or masks, got {type(segmenter).__name__}")
    for start, (maps, made) in zip(count(0, batch_size), watched(generator, layer, z, batch_size), strict=False):
        which = slice(start, start + batch_size)
        if isinstance(segmenter, Tensor):
            masks = segmenter[which].to(maps.device)
        else:
            masks = segmented(segmenter, made, multi_label=multi_label)
        yield Observed(maps, masks, None if counted is None else counted[which].to(masks.device))


def check_masks(masks: Tensor, counted: Tensor | None, z: Tensor) -> None:
    """Raise `InputError` unless masks, and which of them count, fit ``z``."""
    require(
        masks.dtype == torch.bool and masks.ndim == 4 and len(masks) == len(z),
        f"segmenter must be a function, or masks [{len(z)}, classes, height, width] of bool, "
        f"got {tuple(masks.shape)} of {masks.dtype}",
    )
    require(
        counted is None or (counted.dtype == torch.bool and counted.shape == masks.shape[:2]),
        f"counted must be bool {tuple(masks.shape[:2])}, one for each image and class",
    )


def joined(parts: Iterable[Observed]) -> Observed:
    """All parts as one."""
    listed = list(parts)
    counted = [part.counted for part in listed if part.counted is not None]
    maps, masks = (torch.cat([getattr(part, name) for part in listed]) for name in ("maps", "masks"))
    return Observed(maps, masks, torch.cat(counted) if counted else None)
