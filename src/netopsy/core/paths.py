"""Where netopsy keeps what it can always get again, and where it finds local copies of data."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder for caches: ``NETOPSY_CACHE`` where it is set, otherwise the user's cache folder on this system.

    It is not created here; nothing in it is needed, everything in it saves time.
    """
    override = os.environ.get("NETOPSY_CACHE")
    if override:
        return Path(override).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("netopsy", appauthor=False))


def data_folder() -> Path | None:
    """The local copy of public data sets that ``NETOPSY_DATA`` names; nothing is fetched that is found there."""
    named = os.environ.get("NETOPSY_DATA")
    return Path(named).expanduser() if named else None
