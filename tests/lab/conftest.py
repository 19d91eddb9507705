"""The toy study, importable here, in worker processes and in subprocesses."""

import sys
from collections import Counter
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
