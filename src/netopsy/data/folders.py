"""Image folders: one subfolder a class."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from netopsy.core.arguments import checked
from netopsy.core.errors import InputError, require
from netopsy.core.paths import path_from
from netopsy.data.choice import choose
from netopsy.data.dataset import Dataset
from netopsy.data.pictures import SUFFIXES, Framing, Interpolation, held_in_memory, read_pictures


@dataclass(frozen=True, eq=False)
class ImageListing:
    """The image files of a folder, in the order of their names."""

    root: Path
    classes: tuple[str, ...]
    """The subfolders, in the order of their names, which is how torchvision's ``ImageFolder`` numbers them too."""
    files: tuple[Path, ...]
    targets: Int[Tensor, "n"]
    """The class of every file."""
    ignored: int
    """How many files were passed over: no image by their name, or links that lead out of the folder."""


@checked
def list_images(path: str | os.PathLike[str]) -> ImageListing:
    """The image files under ``path``, where every subfolder is a class and may have subfolders of its own.

    Hidden files and folders are not looked at; links are followed only to files inside ``path``. Raises `InputError` if
    the folder is missing or has no subfolder, an image lies beside the subfolders, or a subfolder has no image.
    """
    root = path_from(path, "image folder")
    require(root.exists(), f"there is no folder {_shown(root)}")
    require(root.is_dir(), f"{_shown(root)} is not a folder")
    try:
        entries = sorted((entry for entry in root.iterdir() if not entry.name.startswith(".")), key=lambda e: e.name)
    except OSError as error:
        raise InputError(f"the folder {_shown(root)} cannot be read: {error.strerror}") from error
    inside = root.resolve()
    loose = [entry for entry in entries if entry.is_file() and _is_image(entry)]
    folders = [entry for entry in entries if entry.is_dir() and _within(entry, inside)]
    require(folders, f"{_shown(root)} has no subfolders: every class needs one with its images")
    require(
        not loose,
        f"{_shown(root)} has images beside its class subfolders, {loose[0].name if loose else ''} among them: "
        "every image must lie in a class subfolder",
    )
    files: list[Path] = []
    targets: list[int] = []
    ignored = len(entries) - len(folders)
    for number, folder in enumerate(folders):
        found, passed_over = _images_under(folder, inside)
        require(found, f"the class subfolder {_shown(folder)} has no images")
        files += found
        targets += [number] * len(found)
        ignored += passed_over
    return ImageListing(root, tuple(folder.name for folder in folders), tuple(files), torch.tensor(targets), ignored)


@checked
def image_folder(
    path: str | os.PathLike[str],
    *,
    size: int | None = None,
    channels: int | None = None,
    resize: int | None = None,
    interpolation: Interpolation = "bilinear",
    limit: int | None = None,
    seed: int = 0,
) -> Dataset:
    """The images of a folder with one subfolder a class, ``[n, channels, height, width]`` in [0, 1].

    PNG, JPEG, BMP, GIF, PPM, TIFF and WebP; turned upright as the camera says. Files that are no images are passed over
    with a warning that counts them.

    Args:
        path: the folder.
        size: pixels a side: the shorter side is scaled to it and the middle cut out. Without it all images must have
            one size.
        channels: 1 for brightness, 3 for colours; by default 3 if any image has colours.
        resize: scale the shorter side to this instead, before the middle of ``size`` pixels a side is cut out.
        interpolation: of the scaling.
        limit: read at most so many, drawn by ``seed`` with the classes in their proportions.

    Raises:
        InputError: as `list_images`, and an image that cannot be read or sizes that differ.
    """
    framing = Framing(size, resize, channels, interpolation)
    listing = list_images(path)
    if listing.ignored:
        warnings.warn(f"{_shown(listing.root)}: {listing.ignored} files that are no images were ignored", stacklevel=2)
    chosen = choose(listing.targets, held_in_memory(listing.files, framing, limit), seed)
    files = [listing.files[number] for number in chosen.tolist()]
    inputs = read_pictures(files, [_shown(file) for file in files], framing)
    names = tuple(file.relative_to(listing.root).as_posix() for file in files)
    return Dataset(inputs, listing.targets[chosen], listing.classes, listing.root.resolve().name, files=names)


def _images_under(folder: Path, inside: Path) -> tuple[list[Path], int]:
    found, ignored = [], 0
    for here, folders, names in os.walk(folder, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            file = Path(here, name)
            if not name.startswith("."):
                if _is_image(file) and _within(file, inside) and file.is_file():  # a pipe would be waited for
                    found.append(file)
                else:
                    ignored += 1
    return found, ignored


def _is_image(file: Path) -> bool:
    return file.suffix.lower() in SUFFIXES


def _within(entry: Path, inside: Path) -> bool:
    return not entry.is_symlink() or entry.resolve().is_relative_to(inside)


def _shown(path: Path) -> str:
    return repr(str(path))
