"""The process that workers are forked from ends at an interrupt without a word."""

import os
import signal
import subprocess
import sys

import pytest

from netopsy.lab import backends

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals are sent the Unix way")


@pytest.mark.parametrize(("first", "told"), [("netopsy.lab.server", False), ("netopsy", True)])
def test_an_interrupted_import_is_not_told_of(first, told):
    code = f"import {first}, time; print('importing', flush=True); time.sleep(30)"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == -signal.SIGINT
    assert ("KeyboardInterrupt" in errors) == told


def test_it_is_the_first_thing_that_the_server_imports(monkeypatch):
    preloaded = []
    monkeypatch.setattr(backends.forkserver, "set_forkserver_preload", preloaded.extend)
    monkeypatch.setattr(backends.forkserver, "ensure_running", lambda: None)
    backends.LocalProcesses(1, [test_it_is_the_first_thing_that_the_server_imports])
    assert preloaded == ["netopsy.lab.server", "netopsy.lab.worker", __name__]
