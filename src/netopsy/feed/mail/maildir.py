"""Letters into a folder that mail programs read: each is one file, named by its Message-ID, so never two."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from pathlib import Path

from netopsy.core.errors import InputError
from netopsy.feed.mail.answers import Answer, Envelope, Outcome, Transport, said


class Maildir(Transport):
    """A folder with ``tmp``, ``new`` and ``cur`` in it.

    Args:
        folder: made where there is none.

    Raises:
        InputError: it cannot be made.
    """

    exact = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            for name in ("tmp", "new", "cur"):
                (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise InputError(f"the folder for mail {str(folder)!r} cannot be made: {error.strerror}") from None

    def send(self, envelope: Envelope) -> Answer:
        """Write the letter whole or not at all; one that is there is left as it is read."""
        name = hashlib.sha256(envelope.message_id.encode()).hexdigest()[:40]
        if envelope.again and any((self.folder / "cur").glob(f"{name}*")):
            return Answer(Outcome.SENT, "in the folder, and seen by a mail program")
        unfinished = self.folder / "tmp" / f"{name}.{secrets.token_hex(8)}"
        try:
            descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                out.write(envelope.content)
                out.flush()
                os.fsync(out.fileno())
            unfinished.replace(self.folder / "new" / name)
        except OSError as error:
            with contextlib.suppress(OSError):  # the folder may be gone, or not be one any more
                unfinished.unlink(missing_ok=True)
            return Answer(Outcome.UNREACHABLE, said(f"the folder cannot be written: {error.strerror}"))
        return Answer(Outcome.SENT, "in the folder")

    def trouble(self) -> str:
        """Write a file as for a letter, and take it away."""
        unfinished = self.folder / "tmp" / secrets.token_hex(16)
        try:
            unfinished.write_bytes(b"letter\r\n")
            unfinished.unlink()
        except OSError as error:
            return said(f"the folder cannot be written: {error.strerror}")
        return ""

    def close(self) -> None:
        """Nothing is open."""
