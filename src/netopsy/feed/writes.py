"""Whether anybody wrote to the database: of an SQLite file known without a question to its tables."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

from sqlalchemy import Engine


class Writes:
    """Watches the file of a database through a connection of its own; safe to use from several threads."""

    def __init__(self, engine: Engine) -> None:
        named = engine.url.database if engine.dialect.name == "sqlite" else None
        self._file = named if named and Path(named).is_file() else None
        self._connection: sqlite3.Connection | None = None
        self._lock = threading.Lock()

    def seen(self) -> int | None:
        """A number that is another one once anybody has written; ``None`` where only the tables can tell."""
        if self._file is None:
            return None
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = sqlite3.connect(self._file, check_same_thread=False)
                return int(self._connection.execute("pragma data_version").fetchone()[0])
            except sqlite3.Error:
                return None

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
            self._connection = None
