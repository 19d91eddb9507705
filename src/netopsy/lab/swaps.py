"""Several entries of a folder that change together or not at all, however the process ends."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from netopsy.core.files import TEMPORARY
from netopsy.lab.errors import StorageError

_STAGED = ".swap-"
_READY = ".ready"


@contextmanager
def swapped(folder: Path, entries: Collection[str]) -> Iterator[Path]:
    """An empty folder; what the block puts there takes the place of ``entries`` of ``folder`` when the block ends.

    Those of ``entries`` that the block did not make are gone afterwards. If the block fails, all is as it was. The step
    that decides is one renaming; a process that is killed after it is made up for by `complete_swaps`, and one that is
    killed before it has changed nothing.

    Raises:
        StorageError: the disk does not take it.
    """
    staged: Path | None = None
    try:
        staged = Path(tempfile.mkdtemp(prefix=_STAGED, suffix=TEMPORARY, dir=folder))
        new, gone = staged / "new", staged / "gone"
        with _locked(staged):
            new.mkdir()
            gone.mkdir()
            yield new
            for name in set(entries) - {path.name for path in new.iterdir()}:
                (gone / name).touch()
            with _locked(folder):
                os.rename(staged, staged.with_suffix(_READY))
                staged = staged.with_suffix(_READY)
                _complete(staged)
    except BaseException as error:
        if staged is not None and staged.suffix == TEMPORARY:
            shutil.rmtree(staged, ignore_errors=True)
        if isinstance(error, OSError) and not isinstance(error, StorageError):
            raise StorageError(error.errno, f"cannot write to {folder}: {error.strerror}") from error
        raise


def complete_swaps(folder: Path) -> None:
    """End what a killed process had decided in ``folder``, and remove what it had not; raises `StorageError`."""
    if not any(folder.glob(f"{_STAGED}*")):
        return
    try:
        with _locked(folder):
            for ready in sorted(folder.glob(f"{_STAGED}*{_READY}"), key=os.path.getmtime):
                _complete(ready)
        for left in folder.glob(f"{_STAGED}*{TEMPORARY}"):
            with suppress(BlockingIOError), _locked(left, wait=False):  # else another process is at work in it
                shutil.rmtree(left, ignore_errors=True)
    except OSError as error:
        raise StorageError(error.errno, f"cannot write to {folder}: {error.strerror}") from error


def _complete(ready: Path) -> None:
    """Can be stopped after each line and done again."""
    folder, old = ready.parent, ready / "old"
    old.mkdir(exist_ok=True)
    for kind in ("new", "gone"):
        for entry in sorted((ready / kind).glob("*")):
            place = folder / entry.name
            if os.path.lexists(place) and not (kind == "new" and _is_file(place) and _is_file(entry)):
                os.rename(place, old / entry.name)
            if kind == "new":
                os.replace(entry, place)
            else:
                entry.unlink()
    shutil.rmtree(ready, ignore_errors=True)


def _is_file(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


@contextmanager
def _locked(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Keep other processes out of the same block; raises `BlockingIOError` where one is in it and is not waited for."""
    try:
        import fcntl
    except ImportError:  # a system without advisory locks
        yield
        return
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise
        except OSError:  # some network folders cannot be locked
            pass
        yield
    finally:
        os.close(handle)
