"""The toy study, importable here, in worker processes and in subprocesses."""

import os
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

TOYS = str(Path(__file__).parent / "toys")
if TOYS not in sys.path:
    sys.path.insert(0, TOYS)


@pytest.fixture
def toy():
    """The toy study's module."""
    import netopsy_toy

    return netopsy_toy


@pytest.fixture
def measured(tmp_path):
    """How often each cell was measured, from the log at `tmp_path / "log"`."""

    def count() -> Counter[str]:
        log = tmp_path / "log"
        return Counter(line.split(",")[0] for line in log.read_text().splitlines()) if log.exists() else Counter()

    return count


class Killed(BaseException):
    """The process was killed: nothing it does from here on reaches the disk."""


@pytest.fixture
def kill_after():
    """Does ``work`` and kills it at the call after so many that reach the disk; returns whether it was killed."""

    def kill(calls, work):
        made = [0]

        def counted(call):
            def instead(*arguments, **options):
                made[0] += 1
                if made[0] > calls:
                    raise Killed
                return call(*arguments, **options)

            return instead

        with pytest.MonkeyPatch.context() as patch:
            for name in ("mkdir", "rename", "replace", "unlink", "rmdir", "open", "fsync"):
                patch.setattr(os, name, counted(getattr(os, name)))
            with suppress(Killed):
                work()
        return made[0] > calls

    return kill
