"""The folder of a run: whose it is, and the files a reader finds in it."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from matplotlib.figure import Figure

from netopsy.core import drawing
from netopsy.core.errors import InputError, require
from netopsy.core.files import TEMPORARY
from netopsy.core.texts import plain, shortened
from netopsy.lab.errors import Failure, StorageError
from netopsy.lab.files import LOCK, make_folder, only_one, read_own, remove_unfinished, write, write_json
from netopsy.lab.judging import Verdict
from netopsy.lab.store import CellStore
from netopsy.lab.swaps import complete_swaps, swapped

MARK = "run.json"
"""The file by which a run folder is known; it names the paper."""


RESULTS = ("rows.parquet", "verdicts.json", "environment.json", "figures", "failures.txt")
"""What a run concludes; it changes together."""

_FOLDERS = ("cells", "figures", "fresh", ".fresh-whole")
_FILES = (LOCK, MARK, *(name for name in RESULTS if name not in _FOLDERS))


def check_folder(path: Path, paper: str) -> None:
    """Raise `InputError`, and touch nothing, unless ``path`` can become or already is a folder of ``paper``'s runs."""
    wanted = f"out must be a new folder or one of {paper}'s runs"
    try:
        _check(path, paper, wanted)
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"{wanted}, and {shortened(plain(str(path)))} cannot be used: {getattr(error, 'strerror', None) or error}"
        ) from None


def _check(path: Path, paper: str, wanted: str) -> None:
    if _there(path):
        require(path.is_dir(), f"{wanted}, and {path} is {_kind(path)}")
        require(os.access(path, os.R_OK | os.W_OK | os.X_OK), f"{wanted}, and {path} cannot be written to")
        for name in (*_FILES, *_FOLDERS):
            entry, kind = path / name, "a folder" if name in _FOLDERS else "a file"
            if _there(entry):
                require(_kind(entry) == kind, f"{wanted}, and {entry} is {_kind(entry)} instead of {kind}")
                needed = os.R_OK | os.W_OK | (os.X_OK if name in _FOLDERS else 0)
                require(os.access(entry, needed), f"{wanted}, and {entry} cannot be read and written")
        if (path / MARK).is_file():
            owner = _owner(path / MARK)
            require(owner == paper, f"{wanted}, and {path} belongs to {owner}")
        else:
            strange = [entry.name for entry in path.iterdir() if not _unfinished(entry) and entry.name != LOCK]
            if strange:
                raise InputError(f"{wanted}, and {path} is a folder with something else in it, such as {strange[0]!r}")
        return
    above = next(folder for folder in path.absolute().parents if folder.exists())
    require(above.is_dir(), f"{wanted}, and {above} is {_kind(above)}")
    require(os.access(above, os.W_OK | os.X_OK), f"{wanted}, and nothing can be written to {above}")


def _there(path: Path) -> bool:
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def _unfinished(entry: Path) -> bool:
    return entry.suffix == TEMPORARY and entry.name.startswith(".")


def _kind(path: Path) -> str:
    """What is there, in words; a link is a link whatever it leads to."""
    mode = path.lstat().st_mode
    kinds = ((stat.S_ISREG, "a file"), (stat.S_ISDIR, "a folder"), (stat.S_ISLNK, "a link"), (stat.S_ISFIFO, "a pipe"))
    return next((words for holds, words in kinds if holds(mode)), "a device or socket")


@contextmanager
def opened(path: Path, paper: str) -> Iterator[RunFolder]:
    """The folder, made if need be, with every other process kept out of it during the block."""
    check_folder(path, paper)
    make_folder(path)
    with only_one(path):
        yield RunFolder(path, paper)


class RunFolder:
    """A folder that belongs to the runs of one paper. Comes from `opened`."""

    def __init__(self, path: Path, paper: str) -> None:
        self.path = path
        complete_swaps(path)
        remove_unfinished(path)
        if not (path / MARK).exists():
            write_json(path / MARK, {"paper": paper})
        self.store = CellStore(path / "cells")
        self._take_whole()

    def fresh_store(self) -> CellStore:
        """Where cells are measured anew beside the old ones, until `take_fresh`."""
        return CellStore(self.path / "fresh")

    def take_fresh(self) -> None:
        """The fresh store is whole: its cells take the place of the old ones, those of other settings stay."""
        try:
            os.rename(self.path / "fresh", self.path / ".fresh-whole")
        except OSError as error:
            raise StorageError(error.errno, f"cannot write to {self.path}: {error.strerror}") from error
        self._take_whole()

    def _take_whole(self) -> None:
        whole = self.path / ".fresh-whole"
        if whole.is_dir():
            self.store.take(whole)
            shutil.rmtree(whole, ignore_errors=True)

    def clear_results(self) -> None:
        """Remove what an earlier run concluded; its cells stay."""
        if any(os.path.lexists(self.path / name) for name in RESULTS):
            with swapped(self.path, RESULTS):
                pass

    @contextmanager
    def results(self) -> Iterator[Results]:
        """What the block writes takes the place of what an earlier run concluded, at its end and together."""
        with swapped(self.path, RESULTS) as staged:
            yield Results(staged)

    def write_failures(self, failures: Sequence[Failure]) -> None:
        """Write down which cells failed, with their tracebacks."""
        parts = [f"{failure.cell}: {failure.reason}\n{failure.traceback}" for failure in failures]
        write(self.path / "failures.txt", "\n".join(parts).encode("utf-8", "backslashreplace"))


class Results:
    """What a run concludes. Comes from `RunFolder.results`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write_rows(self, rows: pd.DataFrame) -> None:
        """Write the table as Parquet; equal tables give equal bytes."""
        buffer = io.BytesIO()
        try:
            rows.to_parquet(buffer, index=False)
        except pa.ArrowException as error:
            raise InputError(f"a column of the rows mixes kinds of values: {error}") from None
        write(self.path / "rows.parquet", buffer.getvalue())

    def write_verdicts(self, verdicts: Sequence[Verdict]) -> None:
        """Write the verdicts as JSON."""
        write_json(self.path / "verdicts.json", [verdict.to_json() for verdict in verdicts])

    def write_figures(self, drawn: Mapping[str, Figure]) -> list[str]:
        """Write each figure as SVG and PNG; returns their names."""
        make_folder(self.path / "figures")
        for name, figure in drawn.items():
            require(re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name), f"figures need names such as 'accuracy', got {name!r}")
            for ending in ("png", "svg"):
                write(self.path / "figures" / f"{name}.{ending}", drawing.render(figure, ending))
        return list(drawn)

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        """Write the circumstances of the run as JSON."""
        write_json(self.path / "environment.json", dict(environment))


def _owner(mark: Path) -> object:
    try:
        entry = json.loads(read_own(mark))
        return entry["paper"]
    except (OSError, ValueError, KeyError, TypeError):
        return "something else"
