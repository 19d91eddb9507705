"""Code keys kept on the disk: finding them out reads most of the package, and they change only when it does."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable
from contextlib import suppress

from netopsy.core.paths import cache_folder
from netopsy.lab import version
from netopsy.lab.files import make_folder, write_json
from netopsy.lab.version import code_key_of

_KEYS = "code-keys.json"


def code_keys_at(places: Iterable[str]) -> dict[str, str | None]:
    """The key of the function at each place, as `netopsy.lab.version.code_key_of` has it.

    Of functions within netopsy they are kept in the cache folder until any file of the package changes.
    """
    asked = list(places)
    inside = [place for place in asked if place.startswith("netopsy.")]
    state = _state() if inside else ""
    kept = _kept(state) if inside else {}
    found = {place: kept[place] if place in kept else code_key_of(place) for place in asked}
    new = {place: found[place] for place in inside} | kept
    if len(new) > len(kept):
        with suppress(OSError):  # then they are found out again
            make_folder(cache_folder())
            write_json(cache_folder() / _KEYS, {"state": state, "keys": new})
    return found


def _kept(state: str) -> dict[str, str | None]:
    try:
        read = json.loads((cache_folder() / _KEYS).read_text(encoding="utf-8"))
        keys: dict[str, str | None] = read["keys"] if read["state"] == state else {}
        return keys if all(isinstance(key, str | None) for key in keys.values()) else {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _state() -> str:
    """Changes with every file of the package, and with Python, whose parser has a say in the keys."""
    files = ((file, file.stat()) for file in sorted(version.root().rglob("*.py")))
    told = [sys.version, *(f"{file} {found.st_size} {found.st_mtime_ns}" for file, found in files)]
    return hashlib.blake2b("\n".join(told).encode(), digest_size=16).hexdigest()
