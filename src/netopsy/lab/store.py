"""Finished cells on the disk: one file a cell, with a checksum, so that damage is noticed."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from netopsy.lab.cells import Cell, Row
from netopsy.lab.files import make_folder, read_own, remove_unfinished, write

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What measuring a cell gave, the seconds it took, and the versions of the libraries that decide it."""

    rows: list[Row]
    seconds: float
    versions: Mapping[str, str | None] = field(default_factory=dict)


class CellStore:
    """The results in ``folder``, each under its cell's key.

    A file holds the SHA-256 of its second line, then that line: the cell and its result as JSON, in which every float
    is written with as many digits as it needs to come back the same.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        make_folder(folder)
        remove_unfinished(folder)

    def __contains__(self, key: str) -> bool:
        return os.path.lexists(self._path(key))

    def read(self, key: str) -> Result | None:
        """The result stored under ``key``; ``None`` if there is none, or if its file is damaged and was set aside."""
        path = self._path(key)
        if not os.path.lexists(path):
            return None
        try:
            return _decode(read_own(path), key)
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._set_aside(path, str(getattr(error, "strerror", None) or error))
            return None

    def write(self, key: str, cell: Cell, result: Result) -> None:
        """Store a result; raises `StorageError` if the disk does not take it."""
        write(
            self._path(key),
            _encode({"key": key, "cell": {"measure": cell.measure, **cell.parameters}, **asdict(result)}),
        )

    def take(self, other: Path) -> None:
        """Move all results that another store keeps in the folder ``other`` here, over those under the same keys."""
        for path in other.glob("*.json"):
            os.replace(path, self.folder / path.name)

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _set_aside(self, path: Path, reason: str) -> None:
        aside = self.folder / "damaged"
        _log.warning("damaged cell file %s (%s): set aside in %s, its cell is measured again", path.name, reason, aside)
        with suppress(OSError):  # not being able to keep the damaged file must not stop the run
            aside.mkdir(exist_ok=True)
            os.replace(path, aside / path.name)


def _encode(entry: dict[str, Any]) -> bytes:
    body = json.dumps(entry, separators=(",", ":")).encode()
    return hashlib.sha256(body).hexdigest().encode() + b"\n" + body + b"\n"


def _decode(content: bytes, key: str) -> Result:
    lines = content.split(b"\n")
    if len(lines) != 3 or lines[2]:
        raise ValueError("it was cut short or overwritten")
    if hashlib.sha256(lines[1]).hexdigest().encode() != lines[0]:
        raise ValueError("its checksum does not fit")
    entry = json.loads(lines[1])
    if entry["key"] != key:
        raise ValueError("it belongs to another cell")
    return Result(rows=entry["rows"], seconds=entry["seconds"], versions=entry.get("versions", {}))
