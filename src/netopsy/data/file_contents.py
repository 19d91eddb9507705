"""What a file says, whether it is packed or not and whatever its letters are encoded in."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zipfile
from pathlib import Path
from typing import Any

from netopsy.core.errors import require
from netopsy.core.memory import check_bytes

_PACKED: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def inner_name(file: Path) -> str:
    """The file's name without the ending that says how it is packed; of a ZIP file the name of what is in it."""
    if file.suffix.lower() in _PACKED:
        return file.stem
    if file.suffix.lower() != ".zip":
        return file.name
    with zipfile.ZipFile(file) as archive:
        return Path(_only(archive, file).filename).name


def contents(file: Path) -> bytes:
    """The file's bytes, unpacked if it is ``.gz``, ``.bz2``, ``.xz`` or a ``.zip`` of one file.

    Raises:
        InputError: a ZIP file of several files, or more bytes than one file may take (`netopsy.core.memory`).
    """
    ending = file.suffix.lower()
    if ending == ".zip":
        with zipfile.ZipFile(file) as archive, archive.open(_only(archive, file)) as stream:
            return _bounded(stream, file)
    if ending in _PACKED:
        with _PACKED[ending](file) as stream:
            return _bounded(stream, file)
    with file.open("rb") as stream:
        return _bounded(stream, file)


def decoded(data: bytes) -> tuple[str, str | None]:
    """Text from UTF-8, from UTF-16 or UTF-32 with their marks, otherwise from Latin-1; and a note if that was so.

    >>> decoded("Zoë".encode("utf-16"))
    ('Zoë', None)
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding), None
    try:
        return data.decode("utf-8"), None
    except UnicodeDecodeError:
        return data.decode("latin-1"), "it is not UTF-8, and was read as Latin-1"


def _bounded(stream: Any, file: Path) -> bytes:
    made = io.BytesIO()
    while part := stream.read(2**24):
        made.write(part)
        check_bytes(made.tell(), f"file {file.name!r}")
    return made.getvalue()


def _only(archive: zipfile.ZipFile, file: Path) -> zipfile.ZipInfo:
    held = [one for one in archive.infolist() if not one.is_dir() and not one.filename.startswith("__MACOSX/")]
    require(len(held) == 1, f"file {file.name!r} must hold one file, got {len(held)}")
    return held[0]
