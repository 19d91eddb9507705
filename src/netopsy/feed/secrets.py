"""The keys that sign what is handed to visitors, and under which addresses are hashed, in one file."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from itsdangerous import BadData, URLSafeTimedSerializer

from netopsy.core.errors import InputError, require
from netopsy.feed.calendar import aware

FILE = "secret"
_KEY = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Secret:
    """What `secret_at` read; nothing of it is ever shown.

    >>> own = Secret("00" * 32, ("11" * 32,))
    >>> own.hashed("a@example.org") == own.hashed("a@example.org") != own.hashed("b@example.org")
    True
    """

    hashing: str
    """Never changed: what is hashed under it is a key of the database."""
    signing: tuple[str, ...]
    """The last one signs, all of them are read."""

    def __repr__(self) -> str:
        return "Secret(...)"

    def hashed(self, value: str, *, purpose: str = "") -> str:
        """A hash of 64 characters that only the holder of the key can make again."""
        return hmac.new(bytes.fromhex(self.hashing), f"{purpose}\0{value}".encode(), hashlib.sha256).hexdigest()

    def signed(self, purpose: str, value: Any, *, now: datetime) -> str:
        """A token for an address line: JSON, when it was signed, and a signature that is good for that purpose only."""
        made = _At(list(self.signing), salt=purpose, moment=aware(now)).dumps(value)
        return made if isinstance(made, str) else made.decode()

    def read(self, purpose: str, token: str, *, now: datetime, seconds: float | None = None) -> Any:
        """What was signed for that purpose at most ``seconds`` ago; ``None`` where it was not."""
        try:
            value, moment = URLSafeTimedSerializer(list(self.signing), salt=purpose).loads(token, return_timestamp=True)
        except (BadData, ValueError):
            return None
        age = (aware(now) - moment).total_seconds()
        return value if seconds is None or -60 <= age <= seconds else None


def secret_at(path: str | Path) -> Secret:
    """The keys in that file, which is made, for its owner's eyes alone, where there is none.

    The file is JSON: ``{"hashing": KEY, "signing": [KEY, ...]}`` with keys of 64 hexadecimal digits. A new key at the
    end of ``signing`` signs from then on; older ones are still read.

    Raises:
        InputError: it cannot be read, made or understood.
    """
    file = Path(path).expanduser()
    text, _ = kept_text(file, "the file of keys", _new_keys)
    try:
        found = json.loads(text)
        keys = [found["hashing"], *found["signing"]]
        require(len(keys) > 1 and all(isinstance(key, str) and _KEY.fullmatch(key) for key in keys), "")
    except (ValueError, KeyError, TypeError):
        raise InputError(
            f"the file of keys {str(file)!r} must hold JSON with 'hashing' and 'signing', keys of 64 hexadecimal digits"
        ) from None
    return Secret(keys[0], tuple(keys[1:]))


class _At(URLSafeTimedSerializer):
    """Signs as of a moment that is given instead of the clock's."""

    def __init__(self, keys: list[str], *, salt: str, moment: datetime) -> None:
        super().__init__(keys, salt=salt)
        self._moment = int(moment.timestamp())

    def make_signer(self, salt: Any = None) -> Any:
        made = super().make_signer(salt)
        made.get_timestamp = lambda: self._moment  # type: ignore[attr-defined]
        return made


def kept_text(file: Path, what: str, new: Callable[[], str]) -> tuple[str, bool]:
    """What is written in a file, and whether it was made just now, for its owner's eyes, with a ``new`` text.

    Raises:
        InputError: it cannot be read or made; the sentence begins with ``what``.
    """
    made = False
    try:
        if not file.exists():
            made = _write_once(file, new())
        return file.read_text(encoding="utf-8"), made
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{what} {str(file)!r} cannot be read or made: {_why(error)}") from None


def _new_keys() -> str:
    return json.dumps({"hashing": secrets.token_hex(32), "signing": [secrets.token_hex(32)]}) + "\n"


def _write_once(file: Path, text: str) -> bool:
    """Whether it was written; of two that begin at once one is, and both read that."""
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f".{file.name}.{secrets.token_hex(8)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.link(unfinished, file)
    except FileExistsError:
        return False
    finally:
        unfinished.unlink()
    return True


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
