"""What costs a test run much and no test needs.

What torch and pytest keep ready for whoever debugs, at every test and every traced operation, is left out; together it
is a twentieth of a run. And the million objects that imports make, which are there to stay, are not gone through again
and again in search of garbage, which is a second each time.
"""

import gc
import logging
from collections.abc import Generator
from typing import Any

import pytest
import torch
from _pytest.logging import catching_logs
from _pytest.unraisableexception import gc_collect_iterations_key

_entered = catching_logs.__enter__


def install() -> None:
    """From now on."""
    torch.fx.config.do_not_emit_stack_traces = True  # of every operation that is traced
    if not torch.cuda.is_available():
        torch.cuda.manual_seed_all = _unseeded  # keeps the stack of each call until there is a GPU
    catching_logs.__enter__ = _at_the_root


def configure(config: pytest.Config) -> None:
    """At the start of a session."""
    config.stash[gc_collect_iterations_key] = 0  # a last look for what was never closed takes seconds
    gc.set_threshold(20_000, 10, 10)  # tests make many objects and little rubbish


def collecting() -> Generator[None, object, object]:
    """Around the import of all tests."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def _unseeded(seed: int) -> None:
    pass


def _at_the_root(self: Any) -> Any:
    """As pytest's, which walks through some thousand loggers, three times a test, for those that hand nothing on."""
    loggers = logging.root.manager.loggerDict
    logging.root.manager.loggerDict = {}
    try:
        return _entered(self)
    finally:
        logging.root.manager.loggerDict = loggers
