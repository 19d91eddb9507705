"""What a packed file would take, told from its tables before anything is unpacked."""

from __future__ import annotations

import zipfile
import zlib
from io import BufferedIOBase
from pathlib import Path

from netopsy.core.memory import check_bytes, most_bytes

_STEP = 2**20


def check_zip(source: Path | BufferedIOBase, called: str) -> None:
    """Raise `InputError` where the entries of a ZIP archive together would take more memory than one file may.

    No reader gets more out of an entry than its table says. What is no archive passes: the one who reads it says so.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return
    check_bytes(size, called)


def inflated(packed: bytes, called: str, already: int = 0) -> int:
    """How many bytes a zlib stream gives, never holding them; raises `InputError` once they are too many.

    >>> inflated(zlib.compress(bytes(1000)), "the stream")
    1000
    """
    stream, size, most = zlib.decompressobj(), 0, most_bytes()
    part = stream.decompress(packed, _STEP)
    while part:
        size += len(part)
        if already + size > most:
            check_bytes(already + size, called)
        part = stream.decompress(stream.unconsumed_tail, _STEP)
    return size
