"""Requests a second of `netopsy serve --workers 2` over the loopback: pages that are kept, and made anew each time."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import count
from pathlib import Path

from benchmarks.timing import Rate

DAY = "/day/2025-03-14"
READERS, KEPT, ANEW = 8, 60, 5
"""Connections, and how many requests each sends in a run."""


def rates() -> Iterator[Rate]:
    """Eight readers whom a proxy lets through, each on a connection of its own."""
    with ExitStack() as open_now:
        folder = Path(open_now.enter_context(tempfile.TemporaryDirectory()))
        port = open_now.enter_context(served(folder, "--workers", "2", "--slots", "0"))
        pool, numbers = open_now.enter_context(ThreadPoolExecutor(READERS)), count()
        readers = [open_now.enter_context(closing(_Reader(port))) for _ in range(READERS)]

        def asked(times: int, address: Callable[[], str]) -> None:
            for each in [pool.submit(reader.ask, times, address) for reader in readers]:
                each.result()

        kept, anew = f"feed_web_{READERS}_readers_kept", f"feed_web_{READERS}_readers_made_anew"
        yield Rate(f"{kept}_2_workers", lambda: asked(KEPT, lambda: DAY), READERS * KEPT)
        yield Rate(f"{anew}_2_workers", lambda: asked(ANEW, lambda: f"{DAY}?{next(numbers)}"), READERS * ANEW)


class _Reader:
    """A connection that is kept open; it reads as little Python as it can, for it runs on the same machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))

    def ask(self, times: int, address: Callable[[], str]) -> None:
        """Ask so often, one after the other."""
        for _ in range(times):
            head = "Host: 127.0.0.1\r\nAccept-Encoding: gzip\r\nX-Forwarded-For: 198.51.100.7"
            self._socket.sendall(f"GET {address()} HTTP/1.1\r\n{head}\r\n\r\n".encode())
            got = self._socket.recv(65536)
            while b"\r\n\r\n" not in got:
                got += self._socket.recv(65536)
            head, _, body = got.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
            assert length is not None
            left = int(length[1]) - len(body)
            while left > 0:
                left -= len(self._socket.recv(65536))

    def close(self) -> None:
        """Close it."""
        self._socket.close()


@contextmanager
def served(folder: Path, *options: str) -> Iterator[int]:
    """The port of a page that was started with those options; the first who asks waits until it answers."""
    around = os.environ | {"NETOPSY_FEED": f"sqlite:///{folder}/papers.db", "PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "netopsy", "serve", "--port", "0", *options]
    with subprocess.Popen(command, env=around, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found is not None
        try:
            yield int(found[1])
        finally:
            process.terminate()
