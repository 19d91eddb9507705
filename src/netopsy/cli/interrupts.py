"""Ctrl-C that cannot get lost, and that waits where it must."""

from __future__ import annotations

import _thread
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from netopsy.core.errors import require

AGAIN = 0.1
"""Seconds until an interrupt that had no effect is sent once more."""


@contextmanager
def insistent_interrupts() -> Iterator[None]:
    """Send an interrupt again and again until the block has ended; one that nobody sent is an `InputError`.

    Python drops a `KeyboardInterrupt` that is raised while it runs a finaliser or the callback of a weak reference,
    and of those a network in training has many: work would go on as if nobody had asked for its end.
    """
    if threading.current_thread() is not threading.main_thread():  # only there can signals be received
        yield
        return
    over, asked = threading.Event(), threading.Event()

    def insist() -> None:
        while not over.wait(AGAIN):
            _thread.interrupt_main()

    def interrupt(*_: object) -> None:
        if over.is_set():
            return
        if not asked.is_set():
            asked.set()
            threading.Thread(target=insist, daemon=True).start()
        raise KeyboardInterrupt

    def unraisable(dropped: sys.UnraisableHookArgs) -> None:
        if not issubclass(dropped.exc_type, KeyboardInterrupt):  # that one comes again, so it is not worth a traceback
            report(dropped)

    report, sys.unraisablehook = sys.unraisablehook, unraisable
    previous = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except KeyboardInterrupt:
        # Code of others may raise it by itself, and that is an error like any other.
        require(asked.is_set(), "code that was called raised KeyboardInterrupt although nobody interrupted")
        raise
    finally:
        over.set()
        sys.unraisablehook = report
        signal.signal(signal.SIGINT, previous)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Let no interrupt into the block: for what takes a moment and must be done whole."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
