"""Reading image files from strangers: what they hold, at a size one can work with, or a clear refusal."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageOps
from torch import Tensor

from netopsy.core.errors import InputError, require
from netopsy.core.progress import track

# Plain raster formats only: some of the others start helper programs.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp"})
"""What the names of image files end in."""


def read_pictures(
    sources: Sequence[Path | bytes], called: Sequence[str], *, size: int | None = None, channels: int | None = None
) -> Float[Tensor, "n channels height width"]:
    """Image files, or their bytes, as one tensor in [0, 1], ``[n, channels, height, width]``.

    Images are turned upright as the camera says, depths of 16 bits reduced to 8, transparency laid on white, and of
    several frames the first is taken.

    Args:
        sources, called: the images, and what a message should call each of them.
        size: scales the shorter side to it and cuts the middle square out; without it all must have one size.
        channels: 1 (brightness) or 3; by default 3 if any image has colours.

    Raises:
        InputError: an image cannot be read, or has so many pixels (90 million) that a small file would fill the memory,
            or has another size than the first.
    """
    require(size is None or size > 0, f"size must be at least 1, got {size}")
    require(channels in (None, 1, 3), f"channels must be 1 or 3, got {channels}")
    pictures: list[Image.Image] = []
    for source, name in track(zip(sources, called, strict=True), "reading images", len(sources)):
        picture = _read(source, name, size)
        pictures.append(picture)
        require(
            picture.size == pictures[0].size,
            f"the images differ in size: {_size(pictures[0])} ({called[0]}), {_size(picture)} ({name}); give a size",
        )
    if channels is None:
        channels = 3 if any(picture.mode == "RGB" for picture in pictures) else 1
    mode = "L" if channels == 1 else "RGB"
    arrays = np.stack([np.asarray(picture if picture.mode == mode else picture.convert(mode)) for picture in pictures])
    tensor = torch.from_numpy(arrays)
    tensor = tensor[:, None] if channels == 1 else tensor.permute(0, 3, 1, 2).contiguous()
    return tensor.float().div_(255)


def _read(source: Path | bytes, called: str, size: int | None) -> Image.Image:
    """One image in mode "L" or "RGB", upright, at its size or the one asked for."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_FORMATS) as image:
                if size is not None:
                    # JPEG can be decoded at an eighth, a quarter or half of its size: much faster for photographs.
                    image.draft(None, (2 * size, 2 * size))
                picture = _plain(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(f"{called} has too many pixels to be opened safely") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise InputError(f"{called} cannot be read as an image") from error
    if size is None or picture.size == (size, size):
        return picture
    return ImageOps.fit(picture, (size, size), Image.Resampling.BILINEAR)


def _plain(image: Image.Image) -> Image.Image:
    if image.mode in ("L", "RGB"):
        return image
    if image.mode.startswith("I"):
        return Image.fromarray((np.asarray(image).clip(0, 65535) / 257).round().astype(np.uint8))
    grey = image.mode in ("1", "L", "LA")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L" if grey else "RGB")


def _size(picture: Image.Image) -> str:
    return f"{picture.width}x{picture.height}"
