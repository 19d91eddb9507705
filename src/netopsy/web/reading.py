"""The encoder beside the pages: loaded once a search wants it, while searches go by words and nobody waits."""

from __future__ import annotations

import logging
import threading

from netopsy.catalogue.search import encoder, searches_by_meaning
from netopsy.feed.search.index import SearchIndex

_LOG = logging.getLogger("netopsy.web")


class Reading:
    """What searches by meaning need beyond the index, which another process makes (`netopsy.web.runs.follower`)."""

    def __init__(self, index: SearchIndex) -> None:
        self._index = index
        self._ready, self._lock = threading.Event(), threading.Lock()
        self._thread: threading.Thread | None = None

    def ready(self) -> bool:
        """Whether a search can go by meaning; where it cannot yet, what it needs is loaded from now on."""
        if not self._ready.is_set():
            with self._lock:
                if self._thread is None and searches_by_meaning() and self._index.state().understood:
                    self._thread = threading.Thread(target=self._load, name="encoder", daemon=True)
                    self._thread.start()
        return self._ready.is_set()

    def awaited(self) -> bool:
        """Whether meaning comes by itself: it is installed and not ready."""
        return searches_by_meaning() and not self._ready.is_set()

    def loading(self) -> bool:
        """Whether it is being loaded at the moment."""
        return self._thread is not None and self._thread.is_alive()

    def wait(self, seconds: float) -> bool:
        """Wait until it is ready, at most so long; whether it is."""
        return self._ready.wait(seconds)

    def _load(self) -> None:
        try:
            encoder()(["a sentence"])
            self._ready.set()
        except Exception as error:  # whatever is wrong with it: words find without it, and the next search tries again
            _LOG.error("searches go by words alone: %s", type(error).__name__)
            self._thread = None
