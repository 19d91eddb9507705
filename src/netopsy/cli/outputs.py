"""The folder of a command's results: its files come into it together, when all are there, or it stays as it was."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netopsy.core.drawing import render
from netopsy.core.errors import InputError, require
from netopsy.core.paths import path_from
from netopsy.core.texts import plain, table_cell

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SUMMARY = "summary.json"
"""Says whose the folder is and lists its files, so that another run of the same command replaces them and no others."""


def output_place(out: Path, holds: Callable[[Path], bool], what: str, *, file: bool = False) -> Path:
    """``out`` if results may go there without harming anything: it is new, an empty folder, or ``holds`` such results.

    Args:
        what: such results in words, for the error.
        file: whether ``out`` is to be a file and no folder.

    Raises:
        InputError: a file is in the way, or something else is there.
    """
    out = path_from(out, "--out")
    above = next(place for place in (*(() if file else (out,)), *out.absolute().parents) if place.exists())
    require(above.is_dir(), f"--out {str(out)!r} cannot be written: {str(above)!r} is a file")
    try:
        free = not out.exists() or (not file and not any(map(_kept, out.iterdir()))) or holds(out)
    except OSError as error:
        raise InputError(f"--out {str(out)!r} cannot be looked into: {error.strerror}") from error
    require(free, f"--out {str(out)!r} is left as it is: it is not empty and holds no {what}; choose another")
    return out


def results_place(out: Path, command: str) -> Path:
    """`output_place` for a folder that `results` fills."""
    return output_place(out, lambda folder: _summary(folder).get("command") == command, f"result of {command}")


class Results:
    """The files of one run. Comes from `results`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.fields: dict[str, Any] = {}

    def path(self, name: str) -> Path:
        """Where to write a file of another kind."""
        return self._folder / name

    def table(self, name: str, columns: pd.DataFrame, ending: str) -> None:
        """As CSV or Parquet, by the ending."""
        from netopsy.lab.files import write

        buffer = io.BytesIO()
        safe = table_cell if ending == "csv" else plain
        texts = columns.select_dtypes(["object", "string"]).astype(object)
        words = {str(word): texts[word].map(lambda it: safe(it) if isinstance(it, str) else it) for word in texts}
        columns = columns.assign(**words)
        if ending == "csv":
            # Where a name holds what would begin a comment in an edge list, words are quoted.
            marked = any(each.astype(str).str.contains("[#%]").any() for each in words.values())
            columns.to_csv(buffer, index=False, quoting=csv.QUOTE_NONNUMERIC if marked else csv.QUOTE_MINIMAL)
        else:
            columns.to_parquet(buffer, index=False)
        write(self.path(f"{name}.{ending}"), buffer.getvalue())

    def figure(self, name: str, drawn: Figure) -> None:
        """As SVG and as PNG."""
        from netopsy.lab.files import write

        for ending in ("png", "svg"):
            write(self.path(f"{name}.{ending}"), render(drawn, ending))

    def summary(self, **fields: Any) -> None:
        """What was done, for programs."""
        self.fields |= fields


@contextmanager
def results(place: Path, command: str) -> Iterator[Results]:
    """The files that the block writes come into ``place`` at its end, and those of an earlier run that it lacks go.

    If the block fails or is interrupted, everything is left as it was, and no new folder stays.

    Raises:
        StorageError: the folder cannot be written to.
    """
    from netopsy.cli.interrupts import uninterrupted
    from netopsy.core.files import TEMPORARY
    from netopsy.lab.errors import StorageError
    from netopsy.lab.files import make_folder

    made = [folder for folder in (place, *place.parents) if not folder.exists()]
    make_folder(place)
    staged = None
    try:
        staged = Path(tempfile.mkdtemp(prefix=".", suffix=TEMPORARY, dir=place))
        found = Results(staged)
        yield found
        with uninterrupted():
            _move(staged, place, {"command": command, **found.fields})
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(error.errno, f"cannot write to {place}: {error.strerror}") from error
    finally:
        with uninterrupted():
            if staged is not None:
                shutil.rmtree(staged, ignore_errors=True)
            for folder in made:
                with suppress(OSError):  # one that holds results
                    folder.rmdir()


def _move(staged: Path, place: Path, fields: dict[str, Any]) -> None:
    from netopsy.lab.files import write_json

    files = {path.name for path in staged.iterdir()}
    stale = {name for name in _summary(place).get("files", ()) if (place / name).parent == place} - files
    write_json(place / SUMMARY, fields | {"finished": False, "files": sorted(files | stale)})
    for path in (place / name for name in stale):
        if path.is_file():
            path.unlink()
    for name in files:
        os.replace(staged / name, place / name)
    write_json(place / SUMMARY, fields | {"finished": True, "files": sorted(files)})


def _kept(path: Path) -> bool:
    from netopsy.core.files import TEMPORARY

    return path.suffix != TEMPORARY  # what a killed run was writing means nothing


def _summary(folder: Path) -> dict[str, Any]:
    try:
        found = json.loads((folder / SUMMARY).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
