"""What torch and pytest keep ready for whoever debugs, at every test and every traced operation, is left out.

Together it is a twentieth of a test run; as much is the search for rubbish among the objects of imported modules.
"""

import gc
import logging
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
    gc.set_threshold(20_000, 10, 10)


def begin() -> None:
    """When all tests are known: what is there by now stays to the end."""
    gc.collect()
    gc.freeze()


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
