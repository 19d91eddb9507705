"""Numbers from whatever a caller holds them in."""

from __future__ import annotations

from typing import Any

import numpy as np

from netopsy.core.errors import InputError
from netopsy.core.texts import plain, shortened

Array = np.ndarray[Any, np.dtype[np.float64]]


def as_floats(values: Any, name: str) -> Array:
    """An array of float64.

    Raises:
        InputError: what is given is no array of numbers.

    >>> as_floats([1, 2], "weights")
    array([1., 2.])
    >>> as_floats(["x"], "weights")
    Traceback (most recent call last):
    netopsy.core.errors.InputError: weights must be numbers, got list: ['x']
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        got = f"{type(values).__name__}: {shortened(plain(repr(values)), 60)}"
        raise InputError(f"{name} must be numbers, got {got}") from error
