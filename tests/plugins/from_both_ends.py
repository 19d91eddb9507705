"""On a fresh checkout every worker compiles all test modules and what they import; of two, one begins at the end.

Each finds on disk what the other has compiled, so that they have done half of it each when they meet.
"""

import contextlib
import os
from pathlib import Path

import pytest
from _pytest.pathlib import import_path


def begin_at_the_end(session: pytest.Session) -> None:
    """In every second worker of a whole run, import the test modules backwards; collection finds them imported."""
    config, number = session.config, int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:])
    tests = Path(config.rootpath, "tests")
    if number % 2 == 0 or tests not in [Path(each).absolute() for each in config.args]:
        return
    how = {"mode": config.getoption("--import-mode"), "root": config.rootpath, "consider_namespace_packages": False}
    for path in sorted(tests.rglob("test_*.py"), reverse=True):
        with contextlib.suppress(Exception, pytest.skip.Exception):  # collection will say it
            import_path(path, **how)
