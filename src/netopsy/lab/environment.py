"""Under what circumstances a run was made: enough to repeat it, and nothing about whose machine it was."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import netopsy
from netopsy.lab.backends import available_cores

LIBRARIES = ("torch", "numpy", "scipy", "pandas", "scikit-learn")


def environment(*, threads: int | None = None) -> dict[str, Any]:
    """Versions, commit, device and date as JSON values; no paths and no names of machines or people.

    What decides the last digits of a result is in it: the processor, the instructions torch uses, and ``threads``,
    those a cell was measured with (this process's unless given).
    """
    import torch

    return {
        "netopsy": netopsy.__version__,
        "commit": _commit(),
        "python": platform.python_version(),
        **versions(),
        "system": f"{platform.system()} {platform.machine()}",
        "device": _device(),
        "processor": _processor(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads() if threads is None else threads,
        "date": datetime.now(UTC).date().isoformat(),
    }


def versions(libraries: Iterable[str] = LIBRARIES) -> dict[str, str | None]:
    """The installed versions, ``None`` where one is not installed."""
    return {name: _version(name) for name in libraries}


def _version(library: str) -> str | None:
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the source checkout, marked if its sources differ from it; ``None`` for an installed copy."""
    folder = Path(netopsy.__file__).parent
    if not (folder.parents[1] / ".git").exists():
        return None
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    return commit + ("+changes" if _git(folder, "status", "--porcelain", "--", ".") else "")


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _processor() -> str:
    """The model of the processor, as its maker calls it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "") or platform.processor() or platform.machine()


def _device() -> str:
    import torch

    if torch.cuda.is_available():
        return str(torch.cuda.get_device_name())
    cores = available_cores()
    return f"CPU, {cores} core{'s' * (cores > 1)}"
