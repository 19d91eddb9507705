"""The folder of a run: whose it is, and the files a reader finds in it."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from matplotlib.figure import Figure

from netopsy.core import drawing
from netopsy.core.errors import InputError, require
from netopsy.lab.errors import Failure
from netopsy.lab.files import LOCK, TEMPORARY, make_folder, only_one, remove_unfinished, write, write_json
from netopsy.lab.judging import Verdict
from netopsy.lab.store import CellStore

MARK = "run.json"
"""The file by which a run folder is known; it names the paper."""


def check_folder(path: Path, paper: str) -> None:
    """Raise `InputError`, and touch nothing, unless ``path`` can become or already is a folder of ``paper``'s runs."""
    wanted = f"out must be a new folder or one of {paper}'s runs"
    if path.exists():
        require(path.is_dir(), f"{wanted}, and {path} is a file")
        require(os.access(path, os.R_OK | os.W_OK | os.X_OK), f"{wanted}, and {path} cannot be written to")
        if (path / MARK).is_file():
            owner = _owner(path / MARK)
            require(owner == paper, f"{wanted}, and {path} belongs to {owner}")
        else:
            strange = [entry.name for entry in path.iterdir() if entry.suffix != TEMPORARY and entry.name != LOCK]
            if strange:
                raise InputError(f"{wanted}, and {path} is a folder with something else in it, such as {strange[0]!r}")
        return
    above = next(folder for folder in path.absolute().parents if folder.exists())
    require(above.is_dir(), f"{wanted}, and {above} is a file")
    require(os.access(above, os.W_OK | os.X_OK), f"{wanted}, and nothing can be written to {above}")


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
        remove_unfinished(path)
        if not (path / MARK).exists():
            write_json(path / MARK, {"paper": paper})
        self.store = CellStore(path / "cells")

    def clear_results(self) -> None:
        """Remove what an earlier run concluded; its cells stay."""
        for name in ("rows.parquet", "verdicts.json", "environment.json", "failures.txt"):
            (self.path / name).unlink(missing_ok=True)
        shutil.rmtree(self.path / "figures", ignore_errors=True)

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

    def write_figures(self, drawn: Mapping[str, Figure]) -> dict[str, Path]:
        """Write each figure as SVG and PNG; returns where the SVGs are."""
        make_folder(self.path / "figures")
        found = {}
        for name, figure in drawn.items():
            require(re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name), f"figures need names such as 'accuracy', got {name!r}")
            for ending in ("png", "svg"):
                path = self.path / "figures" / f"{name}.{ending}"
                write(path, drawing.render(figure, ending))
                found[name] = path
        return found

    def write_environment(self, environment: Mapping[str, Any]) -> None:
        """Write the circumstances of the run as JSON."""
        write_json(self.path / "environment.json", dict(environment))

    def write_failures(self, failures: Sequence[Failure]) -> None:
        """Write down which cells failed, with their tracebacks."""
        parts = [f"{failure.cell}: {failure.reason}\n{failure.traceback}" for failure in failures]
        write(self.path / "failures.txt", "\n".join(parts).encode())


def _owner(mark: Path) -> object:
    try:
        entry = json.loads(mark.read_text(encoding="utf-8"))
        return entry["paper"]
    except (OSError, ValueError, KeyError, TypeError):
        return "something else"
