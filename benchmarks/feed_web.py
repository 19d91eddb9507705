"""A day of 51 papers over HTTP on the loopback: made anew, kept, unchanged; start to first page; many readers."""

from __future__ import annotations

import http.client
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from benchmarks._feed_web_load import rates, served
from benchmarks.timing import Bound, Comparison, Rate
from netopsy.feed import Feed
from netopsy.feed.settings import Settings
from netopsy.web.app import create_app

DAY, PAGES = "/day/2025-03-14", 20
"""Pages asked for in one timing; what is printed is of all of them."""
PUBLIC = {"Host": "papers.example.org", "Accept-Encoding": "gzip"}


def benchmarks() -> Iterator[Comparison | Bound | Rate]:
    """A visitor whom nobody knows; a page under an address that nobody asked for is made anew."""
    os.environ.pop("NETOPSY_FEED", None)
    with tempfile.TemporaryDirectory() as folder, closing(Feed.open(f"sqlite:///{folder}/papers.db")) as feed:
        feed.follow(encode=0)
        app = create_app(feed, Settings(base_url="https://papers.example.org", secret_file=f"{folder}/secret"))
        with _served(app) as port, _served(_bare(app)) as other:
            numbers = count()

            def anew() -> None:
                for _ in range(PAGES):
                    _get(port, f"{DAY}?{next(numbers)}")

            def kept(at: int = port) -> None:
                for _ in range(PAGES):
                    _get(at, DAY)

            tag = _get(port, DAY)[1]

            def unchanged() -> None:
                for _ in range(PAGES):
                    _get(port, DAY, {"If-None-Match": tag})

            yield Bound(f"feed_web_{PAGES}_pages_made_anew", anew, PAGES * 0.015, rounds=9)
            yield Bound(f"feed_web_{PAGES}_pages_kept", kept, PAGES * 0.015, rounds=9)
            yield Bound(f"feed_web_{PAGES}_times_unchanged", unchanged, PAGES * 0.003, rounds=9)
            yield Comparison(
                f"feed_web_{PAGES}_pages_beside_bare_ones",
                kept,
                lambda: kept(other),
                target=6.0,
                peer_name="a route that returns the same bytes",
                rounds=5,
            )
        yield Bound("feed_web_from_start_to_first_page", lambda: _start(Path(folder)), 2.0, rounds=5)
    yield from rates()


def _bare(app: FastAPI) -> FastAPI:
    from starlette.middleware.gzip import GZipMiddleware
    from starlette.testclient import TestClient

    page = TestClient(app, base_url="https://papers.example.org").get(DAY).text
    bare = FastAPI()
    bare.add_middleware(GZipMiddleware, minimum_size=500, compresslevel=6)

    @bare.get(DAY)
    def same() -> HTMLResponse:
        return HTMLResponse(page)

    return bare


@contextmanager
def _served(app: FastAPI) -> Iterator[int]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


_CONNECTIONS: dict[int, http.client.HTTPConnection] = {}


def _get(port: int, path: str, headers: dict[str, str] | None = None) -> tuple[int, str]:
    connection = _CONNECTIONS.setdefault(port, http.client.HTTPConnection("127.0.0.1", port))
    connection.request("GET", path, headers=PUBLIC | (headers or {}))
    answer = connection.getresponse()
    answer.read()
    assert answer.status in (200, 304), answer.status
    return answer.status, answer.headers.get("etag", "")


def _start(folder: Path) -> None:
    with served(folder, "--slots", "0") as port:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()
