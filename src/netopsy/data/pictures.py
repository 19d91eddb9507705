"""Reading image files from strangers: what they hold, at a size one can work with, or a clear refusal."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageOps
from torch import Tensor

from netopsy.core.errors import InputError, UnknownNameError, require
from netopsy.core.memory import check_bytes, most_bytes
from netopsy.core.progress import track

# Plain raster formats only: some of the others start helper programs.
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".pgm", ".ppm", ".tif", ".tiff", ".webp"})
"""What the names of image files end in."""


Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]
INTERPOLATIONS: tuple[Interpolation, ...] = get_args(Interpolation)


@dataclass(frozen=True)
class Framing:
    """How image files become inputs of one size.

    Raises:
        InputError: sizes below 1, a crop larger than what it is cut from, channels other than 1 and 3, or an unknown
            interpolation.
    """

    size: int | None = None
    """Pixels a side of the square cut out of the middle; without it all images must have one size."""
    resize: int | None = None
    """Pixels that the shorter side is scaled to before; ``size`` unless given."""
    channels: int | None = None
    """1 (brightness) or 3; by default 3 if any image has colours."""
    interpolation: Interpolation = "bilinear"

    def __post_init__(self) -> None:
        require(self.size is None or self.size > 0, f"size must be at least 1, got {self.size}")
        require(self.channels in (None, 1, 3), f"channels must be 1 or 3, got {self.channels}")
        if self.interpolation not in INTERPOLATIONS:
            raise UnknownNameError("interpolation", self.interpolation, INTERPOLATIONS)
        require(
            self.resize is None or (self.size is not None and self.resize >= self.size),
            f"resize must be at least the size of the crop, {self.size}, got {self.resize}",
        )

    @property
    def scaled(self) -> int | None:
        """Pixels of the shorter side before the middle is cut out."""
        return self.resize or self.size


def read_pictures(
    sources: Sequence[Path | bytes], called: Sequence[str], framing: Framing | None = None
) -> Float[Tensor, "n channels height width"]:
    """Image files, or their bytes, as one tensor in [0, 1], ``[n, channels, height, width]``.

    Images are turned upright as the camera says, depths of 16 bits reduced to 8, transparency laid on white, and of
    several frames the first is taken.

    Args:
        sources, called: the images, and what a message should call each of them.
        framing: the size they are brought to, and how.

    Raises:
        InputError: an image cannot be read, or has so many pixels (90 million) that a small file would fill the memory,
            or has another size than the first.
    """
    framing = framing or Framing()
    channels = framing.channels
    pictures: list[Image.Image] = []
    for source, name in track(zip(sources, called, strict=True), "reading images", len(sources)):
        picture = _read(source, name, framing)
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


def _read(source: Path | bytes, called: str, framing: Framing) -> Image.Image:
    """One image in mode "L" or "RGB", upright, at its size or the one asked for."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=_FORMATS) as image:
                if framing.scaled is not None:
                    # JPEG can be decoded at an eighth, a quarter or half of its size: much faster for photographs.
                    image.draft(None, (2 * framing.scaled, 2 * framing.scaled))
                picture = _plain(ImageOps.exif_transpose(image))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise InputError(f"{called} has too many pixels to be opened safely") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        raise InputError(f"{called} cannot be read as an image") from error
    if framing.size is None or framing.scaled is None or picture.size == (framing.size, framing.size):
        return picture
    method = Image.Resampling[framing.interpolation.upper()]
    if framing.resize is None:
        return ImageOps.fit(picture, (framing.size, framing.size), method)
    factor = framing.scaled / min(picture.size)
    wide, high = (max(framing.size, round(factor * side)) for side in picture.size)
    left, top = (wide - framing.size) // 2, (high - framing.size) // 2
    return picture.resize((wide, high), method).crop((left, top, left + framing.size, top + framing.size))


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


def held_in_memory(sources: Sequence[Path | bytes], framing: Framing, limit: int | None) -> int | None:
    """How many images to read: ``limit``, or fewer where so many would not fit into `most_bytes`, with a warning."""
    if not sources:
        return limit
    if framing.size is not None:
        height = width = framing.size
    else:
        try:
            with Image.open(io.BytesIO(sources[0]) if isinstance(sources[0], bytes) else sources[0]) as first:
                width, height = first.size
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return limit  # reading it will say so
    wanted = len(sources) if limit is None else min(limit, len(sources))
    # As bytes, as floats, and once more where they are standardised.
    one = (framing.channels or 3) * height * width * 9
    check_bytes(one, f"an image of {height}x{width} pixels")
    most = most_bytes() // one
    if wanted <= most:
        return limit
    warnings.warn(
        f"{most:,} of {wanted:,} images were taken, with the classes in their proportions: more of {height}x{width} "
        "pixels do not fit into the memory they may have (NETOPSY_MAX_BYTES)",
        stacklevel=3,
    )
    return most
