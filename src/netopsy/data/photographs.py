"""The photographs that come with scikit-image: real pictures and textures, there without a network."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import lookup

_LOADERS: dict[str, str] = {
    name: name
    for name in (
        "astronaut",
        "brick",
        "camera",
        "cat",
        "clock",
        "coffee",
        "coins",
        "grass",
        "gravel",
        "moon",
        "page",
        "retina",
        "rocket",
        "text",
    )
} | {"galaxies": "hubble_deep_field", "tissue": "immunohistochemistry"}

PHOTOGRAPHS = tuple(sorted(_LOADERS))
"""The names `photograph` knows."""

TEXTURES = ("brick", "grass", "gravel")
"""Those that show a texture, 512 by 512 pixels, grey."""

_GREY = torch.tensor([0.299, 0.587, 0.114])


@checked
def photograph(name: str, *, grey: bool = False) -> Float[Tensor, "channels height width"]:
    """A photograph of scikit-image in [0, 1], with 3 channels or 1 as it was taken.

    ``grey`` turns colours into brightness by the weights of ITU-R BT.601. Raises `UnknownNameError` with the nearest
    names.

    >>> photograph("cat").shape, photograph("cat", grey=True).shape
    (torch.Size([3, 300, 451]), torch.Size([1, 300, 451]))
    """
    loader = lookup("photograph", name, _LOADERS)
    from skimage import data

    array = np.asarray(getattr(data, loader)())
    image = torch.from_numpy(array).float().div_(255)
    image = image[None] if image.ndim == 2 else image.permute(2, 0, 1)
    if grey and len(image) == 3:
        image = torch.tensordot(_GREY, image, dims=1)[None]
    return image.contiguous()


@checked
def photographs(*, grey: bool = False) -> Iterator[tuple[str, Float[Tensor, "channels height width"]]]:
    """Every photograph with its name, one after the other.

    >>> len(dict(photographs(grey=True)))
    16
    """
    for name in PHOTOGRAPHS:
        yield name, photograph(name, grey=grey)
