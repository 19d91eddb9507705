"""Kernels compiled by numba: no GIL, so that threads can share the work, and kept on disk between runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from numba import njit


def compiled(function: Callable[..., Any]) -> Any:
    """The function as machine code, compiled at its first call with each kind of arguments.

    Where no folder can be written to, it is compiled anew in every process.
    """
    plain = inspect.unwrap(function)  # the test run wraps every function in its shape checks
    try:
        return njit(nogil=True, cache=True)(plain)
    except RuntimeError:  # "cannot cache function": no folder to write to
        return njit(nogil=True)(plain)
