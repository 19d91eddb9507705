"""Files of matrices weighed before a library unpacks them, and what it made of them checked before it is used."""

from __future__ import annotations

import math
import os
import struct
import subprocess
import sys
from io import BufferedIOBase
from typing import Any

from netopsy.core.archives import check_zip, inflated
from netopsy.core.errors import InputError, require
from netopsy.core.memory import check_bytes
from netopsy.core.texts import plain

_INDEX, _NUMBER = 8, 8
_LINE = 2**16


def weigh(file: BufferedIOBase, ending: str, called: str) -> None:
    """Raise `InputError` where the matrices in a file would take more memory than one file may.

    Known are ``.npz``, ``.npy``, ``.mtx``, ``.mat``, ``.parquet`` and ``.pq``; other endings pass, and what is damaged
    passes to the one who reads it. The file stands at its beginning afterwards.
    """
    weighers = {".npz": _npz, ".npy": _npy, ".mtx": _matrix_market, ".mat": _matlab}
    weighers |= {".parquet": _parquet, ".pq": _parquet}
    try:
        if ending in weighers:
            weighers[ending](file, called)
    except InputError:
        raise
    except Exception:
        pass
    file.seek(0)


def sound(matrix: Any, called: str) -> Any:
    """A matrix as a reader made it, once its pointers and places are known to be in order.

    Compiled code that follows a pointer that falls, or a place outside, ends the process.

    Raises:
        InputError: they are not, or the pointers that so many rows need would take too much memory.
    """
    if not hasattr(matrix, "nnz"):
        return matrix
    rows, columns = matrix.shape
    check_bytes((rows + columns) * _INDEX + matrix.nnz * (2 * _INDEX + _NUMBER), called)
    try:
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)
        elif hasattr(matrix, "coords"):
            inside = all(
                len(place) == 0 or (place.min() >= 0 and place.max() < side)
                for place, side in zip(matrix.coords, matrix.shape, strict=True)
            )
            require(inside, "it has entries outside of its shape")
    except (ValueError, IndexError, TypeError) as error:
        raise InputError(f"{called} is damaged: {error}") from None
    return matrix


def _npz(file: BufferedIOBase, called: str) -> None:
    check_zip(file, called)


def _npy(file: BufferedIOBase, called: str) -> None:
    from numpy.lib import format as layout

    version = layout.read_magic(file)
    read = layout.read_array_header_1_0 if version == (1, 0) else layout.read_array_header_2_0
    shape, _, kind = read(file)
    check_bytes(math.prod(shape) * kind.itemsize, called)


def _matrix_market(file: BufferedIOBase, called: str) -> None:
    """By its first lines: scipy's `mminfo` ends the process on some streams."""
    banner = file.readline(_LINE).lower().split()
    line = file.readline(_LINE)
    while line.startswith(b"%") or line.isspace():
        line = file.readline(_LINE)
    rows, columns, *entries = map(int, line.split())
    if entries:
        twice = 1 if banner[-1] == b"general" else 2
        check_bytes(twice * entries[0] * (2 * _INDEX + _NUMBER), called)
    else:
        check_bytes(rows * columns * _NUMBER, called)


def _matlab(file: BufferedIOBase, called: str) -> None:
    """The elements of version 5 are packed one by one; in earlier versions nothing is packed."""
    head = file.read(128)
    order = {b"IM": "<", b"MI": ">"}.get(head[126:128])
    size = 0
    while order is not None and len(tag := file.read(8)) == 8:
        kind, length = struct.unpack(f"{order}II", tag)
        content = file.read(length)
        size += inflated(content, called, size) if kind == 15 else length
        check_bytes(size, called)


_REWRITING = """
import io, sys
from scipy.io import loadmat, savemat
held = loadmat(io.BytesIO(sys.stdin.buffer.read()))
held = {name: value for name, value in held.items() if not name.startswith("__")}
savemat(made := io.BytesIO(), held, long_field_names=True)
sys.stdout.buffer.write(made.getvalue())
"""


def rewritten(content: bytes, called: str) -> bytes:
    """A MATLAB file read and written anew by another process, so that what it says of its parts is true.

    scipy's compiled reader follows what a damaged file says out of its memory, which ends the process now and then.

    Raises:
        InputError: the file cannot be read, or the process crashed over it.
    """
    surroundings = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONSAFEPATH": "1"}
    command = [sys.executable, "-c", _REWRITING]
    done = subprocess.run(command, input=content, env=surroundings, capture_output=True, check=False)
    require(done.returncode >= 0, f"{called} is damaged: the process that tried to read it crashed")
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
        raise InputError(f"{called} cannot be read: {plain(lines[-1])[:300]}")
    return done.stdout


def _check_survivable(content: bytes, called: str) -> None:
    """scipy's compiled reader follows what a damaged file says out of its memory, so another process tries it first."""
    surroundings = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONSAFEPATH": "1"}
    tried = subprocess.run(
        [sys.executable, "-c", _TRIAL], input=content, env=surroundings, capture_output=True, check=False
    )
    require(tried.returncode >= 0, f"{called} is damaged: the process that tried to read it crashed")


def _parquet(file: BufferedIOBase, called: str) -> None:
    import pyarrow.parquet as pq

    table = pq.ParquetFile(file).metadata
    packed = sum(table.row_group(index).total_byte_size for index in range(table.num_row_groups))
    check_bytes(max(packed, table.num_rows * table.num_columns), called)
