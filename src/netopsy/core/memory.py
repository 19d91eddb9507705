"""How much memory what comes from outside may take."""

from __future__ import annotations

import os

from netopsy.core.errors import InputError

SHARE = 0.25
"""Of the machine's memory, unless the environment variable ``NETOPSY_MAX_BYTES`` says how many bytes."""


def most_bytes() -> int:
    """The most that one file or data set may take once it is unpacked.

    Raises:
        InputError: ``NETOPSY_MAX_BYTES`` is set and is no positive whole number.
    """
    given = os.environ.get("NETOPSY_MAX_BYTES")
    if given is None:
        return int(SHARE * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    if not given.isdigit() or int(given) == 0:
        raise InputError(f"NETOPSY_MAX_BYTES must be a positive number of bytes, got {given!r}")
    return int(given)


def check_bytes(size: int, called: str) -> None:
    """Raise `InputError` where something would take more memory than it may.

    >>> check_bytes(10, "the file")
    """
    most = most_bytes()
    if size > most:
        raise InputError(
            f"{called} would take {size / 1e9:.3g} GB of memory, more than the {most / 1e9:.3g} GB that one file may "
            "take; NETOPSY_MAX_BYTES raises the limit"
        )
